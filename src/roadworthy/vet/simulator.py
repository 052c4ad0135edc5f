"""The simulated provider: a request comes in, is counted, and gets the answer and the trouble that its script holds for it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from hashlib import blake2b
from types import TracebackType
from typing import Final, Self, Unpack
from urllib.parse import parse_qs, unquote

import orjson

from roadworthy._errors import WrongUse
from roadworthy.vet.allowance import Allowance, Grant
from roadworthy.vet.batches import Shop
from roadworthy.vet.bill import Account, Bill, Entry, LoggedRequest, bill_as_json, money_text, read_price
from roadworthy.vet.blemish import blemish
from roadworthy.vet.connection import House
from roadworthy.vet.delivery import dispatch, refused
from roadworthy.vet.dialect import (
    BadRequest,
    ChatRequest,
    Envelope,
    capped,
    model_entry,
    model_list,
    output_tokens,
)
from roadworthy.vet.door import Knock, find_door
from roadworthy.vet.error_page import INVALID, PAGES, error_body
from roadworthy.vet.exchange import JSON, Request, Response
from roadworthy.vet.kind import Kind
from roadworthy.vet.options import Options, limits_of, rows_of, script_of
from roadworthy.vet.recording import Answer, Recording
from roadworthy.vet.script import Plan
from roadworthy.vet.server import Server
from roadworthy.vet.stand_in import INVENTED, copied_words, stand_in

LOG_ROWS_MAX: Final = 200_000
_PLAIN_ANSWER: Final = "ok"


class _Known:
    """What is remembered of a request's bytes, one for each different body."""

    __slots__ = ("arrivals", "in_a_row", "question", "turn")

    def __init__(self, question: int | None, turn: int) -> None:
        self.question = question
        self.turn = turn
        self.arrivals = 0
        self.in_a_row = 0


