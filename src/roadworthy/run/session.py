"""One record being worked on: who pays, until when, and what is remembered on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import field
from typing import Any

from roadworthy._quick import quick
from roadworthy.call.reply import Reply
from roadworthy.keep.attempts import Payer, find_reply
from roadworthy.keep.held import Held
from roadworthy.keep.record import Kept
from roadworthy.keep.transaction import Change, Transaction
from roadworthy.learn.learned import Learned
from roadworthy.run.runtime import Runtime
from roadworthy.run.tail import Tail


class WouldAsk(BaseException):
    """The ledger has no reply and this session may not buy one. Not an Exception, so no user code swallows it.

    Args:
        step: the step that would ask.
        model: the model that would be asked.
        worst_pico: the most the request could cost.
        request_bytes: the size of the request.
        output_cap: the tokens of output it would allow.
        tried: whether this very request was sent before and got no reply.
    """

    def __init__(
        self,
        step: str,
        model: str,
        *,
        worst_pico: int,
        request_bytes: int,
        output_cap: int,
        tried: bool = False,
    ) -> None:
        super().__init__(f"{step} would ask {model}")
        self.tried = tried
        self.step = step
        self.model = model
        self.worst_pico = worst_pico
        self.request_bytes = request_bytes
        self.output_cap = output_cap


@quick(slots=True)
class Witnessed:
    """One question of a step inside a workflow.

    Attributes:
        value: what it was asked about.
        answer: the accepted answer as JSON text; None where there is none yet.
        model: who gave it.
    """

    step: str
    value: object
    answer: str | None = None
    model: str = ""


@quick(slots=True)
class Session:
    """One record being worked on.

    Attributes:
        offline: only the ledger answers; a missing reply raises WouldAsk.
        deadline: monotonic seconds after which nothing more is sent for it.
        namespace: whose record it is; part of the identity of its replies.
        learned: the app's state that it is judged by.
        models: the models whose answers were accepted on the way, one a step.
        confidences: how sure those were, where they said.
        certified: whether those are covered by a certificate, one a step.
        mended: what deterministic mending was needed.
        answer: the accepted answer of a step, typed as it was checked; None where there is none, or it is a workflow's.
        asked: whether anything was bought in this session.
        escalated: whether a model above the first was asked.
        defers: its attempts are not counted on the record one by one: a large record's row is dear to write.
        recounts: they are counted when work on the record ends.
        after: looks at the ledger in the very transaction that writes the record's outcome; None for nobody.
        question_id: the question of the step that ended the record, for `--retry failed`.
        unembedded: queries whose vectors would be bought, by a hash of each: the step that buys, and its bytes.
        witness: what steps inside a workflow were asked and answered, where somebody wants to know.
        held: what the ledger was found to hold of the record, among others; None where it is looked up when it is wanted.
        tail: who waits for the outcome to be durable; None where whoever runs the record does.
        changed: whether what the ledger says of the record was written in this session.
        under_way: the ends of those steps of a workflow that have begun.
        over: whether the workflow has ended.
        fresh: whether the ledger holds nothing but the record itself: no question, no reply, no ruling to look for.
        may_be_ruled: whether a person may have ruled on it, as far as is known without looking the ruling up.
    """

    runtime: Runtime
    kept: Kept
    payer: Payer
    offline: bool
    deadline: float
    namespace: str
    learned: Learned
    models: list[str] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    certified: list[bool] = field(default_factory=list)
    answer: Any = None
    asked: bool = False
    escalated: bool = False
    repaired: bool = False
    defers: bool = False
    recounts: bool = False
    after: Change[None] | None = None
    question_id: int = 0
    unembedded: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    witness: list[Witnessed] | None = None
    held: Held | None = None
    tail: Tail | None = None
    under_way: set[asyncio.Future[None]] = field(default_factory=set)
    over: bool = False
    changed: bool = False
    fresh: bool = False
    may_be_ruled: bool = False

    def __post_init__(self) -> None:
        kept, held = self.kept, self.held
        self.fresh = kept.outcome == "pending" and not (kept.attempts or kept.deaths or kept.stale_run)
        self.may_be_ruled = not self.fresh and (held is None or kept.id in held.ruled)

    def find_reply(self, key: bytes) -> Reply | None:
        """The reply to a request, if it was ever bought, by whichever record."""
        found = None if self.held is None else self.held.reply(key)
        return found or self.runtime.store.read(lambda tx: find_reply(tx, key))

    def look_after(self, tx: Transaction) -> None:
        """The outcome is written; whoever wants to see it as it stands does, before the commit."""
        if self.after is not None:
            self.after(tx)

    @property
    def late(self) -> bool:
        """Whether batches have brought what it waited for: its replies are in the ledger, and nobody has judged them."""
        batches = self.runtime.buyer is not self.runtime.driver
        return batches and self.kept.outcome == "pending" and self.kept.attempts > 0


_current: ContextVar[Session | None] = ContextVar("roadworthy_session", default=None)


def current_session() -> Session | None:
    """The session that a workflow's code runs in, None outside of one."""
    return _current.get()


@contextmanager
def in_session(session: Session) -> Iterator[None]:
    """Make `session` the one that steps, `once` and approvals inside belong to."""
    token = _current.set(session)
    try:
        yield
    finally:
        _current.reset(token)
