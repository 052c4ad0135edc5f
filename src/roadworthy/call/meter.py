"""What the driver asks of whoever keeps the accounts. `keep` implements it; `call` only declares it."""

from __future__ import annotations

from typing import Protocol

from roadworthy._quick import quick
from roadworthy.call.reply import Ending, Reply, Usage

RECORD_SCOPE = "record:"
BATCH_OWNER = 0
"""Whose promise a call in a provider's batch is: no process's, so that it outlives them all."""


@quick(frozen=True, slots=True)
class Ask:
    """One request as it would be sent, and the most it can cost.

    Attributes:
        model: the model's canonical name.
        body: the exact bytes that are sent.
        key: 32 bytes: the hash of namespace, model, request and sample number; the identity of the reply. Whether it
            is read whole or as a stream makes no difference to it.
        words: what a re-ask added to the question; "" for the question itself.
        output_cap: tokens of output the request allows.
        worst_pico: an upper bound on its price, in pico-dollars.
        tokens_likely: what it will likely count against a tokens-per-minute limit.
        subject: the record itself, for a model that is the team's own function of it; never sent.
        images: what its images likely count, and how many of its bytes they are.
        refused: why this model cannot take it, found before anything is sent; "" where it can.
    """

    model: str
    body: bytes
    key: bytes
    words: str
    output_cap: int
    worst_pico: int
    tokens_likely: int
    subject: object = None
    refused: str = ""
    images: tuple[int, int] = (0, 0)

    @property
    def text_bytes(self) -> int:
        """Bytes of the request without its images."""
        return len(self.body) - self.images[1]


@quick(frozen=True, slots=True)
class Opened:
    """The intent is durable; the request may be sent."""

    attempt_id: int
    question_id: int


@quick(frozen=True, slots=True)
class Busy:
    """The same request is on the wire already, in the process `owner`, or in a batch (`BATCH_OWNER`)."""

    owner: int


@quick(frozen=True, slots=True)
class NoMoney:
    """A cap has no room for the reservation. What is reserved may come back; what is spent will not."""

    scope: str
    limit_pico: int
    spent_pico: int
    reserved_pico: int
    needed_pico: int


@quick(frozen=True, slots=True)
class Settlement:
    """How an attempt ended and what it cost.

    Attributes:
        state: `settled`, `unknown` (charged at its reservation) or `unsent` (costs nothing).
        text: the reply's text, None where there is no reply to keep under the request's key.
        model: the model that was asked; "" where nobody answered.
    """

    attempt_id: int
    reserved_pico: int
    state: str
    ending: Ending
    cost_pico: int
    latency_s: float
    usage: Usage | None = None
    text: str | None = None
    finish: str = ""
    served_model: str = ""
    token_probability: float | None = None
    provider_id: str = ""
    detail: str = ""
    model: str = ""


class Meter(Protocol):
    """The accounts of one record's step."""

    async def open(self, ask: Ask) -> Opened | Reply | Busy | NoMoney:
        """Look up the reply, claim the request, reserve its worst case and note the intent: all or nothing.

        A caller that is cancelled meanwhile sends nothing: what was opened for it is given back as unsent.
        """

    async def settle(self, settlement: Settlement) -> None:
        """Write how an attempt ended; durable on return."""

    def owe(self, settlement: Settlement) -> None:
        """Write it with the record's next change, so that reply, cost and outcome are one commit."""

    async def changed(self, seconds: float) -> None:
        """Return when some attempt of this process was settled, or after `seconds`."""