class Simulator:
    """A local provider that speaks the providers' dialects, replays recorded answers, misbehaves by script, keeps the bill.

    Memory grows with the number of different request bodies (a few hundred bytes each), as it must for the same
    bytes to meet the same fate. `reset` frees it.

    Example:
        `async with Simulator(answers="recorded.jsonl", faults="mixed:0.10", seed=7) as simulator: simulator.url`

    Args:
        options: see `Options`; each may be left out.

    Raises:
        WrongUse: an option that makes no sense, or recorded answers that cannot be read.
    """

    def __init__(self, **options: Unpack[Options]) -> None:
        self._recording = Recording(
            rows_of(options), wrap=options.get("wrap", ""), loose=options.get("loose", False)
        )
        self._default_answer = options.get("default_answer")
        self._stand_in = options.get("stand_in", "plain")
        self._fallback = _schema_of(options.get("fallback_schema", ""))
        self._aliases = dict(options.get("aliases", {}))
        prices = {model: read_price(said) for model, said in options.get("prices", {}).items()}
        self._models = sorted({*self._recording.models, *self._aliases, *prices})
        self._account = Account(prices, rows_max=LOG_ROWS_MAX)
        self._allowance = Allowance(
            requests_per_minute=options.get("requests_per_minute", 0),
            tokens_per_minute=options.get("tokens_per_minute", 0),
        )
        self._script = script_of(options)
        self._shop = Shop(self._line)
        self._known: dict[bytes, _Known] = {}
        self._turns: dict[tuple[int, str], int] = {}
        self._house = House(self.handle, self._left_early, limits_of(options))
        self._host = options.get("host", "127.0.0.1")
        self._server = Server(self._house, host=self._host, port=options.get("port", 0))
        self._running = AsyncExitStack()

    # -- doors --

    async def __aenter__(self) -> Self:
        """Listen."""
        await self._running.enter_async_context(self._server)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection at once."""
        await self._running.aclose()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.port

    @property
    def url(self) -> str:
        """The base URL for an OpenAI client; other clients want it without its `/v1`."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}/v1"

    def bill(self) -> Bill:
        """The bill as it stands."""
        self._shop.work(self._script.batches)
        return self._account.bill()

    def requests(self, after: int = 0) -> list[LoggedRequest]:
        """The latest requests (200,000 at most) with a number above `after`, oldest first."""
        return self._account.rows(after)

    def script(self, change: Mapping[str, object]) -> None:
        """Behave differently from now on; see `Script.changed` for the names.

        Raises:
            WrongUse: an unknown name or kind, or a value that makes no sense.
        """
        self._script = self._script.changed(change)

    def reset(self) -> None:
        """Forget every request: the bill, the log, the turns, the arrivals and the rate limits begin anew."""
        self._account.reset()
        self._allowance.reset()
        self._shop.reset()
        self._known.clear()
        self._turns.clear()

    def handle(self, request: Request) -> Response:
        """The response to one request, which is counted before anything else happens to it."""
        if request.method == b"POST" and (knock := find_door(request.path)) is not None:
            return self._ask(knock, request.body, request.key.decode("latin-1"))
        if request.path.startswith(b"/sim/"):
            return self._desk(request)
        if (said := self._shop.handle(request, self._script.batches)) is not None:
            return said
        if request.method == b"GET" and request.path == b"/v1/models":
            return Response(200, model_list(self._models))
        if request.method == b"GET" and request.path.startswith(b"/v1/models/"):
            name = unquote(request.path.removeprefix(b"/v1/models/").decode("utf-8", "replace"))
            if name in self._models:
                return Response(200, orjson.dumps(model_entry(name)))
        return _unknown_url(request)

    def _left_early(self) -> None:
        self._account.incomplete += 1

    # -- questions, in whatever dialect --

    def _line(self, knock: Knock, body: bytes) -> Response:
        """One call of a batch."""
        return self._ask(knock, body, "", batched=True)

    def _ask(self, knock: Knock, body: bytes, key: str, *, batched: bool = False) -> Response:
        digest = blake2b(body, digest_size=16).digest()
        entry = self._account.arrive(time.time(), digest)
        entry.batched = batched
        entry.heard = tuple(word for word in self._script.watched if word.encode() in body)
        try:
            asked = knock.door.read(body, knock.model, stream=knock.stream)
        except BadRequest as error:
            return refused(knock, entry, 400, error_body(error.message, INVALID, None, error.param), JSON)
        self._account.name(entry, asked.model)
        entry.output_cap = asked.output_tokens_max
        if key in self._script.revoked:
            return self._page(knock, entry, asked, Kind.UNAUTHORIZED)
        need = max(asked.output_tokens_max or 0, asked.input_tokens)
        grant = self._allowance.take(asked.model, 0 if batched else need, time.monotonic())
        if grant.refused and not batched:
            return self._limited(knock, entry, asked, grant)
        known = self._recall(digest, asked)
        entry.turn, entry.arrival = known.turn, known.arrivals
        entry.question = None if known.question is None else self._recording.ids[known.question]
        plan = self._script.plan(
            asked.model, digest, known.arrivals, known.in_a_row, streamed=asked.stream, number=entry.n
        )
        if batched and plan.in_transit not in PAGES:
            plan = replace(plan, in_transit=None)
        known.arrivals += 1
        known.in_a_row = known.in_a_row + 1 if plan.in_transit else 0
        return self._perform(knock, entry, asked, known, plan, grant)

    def _limited(self, knock: Knock, entry: Entry, asked: ChatRequest, grant: Grant) -> Response:
        self._account.note(entry, "rate_limit")
        wait_ms = max(1, round(grant.wait_s * 1000))
        message = f"Rate limit reached for {asked.model} on {grant.refused} per min. Please try again in {wait_ms}ms."
        wait = b"retry-after: %d\r\nretry-after-ms: %d\r\n" % (-(-wait_ms // 1000), wait_ms)
        said = error_body(message, grant.refused, "rate_limit_exceeded")
        return refused(knock, entry, 429, said, JSON + wait + knock.door.limits(grant.headers))

    def _recall(self, digest: bytes, asked: ChatRequest) -> _Known:
        known = self._known.get(digest)
        if known is None:
            found = map(self._recording.find, (asked.question, *asked.earlier))
            question, turn = next((number for number in found if number is not None), None), 0
            if question is not None:
                turn = self._turns.get((question, asked.model), 0)
                self._turns[question, asked.model] = turn + 1
            known = self._known[digest] = _Known(question, turn)
        return known

    def _perform(
        self, knock: Knock, entry: Entry, asked: ChatRequest, known: _Known, plan: Plan, grant: Grant
    ) -> Response:
        """Carry out the plan: an error page, or an answer, billed now, with what befalls it on its way."""
        for kind in (plan.standing, plan.in_transit):
            if kind is None:
                continue
            if kind in PAGES:
                return self._page(knock, entry, asked, kind, grant.headers, plan.latency_s)
            self._account.note(entry, kind)
        answer = self._answer(entry, asked, known, plan)
        produced = output_tokens(answer.content if answer.content is not None else answer.refusal or "")
        produced = min(produced, asked.output_tokens_max or produced)
        if plan.in_transit is not Kind.ERROR_EVENT:
            self._account.charge(entry, asked.input_tokens, produced)
        envelope = Envelope(
            name=f"{entry.body.hex()[:16]}{entry.n:08x}",
            created=int(entry.at),
            model=f"{asked.model}-substitute" if plan.standing is Kind.SERVED_MODEL else asked.model,
            usage=None if plan.standing is Kind.NO_USAGE else (asked.input_tokens, produced),
            chance=plan.chance,
        )
        return dispatch(knock, entry, asked, answer, envelope, plan, grant)

    def _page(
        self,
        knock: Knock,
        entry: Entry,
        asked: ChatRequest,
        kind: Kind,
        limits: bytes = b"",
        latency_s: float = 0.0,
    ) -> Response:
        """An error instead of an answer."""
        page = PAGES[kind]
        self._account.note(entry, kind)
        headers = page.headers + knock.door.limits(limits)
        body = page.body(asked.model, asked.input_tokens)
        return refused(knock, entry, page.status, body, headers, latency_s)

    def _answer(self, entry: Entry, asked: ChatRequest, known: _Known, plan: Plan) -> Answer:
        answer = None
        if known.question is not None:
            model = self._aliases.get(asked.model, asked.model)
            answer = self._recording.answer(known.question, model, known.turn)
        answer = answer or self._unrecorded(asked)
        if plan.in_content is not None:
            spoiled = blemish(answer, plan.in_content, plan.chance, asked.schema)
            if spoiled is not None:
                self._account.note(entry, plan.in_content)
                answer = spoiled
        return capped(answer, asked.output_tokens_max)

    def _unrecorded(self, asked: ChatRequest) -> Answer:
        if self._default_answer is not None:
            return Answer(self._default_answer)
        if (schema := asked.schema or self._fallback) is not None:
            question = (*reversed(asked.earlier), asked.question)[0]
            words = {"copied": copied_words(question), "invented": INVENTED}.get(self._stand_in, "")
            return Answer(orjson.dumps(stand_in(schema, words=words)).decode())
        return Answer("{}" if asked.json_wanted else _PLAIN_ANSWER)

    # -- the desk: what a test asks of the simulator itself --

    def _desk(self, request: Request) -> Response:
        match request.method, request.path:
            case b"GET", b"/sim/bill":
                return Response(200, orjson.dumps(bill_as_json(self.bill())))
            case b"GET", b"/sim/batches":
                return Response(200, orjson.dumps({"batches": self._shop.told(self._script.batches)}))
            case b"GET", b"/sim/requests":
                return self._log(request.query)
            case b"GET", b"/sim/script":
                return Response(200, orjson.dumps(self._script.told()))
            case b"POST", b"/sim/script":
                return self._new_script(request.body)
            case b"POST", b"/sim/reset":
                self.reset()
                return Response(200, b"{}")
            case _:
                return _unknown_url(request)

    def _log(self, query: bytes) -> Response:
        said = parse_qs(query.decode("ascii", "replace"))
        try:
            after, most = (int(said.get(name, ["0"])[0]) for name in ("after", "limit"))
        except ValueError:
            after = most = -1
        if after < 0 or most < 0:
            return Response(400, error_body("after and limit are whole numbers of 0 or more.", INVALID))
        rows = self._account.rows(after, most or None)
        return Response(200, orjson.dumps({"requests": rows}, default=money_text))

    def _new_script(self, body: bytes) -> Response:
        try:
            self.script(_object(body))
        except (orjson.JSONDecodeError, WrongUse) as error:
            return Response(400, error_body(str(error), INVALID))
        return Response(200, orjson.dumps(self._script.told()))


def _schema_of(text: str) -> Mapping[str, object] | None:
    try:
        return _object(text.encode()) if text else None
    except (orjson.JSONDecodeError, WrongUse) as error:
        raise WrongUse(f"fallback_schema is no JSON Schema: {error}") from error


def _object(body: bytes) -> dict[str, object]:
    said = orjson.loads(body)
    if not isinstance(said, dict):
        raise WrongUse('The script is not a JSON object. Write it as {"faults": {"429": 0.05}}.')
    return said


def _unknown_url(request: Request) -> Response:
    where = f"{request.method.decode('ascii', 'replace')} {request.path.decode('ascii', 'replace')}"
    return Response(404, error_body(f"Unknown request URL: {where}.", INVALID, "unknown_url"))
