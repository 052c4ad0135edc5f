"""The one protocol of all wire formats: what a request says, and how what came back is classified."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from roadworthy._quick import quick
from roadworthy.accept.image import Image
from roadworthy.accept.record import Json
from roadworthy.ask.form import in_words
from roadworthy.ask.question import Form, Message, OutputSchema, Question
from roadworthy.call.limits import retry_after_s
from roadworthy.call.model import Model
from roadworthy.call.reply import Ending, Exchange, Outcome, Usage
from roadworthy.call.vision import any_image_tokens
from roadworthy.call.wire.error import asked_wait_s, find_error, inner_status, one_line, read_error, read_page
from roadworthy.call.wire.stream import Assembly, Stream
from roadworthy.call.wire.value import as_object

_IDS = ("x-request-id", "request-id", "x-amzn-requestid", "apim-request-id")
_NEVER_LEFT = {"unsent": Ending.UNSENT, "untrusted": Ending.UNTRUSTED}
_MAYBE_BILLED = frozenset({Ending.TRANSIENT, Ending.THROTTLED})


@quick(frozen=True, slots=True)
class Terms:
    """What all requests of a step to one model have in common.

    Attributes:
        model_id: the model's name on the wire.
        output_cap: tokens of output at most.
        logprobs: the tokens' log-probabilities are wanted; not every provider has them.
    """

    model_id: str
    model: Model
    schema: OutputSchema
    output_cap: int
    logprobs: bool = False

    def form(self, dialect: str) -> Form:
        """The output schema in a dialect; where it has no form of its own, the strict one that the question was built for."""
        if not self.model.structured:
            return in_words(self.schema.strict)
        return self.schema.forms.get(dialect) or Form(self.schema.strict)


class Wire(ABC):
    """One wire format. Stateless.

    Attributes:
        name: for messages and lanes.
        dialect: how it wants a schema, by the names of `OutputSchema.forms`; "" for the strict one.
        takes_words: whether a question can be asked with words added to it.
    """

    name: ClassVar[str]
    dialect: ClassVar[str] = ""
    takes_words: ClassVar[bool] = True

    @abstractmethod
    def url(self, base: str, model_id: str, *, stream: bool) -> str:
        """Where a request is posted."""

    def headers(self, model: Model) -> dict[str, str]:
        """What this format wants in every request's headers, besides the key."""
        del model
        return {}

    @abstractmethod
    def frame(self, terms: Terms, form: Form) -> dict[str, object]:
        """What every request of a step says: model, cap and schema, and no field of `said`."""

    @abstractmethod
    def said(self, messages: Sequence[Message]) -> dict[str, object]:
        """The fields that hold what one request is about."""

    @abstractmethod
    def streamed(self, body: dict[str, object]) -> dict[str, object]:
        """The same request, asking for a stream."""

    def plain(self, exchange: Exchange) -> Outcome | None:
        """What a whole answer says that is well and as the documents have it, where there is a quicker way to see that."""
        del exchange
        return None

    @abstractmethod
    def answer(self, said: Mapping[str, Any], headers: Mapping[str, str]) -> Outcome:
        """Classify a body that claims success and holds no error; the headers name it where it has no id of its own."""

    @abstractmethod
    def usage(self, said: Mapping[str, Any]) -> Usage | None:
        """The tokens that a body reports, in the normal form; None where it reports none that can be read."""

    @abstractmethod
    def assembly(self) -> Assembly:
        """What gathers a stream's events."""

    def image_tokens(self, image: Image) -> int:
        """What an image counts at most."""
        return any_image_tokens(image)

    def error(self, said: Mapping[str, Any], headers: Mapping[str, str]) -> Mapping[str, Any] | None:
        """The error that a body holds; None where there is none."""
        del headers
        return find_error(said)

    def read(self, exchange: Exchange, now: float) -> Outcome:
        """Classify one exchange: the one place where what a provider says becomes an ending. Pure.

        What may have been billed and reports no usage is `unknown`, so that it is charged: an exchange that broke after
        sending, a 200 that cannot be read, an answer without its end. A status of 400 or more tells enough, even where
        its body broke off.

        Args:
            now: seconds since 1970, UTC, to read a Retry-After that is a date.
        """
        status = exchange.status
        if exchange.error and status < 400:
            ending = _NEVER_LEFT.get(exchange.error, Ending.UNKNOWN)
            detail = one_line(exchange.detail or exchange.error)
            return Outcome(ending, provider_id=provider_id_of(exchange.headers), detail=detail)
        if status == 200 and (well := self.plain(exchange)) is not None:
            return well
        said = as_object(exchange.body)
        claims = 200 <= status < 300
        error = self.error(said or {}, {} if claims else exchange.headers)
        if claims and said is not None and error is None:
            return self.answer(said, exchange.headers)
        if error is not None:
            ending, detail = read_error(inner_status(error) if claims else status, error)
            detail = f"inside a {status}: {detail}"[:300] if claims else detail
        elif said is None and _is_html(exchange):
            ending, detail = read_page(status)
        elif claims:
            ending, detail = Ending.UNKNOWN, f"HTTP {status} with something that is not JSON"
        else:
            ending, detail = read_error(status, {})
        wait = asked_wait_s(error or {}) or retry_after_s(exchange.headers, now)
        usage, provider_id = self.usage(said or {}), provider_id_of(exchange.headers)
        return Outcome(ending, retry_after_s=wait, provider_id=provider_id, detail=detail, usage=usage)

    def read_stream(self, exchange: Exchange, stream: Stream, now: float) -> Outcome:
        """Classify an exchange that was read as a stream.

        A stream without its terminal marker is cut, whatever its text looks like. An error that breaks into an answer
        may have been billed as far as it came, so it does not pass free of charge, whatever it means.
        """
        if not stream.accepted:
            return self.read(exchange, now)
        provider_id = provider_id_of(exchange.headers)
        gathered = stream.assembly
        if gathered.error is not None:
            ending, detail = read_error(inner_status(gathered.error), gathered.error)
            usage = self.usage(gathered.failed)
            if gathered.begun and usage is None and ending in _MAYBE_BILLED:
                ending = Ending.UNKNOWN
            return Outcome(
                ending,
                provider_id=provider_id,
                detail=f"inside a stream: {detail}"[:300],
                retry_after_s=asked_wait_s(gathered.error) or retry_after_s(exchange.headers, now),
                usage=usage,
                begun=gathered.begun,
            )
        whole = gathered.ended or (gathered.may_end and not exchange.error)
        if whole and not stream.broken:
            return self.answer(gathered.whole(), exchange.headers)
        why = stream.broken or exchange.detail or exchange.error or "no terminal marker"
        return Outcome(
            Ending.UNKNOWN, provider_id=provider_id, detail=one_line(f"the stream broke off: {why}")
        )


