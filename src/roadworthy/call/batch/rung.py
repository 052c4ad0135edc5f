"""A model that is asked through its provider's batch API: the same requests, at half the price."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import orjson

from roadworthy.ask.question import Question
from roadworthy.call.batch.anthropic import AnthropicBatch
from roadworthy.call.batch.dialect import BatchDialect
from roadworthy.call.batch.gemini import GeminiBatch
from roadworthy.call.batch.openai import OpenAIBatch
from roadworthy.call.endpoint import Endpoint
from roadworthy.call.meter import Ask
from roadworthy.call.reply import Usage
from roadworthy.call.rung import EndpointRung, LaneOf, Rung

_STREAMING = ("stream", "stream_options")


class BatchRung(EndpointRung):
    """A provider's model behind its batch API.

    A request's identity is the same as without a batch, so a reply is bought once, whichever way.

    Attributes:
        direct: the same model, asked one by one at the full price.
    """

    def __init__(self, direct: EndpointRung) -> None:
        self.__dict__.update(direct.__dict__)
        self.direct = direct

    @property
    def dialect(self) -> BatchDialect:
        """How its provider's batches are worded; the address moves with the key."""
        found = dialect_of(self.name, self.endpoint)
        assert found is not None
        return found

    def ask(
        self, question: Question, subject: object, *, words: str, room: int, namespace: str, sample: int
    ) -> Ask:
        """The request for a question; half of the worst price, rounded up, is its bound."""
        ask = self.direct.ask(question, subject, words=words, room=room, namespace=namespace, sample=sample)
        return replace(ask, worst_pico=-(-ask.worst_pico // 2))

    def unhalved(self, ask: Ask) -> Ask:
        """The same request at the full price."""
        return replace(ask, worst_pico=2 * ask.worst_pico)

    def body(self, ask: Ask) -> bytes:
        """The request as a batch takes it: whole, never as a stream."""
        if b'"stream"' not in ask.body:
            return ask.body
        said = orjson.loads(ask.body)
        plain = {name: value for name, value in said.items() if name not in _STREAMING}
        return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)

    def cost_pico(self, usage: Usage) -> int:
        """The price of reported usage in a batch."""
        return self.dialect.price(self.endpoint.price).cost_pico(usage)

    def renew(self, environ: Mapping[str, str], lane_of: LaneOf) -> bool:
        """Read the key again, for both ways of asking."""
        changed = self.direct.renew(environ, lane_of)
        self.__dict__.update(
            {name: value for name, value in self.direct.__dict__.items() if name != "direct"}
        )
        return changed


def batched(rung: Rung) -> BatchRung | None:
    """The same model behind its provider's batch API; None where it has none that is spoken here."""
    if isinstance(rung, BatchRung):
        return rung
    if not isinstance(rung, EndpointRung) or dialect_of(rung.name, rung.endpoint) is None:
        return None
    return BatchRung(rung)


def has_batches(name: str) -> bool:
    """Whether a model of this name can be asked through batches."""
    return "@http" not in name and name.partition(":")[0] in _DIALECTS


def dialect_of(name: str, endpoint: Endpoint) -> BatchDialect | None:
    """How the batches of a model are worded, by what its name begins with."""
    return _DIALECTS[name.partition(":")[0]](endpoint) if has_batches(name) else None


_DIALECTS: Mapping[str, Callable[[Endpoint], BatchDialect]] = {
    "openai": lambda place: OpenAIBatch(place.url, place.model_id, "/v1/chat/completions"),
    "openai-responses": lambda place: OpenAIBatch(place.url, place.model_id, "/v1/responses"),
    "anthropic": lambda place: AnthropicBatch(place.url, place.model_id),
    "gemini": lambda place: GeminiBatch(place.url, place.model_id),
}
