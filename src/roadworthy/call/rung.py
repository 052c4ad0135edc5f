"""A rung of a step's ladder: one model, made ready to be asked."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Protocol, TypeAlias

import orjson

from roadworthy._daemons import Daemons
from roadworthy._edge import is_interrupted, told_to
from roadworthy._errors import WrongUse
from roadworthy._secret import struck_out
from roadworthy._settings import Settings
from roadworthy._whence import kind_and_place
from roadworthy.ask.digest import digest, measured
from roadworthy.ask.part import json_bytes, storable
from roadworthy.ask.question import OutputSchema, Question
from roadworthy.call.auth import NotAuthorized
from roadworthy.call.endpoint import Endpoint, find_endpoint
from roadworthy.call.lane import Lane
from roadworthy.call.limits import read_limits
from roadworthy.call.meter import Ask
from roadworthy.call.model import Function, Model
from roadworthy.call.price import pico
from roadworthy.call.raised import read_raised
from roadworthy.call.reply import Ending, Outcome, Usage
from roadworthy.call.tokens import input_bound, prompt_bytes, was_cut
from roadworthy.call.transport import Transport
from roadworthy.call.vision import likely_image_tokens
from roadworthy.call.wire.error import one_line
from roadworthy.call.wire.stream import Stream
from roadworthy.call.wire.wire import Terms, Wording

ROOM_MAX = 16_384
"""Output tokens that a model is given to reason, at most."""
LaneOf: TypeAlias = "Callable[[str, int | None, int | None], Lane]"


class Rung(Protocol):
    """One model, made ready: it words a request, sends it once, and knows its price."""

    @property
    def name(self) -> str:
        """The model's canonical name."""

    @property
    def lane(self) -> Lane:
        """The provider, model and key whose pace and health it shares."""

    @property
    def grows(self) -> bool:
        """Whether a truncated answer may be asked for again with more room."""

    def ask(
        self, question: Question, subject: object, *, words: str, room: int, namespace: str, sample: int
    ) -> Ask:
        """The request for a question: `words` added for a re-ask, the output cap times `room`."""

    def key(
        self, question: Question, subject: object, *, words: str, room: int, namespace: str, sample: int
    ) -> bytes:
        """The identity of that request alone, by which its reply is looked up: it is priced where it is bought."""

    async def send(self, ask: Ask, timeout_s: float, now: float) -> Outcome:
        """Send it, at most once, and classify what comes back. `now`: UTC seconds, for dates in headers."""

    def cost_pico(self, usage: Usage) -> int:
        """The price of reported usage in pico-dollars, exact."""


_NO_PICTURES = "no images: a function that is given the prompt gets its text alone; let it take the record"


def request_key(namespace: str, model: str, body: bytes, sample: int) -> bytes:
    """The identity of a request: SHA-256 over namespace, model, the whole request and the sample number."""
    return digest(body, after=_asker(namespace, model, sample))


@lru_cache(maxsize=1_000)
def _asker(namespace: str, model: str, sample: int) -> bytes:
    """What the hashes of a step's requests begin with: the same for all its records."""
    return measured(namespace.encode(), model.encode(), str(sample).encode())