class Wording:
    """How the requests of a step to one model are worded: what they have in common is put together once."""

    __slots__ = ("_frame", "_wire", "_words")

    def __init__(self, wire: Wire, terms: Terms) -> None:
        form = terms.form(wire.dialect)
        self._wire = wire
        self._words = form.words
        self._frame = merged(terms.model.extra, wire.frame(terms, form))

    def body(self, question: Question, again: str = "") -> dict[str, object]:
        """What the request for one question says; streaming is said by `Wire.streamed`, so that it is no part of the reply's identity.

        Args:
            question: what is asked.
            again: what a re-ask adds to the last user message.
        """
        messages = question.messages
        if (self._words or again) and self._wire.takes_words:
            messages = _with_words(messages, self._words, again)
        return {**self._frame, **self._wire.said(messages)}


def _with_words(messages: Sequence[Message], words: str, again: str) -> tuple[Message, ...]:
    """A dialect's own words with the system's, a re-ask's with the user's last ones."""
    said = list(messages)
    if words:
        if not any(message.role == "system" for message in said):
            said.insert(0, Message("system", ""))
        first = next(place for place, message in enumerate(said) if message.role == "system")
        said[first] = replace(said[first], text="\n\n".join(filter(None, (said[first].text, words))))
    if again:
        last = max((place for place, message in enumerate(said) if message.role == "user"), default=-1)
        said[last] = replace(said[last], text=f"{said[last].text}\n\n{again}")
    return tuple(said)


def apart(messages: Sequence[Message]) -> tuple[str, list[Message]]:
    """The system's words apart from what the user says, as most providers want them."""
    system = "\n\n".join(message.text for message in messages if message.role == "system")
    return system, [message for message in messages if message.role == "user"]


def merged(extra: Mapping[str, Json], own: Mapping[str, object]) -> dict[str, object]:
    """What is sent: the team's additions with our own fields over them, inside objects too."""
    out: dict[str, object] = {**extra}
    if not out:
        return {**own}
    for name, value in own.items():
        there = out.get(name)
        if isinstance(there, Mapping) and isinstance(value, Mapping):
            out[name] = merged(there, value)
        else:
            out[name] = value
    return out


def provider_id_of(headers: Mapping[str, str]) -> str:
    """The provider's id of a response; "" where it names none."""
    for name in _IDS:
        if name in headers:
            return one_line(headers[name])
    return ""


def _is_html(exchange: Exchange) -> bool:
    return "html" in exchange.headers.get("content-type", "").lower() or exchange.body.lstrip()[:1] == b"<"
