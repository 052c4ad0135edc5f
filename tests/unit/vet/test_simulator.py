"""The simulated provider over real sockets: each kind of trouble is what a raw client sees, and the bill knows of it."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Unpack

import pytest

from roadworthy.vet.kind import IN_CONTENT, MIXED, Kind
from roadworthy.vet.options import Options
from roadworthy.vet.simulator import Simulator

TEXT = "Where is my card? It said 5 days."
ANSWER = {"queue": "shipping", "urgency": 3, "quote": "Where is my card?"}
ROWS = [{"id": "T-1", "text": TEXT, "answers": {"gpt-4": ANSWER}}]
PRICES = {"gpt-4": "0.05,0.4"}
SCHEMA = {
    "type": "object",
    "properties": {
        "queue": {"type": "string", "enum": ["billing", "shipping"]},
        "urgency": {"type": "integer", "minimum": 1},
        "quote": {"type": "string"},
    },
    "required": ["queue", "urgency", "quote"],
}


@dataclass
class Seen:
    """What a client saw of one response."""

    ending: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def choice(self) -> dict[str, object]:
        choice: dict[str, object] = json.loads(self.body)["choices"][0]
        return choice

    def message(self) -> dict[str, object]:
        message = self.choice()["message"]
        assert isinstance(message, dict)
        return message

    def error(self) -> dict[str, object]:
        error: dict[str, object] = json.loads(self.body)["error"]
        return error


def question(text: str = TEXT, *, number: int = 0, **more: object) -> bytes:
    """The body of a request about the recorded ticket; `number` makes it another body."""
    messages = [
        {"role": "system", "content": f"Sort the ticket. {number}"},
        {"role": "user", "content": f"<ticket>{text}</ticket>"},
    ]
    wanted = {"type": "json_schema", "json_schema": {"name": "triage", "schema": SCHEMA, "strict": True}}
    return json.dumps(
        {
            "model": "gpt-4",
            "messages": messages,
            "response_format": wanted,
            "max_completion_tokens": 200,
            **more,
        }
    ).encode()


async def fetch(
    simulator: Simulator,
    body: bytes,
    *,
    path: str = "/v1/chat/completions",
    method: str = "POST",
    wait_s: float = 3.0,
    headers: Mapping[str, str] | None = None,
) -> Seen:
    """One request on a connection of its own, read to whatever end it comes to."""
    reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
    head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items()) + "\r\n"
    raw, ending = b"", "whole"
    try:
        writer.write(head.encode() + body)
        async with asyncio.timeout(wait_s):
            while more := await reader.read(65_536):
                raw += more
    except ConnectionResetError:
        ending = "reset"
    except TimeoutError:
        ending = "silent"
    finally:
        writer.transport.abort()
    if not raw:
        return Seen(ending)
    top, _, rest = raw.partition(b"\r\n\r\n")
    status, *lines = top.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    if "content-length" in headers and len(rest) < int(headers["content-length"]) and ending == "whole":
        ending = "cut"
    if headers.get("transfer-encoding") == "chunked":
        ending = "cut" if ending == "whole" and not rest.endswith(b"0\r\n\r\n") else ending
        rest = rest.partition(b"\r\n")[2].rpartition(b"\r\n0\r\n\r\n")[0] or rest.partition(b"\r\n")[2]
    return Seen(ending, int(status.split()[1]), headers, rest)


def against(scenario: Callable[[Simulator], Awaitable[None]], **options: Unpack[Options]) -> None:
    """Run the scenario against a simulator on a port of its own."""

    async def run() -> None:
        given: Options = {"answers": ROWS, "prices": PRICES, **options}
        async with Simulator(**given) as simulator:
            await scenario(simulator)

    asyncio.run(run())


def one(body: bytes, wait_s: float = 3.0, **options: Unpack[Options]) -> tuple[Seen, Simulator]:
    """What one request sees; and the simulator afterwards."""
    kept: list[tuple[Seen, Simulator]] = []

    async def scenario(simulator: Simulator) -> None:
        kept.append((await fetch(simulator, body, wait_s=wait_s), simulator))

    against(scenario, **options)
    return kept[0]


def test_a_recorded_answer_is_replayed_and_billed_to_the_last_digit() -> None:
    """An OpenAI client would not get the recorded answer, or the bill would not be exact."""
    body = question()
    seen, simulator = one(body)
    asked = json.loads(body)
    chars = sum(len(message["content"]) for message in asked["messages"])
    schema_bytes = len(json.dumps(SCHEMA, separators=(",", ":")))
    given = -(-(chars + schema_bytes) // 4) + 6
    content = json.dumps(ANSWER, separators=(",", ":"))
    produced = -(-len(content) // 4) + 1
    assert (seen.status, seen.message()["content"], seen.choice()["finish_reason"]) == (200, content, "stop")
    usage = json.loads(seen.body)["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (given, produced)
    cost = (Decimal("0.05") * given + Decimal("0.4") * produced) / 1_000_000
    assert simulator.bill().total.cost_usd == cost
    row = simulator.requests()[0]
    assert (row.question, row.turn, row.fault, row.billed, row.written, row.cost_usd) == (
        "T-1", 0, "", True, True, cost,
    )  # fmt: skip


PAGES = [
    ("429", 429, "rate_limit_exceeded", "1"),
    ("429_bare", 429, "rate_limit_exceeded", None),
    ("retry_after_3600", 429, "rate_limit_exceeded", "3600"),
    ("quota", 429, "insufficient_quota", None),
    ("500", 500, None, None),
    ("503", 503, "server_is_overloaded", None),
    ("529", 529, None, None),
    ("error_in_200", 200, 502, None),
    ("401", 401, "invalid_api_key", None),
    ("404_model", 404, "model_not_found", None),
    ("too_long", 400, "context_length_exceeded", None),
    ("retry_after_ms", 429, "rate_limit_exceeded", None),
    ("retry_after_negative", 429, "rate_limit_exceeded", "-5"),
    ("retry_after_nan", 429, "rate_limit_exceeded", "nan"),
    ("retry_after_past", 429, "rate_limit_exceeded", "wed, 21 oct 2015 07:28:00 gmt"),
    ("429_in_200", 200, 429, None),
    ("400_in_200", 200, 400, None),
    ("403", 403, None, None),
    ("404_bare", 404, None, None),
    ("410", 410, "model_deprecated", None),
]


@pytest.mark.parametrize(("kind", "status", "code", "retry_after"), PAGES)
def test_an_error_has_its_shape_and_costs_nothing(
    kind: str, status: int, code: object, retry_after: str | None
) -> None:
    """A client that tells these errors apart would be tested against the wrong ones, or billed for them."""
    seen, simulator = one(question(), faults={kind: 1})
    assert (seen.status, seen.error()["code"], seen.headers.get("retry-after")) == (status, code, retry_after)
    total = simulator.bill().total
    assert (total.requests, total.billed_requests, total.cost_usd) == (1, 0, Decimal(0))
    assert (simulator.requests()[0].fault, simulator.requests()[0].status) == (kind, status)


@pytest.mark.parametrize(("kind", "status"), [("html_502", 502), ("html_200", 200)])
def test_a_gateway_page_is_html(kind: str, status: int) -> None:
    """A client that takes any 200 for an answer would go unnoticed."""
    seen, simulator = one(question(), faults={kind: 1})
    assert seen.status == status
    assert seen.headers["content-type"].startswith("text/html")
    assert seen.body.startswith(b"<!DOCTYPE html>")
    assert simulator.bill().total.billed_requests == 0


@pytest.mark.parametrize(("kind", "status"), [("choices_null", 200), ("redirect", 307)])
def test_what_is_neither_an_answer_nor_an_error(kind: str, status: int) -> None:
    """A client that reads the first choice unseen, or follows anybody with its key, would go unnoticed."""
    seen, simulator = one(question(), faults={kind: 1})
    assert (seen.status, simulator.bill().total.billed_requests) == (status, 0)
    said = json.loads(seen.body)
    assert (said.get("choices"), "location" in seen.headers) == (None, kind == "redirect")


def test_a_revoked_key_is_refused_and_another_is_not() -> None:
    """Nobody could see whether a client takes up a new key."""

    async def scenario(simulator: Simulator) -> None:
        simulator.script({"revoked": ["sk-old"]})
        for key, status in (("sk-old", 401), ("sk-new", 200), ("", 200)):
            seen = await fetch(
                simulator, question(), headers={"authorization": f"Bearer {key}"} if key else {}
            )
            assert seen.status == status
        assert [row.fault for row in simulator.requests()] == ["401", "", ""]
        simulator.script({"revoked": []})
        assert (await fetch(simulator, question(), headers={"x-api-key": "sk-old"})).status == 200

    against(scenario)


def test_a_watched_word_is_noted_wherever_in_a_request_it_stands() -> None:
    """A secret that an app sends to its provider would leave no trace in the log."""

    async def scenario(simulator: Simulator) -> None:
        simulator.script({"watched": ["CANARY1", "CANARY2"]})
        for text in ("a CANARY2 and a CANARY1", "a CANARY2b", "nothing"):
            await fetch(simulator, question(text))
        assert [row.heard for row in simulator.requests()] == [("CANARY1", "CANARY2"), ("CANARY2",), ()]

    against(scenario)


LOST = [("reset", "reset", 0), ("cut", "cut", 200), ("hang", "silent", 0), ("trickle", "silent", 200)]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("kind", "ending", "status"), LOST)
def test_a_lost_response_is_billed_all_the_same(kind: str, ending: str, status: int, *, stream: bool) -> None:
    """A ledger that books lost responses as free would agree with the bill."""
    seen, simulator = one(question(stream=stream), wait_s=0.4, faults={kind: 1}, trickle_s=0.05)
    assert (seen.ending, seen.status) == (ending, status)
    assert simulator.bill().total.billed_requests == 1
    row = simulator.requests()[0]
    assert (row.fault, row.billed, row.written, row.status) == (kind, True, False, status)


def test_a_hang_is_bounded() -> None:
    """A client without a time-out would wait for ever, and so would the test that finds it."""
    seen, _ = one(question(), faults={"hang": 1}, silence_s=0.2)
    assert seen.ending in {"whole", "reset"}
    assert seen.body == b""


def test_slow_is_ten_times_the_latency() -> None:
    """The tail that time-outs are made for would be missing."""

    async def scenario(simulator: Simulator) -> None:
        started = asyncio.get_running_loop().time()
        seen = await fetch(simulator, question())
        took = asyncio.get_running_loop().time() - started
        assert seen.status == 200
        assert 0.2 <= took < 2.0

    against(scenario, faults={"slow": 1}, latency_ms=20)


def test_a_trickle_ends_whole_when_there_is_time() -> None:
    """A patient client would never get its answer."""
    seen, simulator = one(question(), faults={"trickle": 1}, trickle_s=0.0005)
    assert (seen.ending, seen.message()["content"]) == ("whole", json.dumps(ANSWER, separators=(",", ":")))
    assert simulator.requests()[0].written


def _events(seen: Seen) -> list[dict[str, object]]:
    lines = [
        line.removeprefix("data: ") for line in seen.body.decode().split("\n\n") if line.startswith("data: ")
    ]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def test_a_stream_adds_up_to_the_answer_and_ends_with_its_usage() -> None:
    """A streaming client would miss text, the finish reason or the usage."""
    seen, _ = one(question(stream=True, stream_options={"include_usage": True}))
    *chunks, last = _events(seen)
    choices = [chunk["choices"][0] for chunk in chunks]  # type: ignore[index]
    text = "".join(choice["delta"].get("content", "") for choice in choices)
    assert text == json.dumps(ANSWER, separators=(",", ":"))
    assert [choice["finish_reason"] for choice in choices][-1] == "stop"
    assert last["choices"] == []
    assert "usage" in last
    assert seen.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("kind", "ending", "billed"), [("silent_stream", "silent", 1), ("error_event", "whole", 0)]
)
def test_a_stream_that_breaks_never_says_done(kind: str, ending: str, billed: int) -> None:
    """A client that takes half a stream for an answer would go unnoticed."""
    seen, simulator = one(question(stream=True), wait_s=0.4, faults={kind: 1})
    assert seen.ending == ending
    assert b"[DONE]" not in seen.body
    assert b'finish_reason":"stop' not in seen.body
    assert ("error" in _events(seen)[-1]) == (kind == "error_event")
    assert simulator.bill().total.billed_requests == billed


def test_stream_kinds_leave_other_requests_alone() -> None:
    """A plain request would hang for a fault that only a stream can have."""
    seen, simulator = one(question(), faults={"silent_stream": 1})
    assert (seen.status, simulator.requests()[0].fault) == (200, "")


@pytest.mark.parametrize("kind", IN_CONTENT)
def test_spoiled_content_arrives_in_a_good_response(kind: Kind) -> None:
    """What a status code never shows would not be tested, or would differ from one time to the next."""

    async def scenario(simulator: Simulator) -> None:
        first = await fetch(simulator, question())
        again = await fetch(simulator, question())
        assert first.status == 200
        assert first.choice() == again.choice()
        message, finish = first.message(), first.choice()["finish_reason"]
        assert message["content"] != json.dumps(ANSWER, separators=(",", ":"))
        assert (message["refusal"] is not None) == (kind is Kind.REFUSED)
        assert finish == {Kind.TRUNCATED: "length", Kind.FILTERED: "content_filter"}.get(kind, "stop")
        assert [row.fault for row in simulator.requests()] == [kind, kind]
        assert simulator.bill().total.billed_requests == 2

    against(scenario, faults={kind: 1})


def test_another_model_and_a_silent_bill_show_in_the_envelope_only() -> None:
    """A silent change of model, or missing usage, could not be tested without changing answers."""
    seen, simulator = one(question(), faults={"served_model": 1})
    assert json.loads(seen.body)["model"] != "gpt-4"
    assert list(simulator.bill().models) == ["gpt-4"]
    seen, simulator = one(question(), faults={"no_usage": 1})
    assert "usage" not in json.loads(seen.body)
    assert simulator.bill().total.output_tokens > 0


def _fates(seed: int, order_seed: int) -> dict[tuple[bytes, int], object]:
    """What each arrival of each body met, when all arrive at once in some order."""
    fates: dict[tuple[bytes, int], object] = {}
    bodies = [question(number=number) for number in range(60)] * 3
    random.Random(order_seed).shuffle(bodies)

    async def scenario(simulator: Simulator) -> None:
        await asyncio.gather(*(fetch(simulator, body) for body in bodies))
        for row in simulator.requests():
            fates[bytes.fromhex(row.body), row.arrival] = (row.fault, row.status, row.output_tokens)
        most = max(len(run) for run in _runs_of_trouble(simulator))
        assert most <= 2

    against(scenario, seed=seed, faults={"mixed": 0.6, "429": 0.3})
    return fates


def _runs_of_trouble(simulator: Simulator) -> list[list[str]]:
    runs: dict[str, list[list[str]]] = {}
    for row in simulator.requests():
        mine = runs.setdefault(row.body, [[]])
        transit = [kind for kind in row.fault.split("+") if kind and kind not in set(IN_CONTENT)]
        mine[-1].extend(transit) if transit else mine.append([])
    return [run for mine in runs.values() for run in mine]


def test_the_same_seed_gives_each_body_the_same_fate_in_any_order() -> None:
    """A failed road test could not be run again, and concurrency would change its result."""
    first, shuffled, other = _fates(7, 1), _fates(7, 2), _fates(8, 1)
    assert first == shuffled
    assert first != other
    assert len(set(first.values())) > len(MIXED) / 2


def test_an_outage_has_no_end_but_the_script() -> None:
    """An outage longer than two requests could not be staged, or not be ended."""

    async def scenario(simulator: Simulator) -> None:
        assert [(await fetch(simulator, question())).status for _ in range(6)] == [503] * 6
        seen = await fetch(simulator, b'{"faults": {}}', path="/sim/script")
        assert seen.status == 200
        assert (await fetch(simulator, question())).status == 200
        bad = await fetch(simulator, b'{"faults": {"nonsense": 1}}', path="/sim/script")
        assert bad.status == 400
        assert "nonsense" in str(bad.error()["message"])

    against(scenario, faults={"503": 1}, in_a_row_max=0)


def test_the_script_holds_for_one_model_alone() -> None:
    """A single model's outage could not be told from a provider's."""

    async def scenario(simulator: Simulator) -> None:
        simulator.script({"models": {"gpt-4": {"faults": {"404_model": 1}}}})
        assert (await fetch(simulator, question())).status == 404
        assert (await fetch(simulator, question(model="other"))).status == 200

    against(scenario)


def test_a_bill_of_many_requests_adds_up_exactly() -> None:
    """Cents would get lost between the rows and the sum, or requests between arrival and bill."""

    async def scenario(simulator: Simulator) -> None:
        bodies = [question(number=number, model=f"m{number % 3}") for number in range(150)]
        await asyncio.gather(*(fetch(simulator, body) for body in bodies), fetch(simulator, b"{"))
        bill, rows = simulator.bill(), simulator.requests()
        assert [row.n for row in rows] == list(range(1, 152))
        assert bill.total.requests == 151 == sum(line.requests for line in bill.models.values())
        assert bill.total.cost_usd == sum(row.cost_usd for row in rows if row.cost_usd is not None)
        assert bill.total.billed_requests == sum(row.billed for row in rows)
        assert bill.models[""].requests == 1
        told = json.loads((await fetch(simulator, b"", path="/sim/bill", method="GET")).body)
        assert Decimal(told["cost_usd"]) == bill.total.cost_usd
        page = await fetch(simulator, b"", path="/sim/requests?after=149", method="GET")
        assert [row["n"] for row in json.loads(page.body)["requests"]] == [150, 151]
        simulator.reset()
        assert (simulator.bill().total.requests, simulator.requests()) == (0, [])

    prices = {f"m{number}": f"0.0{number}7,1.{number}3" for number in range(3)}
    against(scenario, faults="mixed:0.5", prices=prices)


def test_rate_limits_refuse_and_tell() -> None:
    """A client that ignores the limits would be served, or not told of them."""

    async def scenario(simulator: Simulator) -> None:
        seen = [await fetch(simulator, question(number=number)) for number in range(4)]
        assert [one.status for one in seen] == [200, 200, 429, 429]
        assert seen[0].headers["x-ratelimit-remaining-requests"] == "1"
        assert int(seen[2].headers["retry-after"]) == 30
        assert simulator.bill().total.billed_requests == 2

    against(scenario, requests_per_minute=2)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"{}", b'{"model": "m"}', b'{"model": "m", "messages": [{}]}'),
        b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "n": [1]}',
    ],
)
def test_a_request_that_cannot_be_read_is_counted_and_refused(body: bytes) -> None:
    """Broken requests would vanish from the count, or crash the provider."""
    seen, simulator = one(body)
    assert (seen.status, simulator.bill().total.requests, simulator.requests()[0].status) == (400, 1, 400)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"requests": [{}]}', b'{"batch": 1}', b'{"input_file_id": []}']
)
def test_a_batch_that_cannot_be_read_is_refused(body: bytes) -> None:
    """Whoever mistakes the form of a batch would see the provider hang up, and look for the fault in the network."""

    async def scenario(simulator: Simulator) -> None:
        places = ("/v1/messages/batches", "/v1/batches", "/v1/files", "/v1beta/models/m:batchGenerateContent")
        for place in places:
            seen = await fetch(simulator, body, path=place)
            assert (place, seen.status) == (place, 400)
        seen = await fetch(simulator, b"", path="/v1/batches?limit=some", method="GET")
        assert seen.status == 400

    against(scenario)