class EndpointRung:
    """A provider's model behind HTTP."""

    grows: bool

    def __init__(
        self,
        model: Model,
        endpoint: Endpoint,
        schema: OutputSchema,
        lane: Lane,
        transport: Transport,
        settings: Settings,
        *,
        logprobs: bool,
    ) -> None:
        self.name = model.name
        self.lane = lane
        self.grows = model.max_output_tokens is None
        self._model = model
        self._endpoint = endpoint
        self._schema = schema
        self._transport = transport
        self._settings = settings
        self._logprobs = logprobs
        self._cap = output_cap(model, schema, settings)
        self._wordings: dict[int, Wording] = {}

    def ask(
        self, question: Question, subject: object, *, words: str, room: int, namespace: str, sample: int
    ) -> Ask:
        """The request for a question: canonical JSON, so that the same question is the same request.

        How an answer is read, whole or as a stream, is no part of its identity.
        """
        cap = self._capped(room)
        said = (self._wordings.get(room) or self._worded(room)).body(question, words)
        plain = body = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
        if self._model.stream:
            body = orjson.dumps(self._endpoint.wire.streamed(said), option=orjson.OPT_SORT_KEYS)
        seen = sizes = most_seen = 0
        if pictures := question.images:
            seen, sizes = likely_image_tokens(question), sum(len(image.base64) for image in pictures)
            most_seen = sum(map(self._endpoint.wire.image_tokens, pictures))
        text_bytes = len(body) - sizes
        likely, most = self.lane.rate.likely(text_bytes) + seen, self._model.context_tokens
        worst = self._endpoint.price.worst_pico(input_bound(text_bytes, self._settings) + most_seen, cap)
        refused = f"too_long: likely {likely} tokens, it takes {most}" if most and likely > most else ""
        key = request_key(namespace, self.name, plain, sample)
        return Ask(self.name, body, key, words, cap, worst, likely + cap, subject, refused, (seen, sizes))

    def key(
        self, question: Question, subject: object, *, words: str, room: int, namespace: str, sample: int
    ) -> bytes:
        """The identity of that request alone."""
        del subject
        said = (self._wordings.get(room) or self._worded(room)).body(question, words)
        plain = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
        return digest(plain, after=_asker(namespace, self.name, sample))

    def _worded(self, room: int) -> Wording:
        """How its requests with so much room are worded; the same for all records."""
        cap, model_id = self._capped(room), self._endpoint.model_id
        terms = Terms(model_id, self._model, self._schema, cap, self._logprobs)
        made = self._wordings[room] = Wording(self._endpoint.wire, terms)
        return made

    def _capped(self, room: int) -> int:
        """The output cap times `room`; room to reason ends at `ROOM_MAX`."""
        return min(self._cap * room, max(self._cap * 2, ROOM_MAX))

    @property
    def endpoint(self) -> Endpoint:
        """Where it is asked."""
        return self._endpoint

    @property
    def key_place(self) -> str:
        """The file that holds the key; "" where no file does."""
        return self._endpoint.key.place if self._endpoint.key is not None else ""

    def renew(self, environ: Mapping[str, str], lane_of: LaneOf) -> bool:
        """Read the key again; where it is another one, ask with it, through a lane of its own. Whether it was.

        Args:
            environ: where the key, or the file that holds it, is named.
            lane_of: the lane of a name, a limit of requests and one of tokens per minute.
        """
        try:
            found = find_endpoint(self._model, environ, {self.name: self._endpoint.price})
        except WrongUse:  # a file in the midst of being replaced; the next look may find it whole
            return False
        if found.lane == self._endpoint.lane:
            return False
        self._endpoint, self._wordings = found, {}
        self.lane = lane_of(found.lane, self._model.requests_per_minute, self._model.tokens_per_minute)
        self.lane.reopen()
        return True

    async def send(self, ask: Ask, timeout_s: float, now: float) -> Outcome:
        """Send it, at most once, and classify what comes back."""
        endpoint = self._endpoint
        try:
            headers = await endpoint.headers(ask.body)
        except NotAuthorized as error:
            return Outcome(Ending.UNSENT if error.passing else Ending.AUTH, detail=_line(error))
        if self._model.stream:
            stream = Stream(endpoint.wire.assembly(), self._settings.event_bytes_max)
            exchange = await self._transport.post(endpoint.url, headers, ask.body, timeout_s, stream)
            outcome = endpoint.wire.read_stream(exchange, stream, now)
        else:
            exchange = await self._transport.post(endpoint.url, headers, ask.body, timeout_s)
            outcome = endpoint.wire.read(exchange, now)
        if endpoint.cuts_prompts and _was_cut(ask, outcome.usage):
            detail = f"the server read only {outcome.usage and outcome.usage.input_tokens} tokens of the prompt: it cut it"
            outcome = replace(outcome, ending=Ending.TOO_LONG, detail=detail)
        if (text := struck_out(outcome.text)) != outcome.text:  # a gateway that says back what it was sent
            outcome = replace(outcome, text=text)
        limits = read_limits(exchange.headers, now)
        return outcome if limits is None else replace(outcome, limits=limits)

    def cost_pico(self, usage: Usage) -> int:
        """The price of reported usage."""
        return self._endpoint.price.cost_pico(usage)


def _was_cut(ask: Ask, usage: Usage | None) -> bool:
    """Whether a server read less than what its messages say; hardly ever need the request be looked at for that."""
    return was_cut(ask.text_bytes, usage) and was_cut(prompt_bytes(ask.body), usage)


class _NotBegun(Exception):
    """The time of a call was up before there was a thread for it."""


class FunctionRung:
    """The team's own proof of concept. One call of it is one attempt; what happens inside cannot be seen."""

    grows = False

    def __init__(self, function: Function, schema: OutputSchema, lane: Lane, settings: Settings) -> None:
        self.name = function.name
        self.lane = lane
        self._function = function
        self._schema = schema
        self._price_pico = pico(function.usd_per_call)
        # A lane has no more calls under way; the room above them is for those that hung and were given up.
        self._threads = Daemons(f"roadworthy-{function.name}", settings.lane_concurrency_max)
        self._cap = schema.output_tokens or settings.output_tokens_default

    def ask(
        self, question: Question, subject: object, *, words: str, room: int, namespace: str, sample: int
    ) -> Ask:
        """The call for a question; the request is the prompt's text, the schema it must meet, and the record it is given."""
        messages = [message.text for message in question.messages]
        seen = [image.sha256 for image in question.images]
        if words:
            messages.append(words)
        said: dict[str, object] = {"prompt": messages, "schema": self._schema.canonical.decode()}
        if self._function.takes_record:
            said["record"] = digest(json_bytes(subject)).hex()
        body = orjson.dumps(said | {"images": seen} if seen else said)
        return Ask(
            model=self.name,
            body=body,
            key=request_key(namespace, self.name, body, sample),
            words=words,
            output_cap=self._cap * room,
            worst_pico=self._price_pico,
            tokens_likely=0,
            subject=subject,
            refused=_NO_PICTURES if seen and not self._function.takes_record else "",
        )

    def key(
        self, question: Question, subject: object, *, words: str, room: int, namespace: str, sample: int
    ) -> bytes:
        """The identity of that request alone."""
        return self.ask(question, subject, words=words, room=room, namespace=namespace, sample=sample).key

    async def send(self, ask: Ask, timeout_s: float, now: float) -> Outcome:
        """Call the function once. What it raises is an ending: what its client met on the wire, else a bug of its own."""
        given = ask.subject if self._function.takes_record else "\n\n".join(orjson.loads(ask.body)["prompt"])
        raised: list[BaseException] = []
        try:
            with told_to(raised.append):
                return _answered(await self._call(given, timeout_s))
        except asyncio.CancelledError as error:
            if is_interrupted():
                raise
            raised.append(error)  # of a task that the function itself cancelled
        return self._broken(raised[0], now)

    def _broken(self, error: BaseException, now: float) -> Outcome:
        """How an attempt ended whose function raised, or was not called at all."""
        if isinstance(error, _NotBegun):
            return Outcome(Ending.UNSENT, detail=f"{self.name} was not called: {error}")
        outcome = read_raised(error, now)
        words = one_line(f"{self.name} raised {kind_and_place(error)}: {error}")
        return replace(outcome, detail=words, usage=None if outcome.ending is Ending.UNKNOWN else Usage())

    async def _call(self, given: object, timeout_s: float) -> object:
        """What it returns in time. One that hangs in a thread stays there alone."""
        if inspect.iscoroutinefunction(self._function.fn):
            async with asyncio.timeout(timeout_s):
                return await self._function.fn(given)
        call = self._threads.begin(self._function.fn, given)
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.wrap_future(call)
        except TimeoutError as error:
            if not call.cancel():  # it has begun, and may be billed; or it raised this itself
                raise
            raise _NotBegun("earlier calls of it have not returned, and no thread was left") from error

    def cost_pico(self, usage: Usage) -> int:
        """Its price a call, whatever came back."""
        del usage
        return self._price_pico


def _answered(answer: object) -> Outcome:
    """A function's answer, as text; any other object as JSON."""
    text = storable(answer if isinstance(answer, str) else orjson.dumps(answer, default=_plain).decode())
    ending = Ending.OK if text.strip() else Ending.EMPTY
    return Outcome(ending, text=text, finish="stop", usage=Usage())


def output_cap(model: Model, schema: OutputSchema, settings: Settings) -> int:
    """Tokens of output a request allows: what the model says, else what the schema bounds, else the default."""
    if model.max_output_tokens is not None:
        return model.max_output_tokens
    bound = schema.output_tokens if schema.output_tokens is not None else settings.output_tokens_default
    return max(settings.output_tokens_floor, min(bound, settings.output_tokens_default))


def _plain(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json")
    raise TypeError(f"{type(value).__name__} is not JSON")


def _line(error: BaseException) -> str:
    return one_line(str(error))
