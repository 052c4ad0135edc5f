"""Rows C1 and C3 to C12: money, retries, limits and time."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from pydantic import BaseModel, Field
from tests.faults.bench import GOOD, LARGE, PRICES, SMALL, Bench, Note, go, notes
from tests.faults.odd import Asked, OddProvider, response
from tests.ledgers import ask

from roadworthy import Model, Price
from roadworthy._clock import SystemClock
from roadworthy._errors import WrongUse
from roadworthy._events import AttemptEnded, Event, Retried
from roadworthy.vet.process import start_simulator
from roadworthy.vet.simulator import Simulator

PICO = Decimal(10) ** 12


@pytest.mark.fault("C1")
def test_usage_that_is_missing_is_charged_at_the_worst_case_and_marked(bench: Bench) -> None:
    """An answer without usage would be booked as free, or its estimate be taken for the bill."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, faults={"no_usage": 1.0}) as sim:
            bench.provider(sim.url)
            ran = await bench.run(bench.topics(), notes(5))
            billed = sim.bill().total.cost_usd
            assert billed is not None
            assert (ran.status, ran.summary.accepted, ran.summary.unknown) == (0, 5, 5)
            assert all(row[:2] == ("unknown", "ok") and row[2] == row[3] > 0 for row in bench.attempts())
            assert ran.summary.cost_usd >= billed > 0

    go(scenario())


@pytest.mark.fault("C3")
def test_usage_that_was_lost_with_its_answer_is_charged_at_the_worst_case(bench: Bench) -> None:
    """An answer that broke off would be booked as free; the provider bills it."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, faults={"cut": 1.0}, in_a_row_max=1) as sim:
            bench.provider(sim.url)
            ran = await bench.run(bench.topics(), notes(4))
            billed = sim.bill().total
            assert billed.cost_usd is not None
            assert (ran.summary.accepted, ran.summary.unknown, billed.billed_requests) == (4, 4, 8)
            assert ran.summary.cost_usd >= billed.cost_usd
            settled = sum(cost for state, _, cost, _ in bench.attempts() if state == "settled")
            assert Decimal(settled) / PICO == billed.cost_usd / 2

    go(scenario())


@pytest.mark.fault("C4")
@pytest.mark.timeout(120)
def test_four_processes_with_two_hundred_calls_never_spend_more_than_there_is(bench: Bench) -> None:
    """Each process would find the cap not reached yet, and all of them together pass it."""
    bench.write("in.jsonl", notes(300))
    with start_simulator(prices=PRICES, latency_ms=50) as sim:
        bench.provider(sim.url)
        bench.write("one.jsonl", notes(1, text="a probe"))
        assert bench.call("run", "app.py", "one.jsonl").returncode == 0
        cost, worst = bench.ask("SELECT cost_pico, reserved_pico FROM attempt")[0]
        cap = Decimal(max(50 * cost, 2 * worst)) / PICO
        before = sim.bill().total.cost_usd or Decimal(0)
        words = ["run", "app.py", "in.jsonl", "--concurrency", "50", "--budget-usd", str(cap)]
        running = [bench.start(*words) for _ in range(4)]
        looks = 0
        while any(child.poll() is None for child in running):
            for limit, held in bench.ask(
                "SELECT limit_pico, spent_pico + reserved_pico FROM budget WHERE limit_pico IS NOT NULL"
            ):
                looks += 1
                assert held <= limit
            time.sleep(0.02)
        ends = [(child.communicate()[1], child.returncode) for child in running]
        assert {code for _, code in ends} == {3}, ends
        spent = (sim.bill().total.cost_usd or Decimal(0)) - before
        assert looks > 10
        assert cap - Decimal(worst) / PICO <= spent <= cap, "and none of it is stranded"
        bodies = [row.body for row in sim.requests()]
        assert len(bodies) == len(set(bodies)), "no record is paid twice"
        print(f"{cap=} {spent=} requests={len(bodies)} looks={looks}")
        assert bench.call(*words[:-1], "100").returncode == 0
        assert len(sim.requests()) == 301


@pytest.mark.fault("C5")
def test_a_cap_of_nothing_lets_nothing_out(bench: Bench) -> None:
    """A budget that nobody wired up would let everything through, and only the bill would tell."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            ran = await bench.run(bench.topics(), notes(5), budget_pico=0)
            assert (ran.status, sim.requests()) == (3, [])
            by_app = await bench.run(bench.topics(budget_usd=0), notes(5), job="other")
            assert (by_app.status, sim.requests()) == (3, [])
            dear = await bench.run(bench.topics(record_budget_usd=0), notes(2), job="third")
            assert (dear.summary.waiting, sim.requests()) == ({"review": 2}, [])

    go(scenario())


@pytest.mark.fault("C5")
@pytest.mark.parametrize("name", ["openai:gpt-99", "mine@http://127.0.0.1:9/v1"])
def test_a_price_that_nobody_knows_is_not_nothing(bench: Bench, name: str) -> None:
    """A model without a price would run free of any cap."""
    bench.monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    with pytest.raises(WrongUse, match=r"price of .* is not known"):
        go(bench.run(bench.topics(name), notes(1)))


@pytest.mark.fault("C6")
@pytest.mark.timeout(120)
def test_what_a_dead_process_had_promised_is_charged_and_blocks_nobody(bench: Bench) -> None:
    """A process that died would keep its money reserved for ever, or give back what the provider billed."""
    bench.write("in.jsonl", notes(20))
    with start_simulator(prices=PRICES) as sim:
        bench.provider(sim.url)
        words = ("run", "app.py", "in.jsonl", "--concurrency", "4")
        assert bench.call(*words, ROADWORTHY_FAILPOINT="after_send:6").returncode == -9
        assert bench.ask("SELECT count(*) FROM attempt WHERE state = 'intent'")[0][0] > 0
        done = bench.call(*words)
        assert done.returncode == 0, done.stderr
        unknown = bench.ask("SELECT cost_pico, reserved_pico FROM attempt WHERE state = 'unknown'")
        assert 0 < len(unknown) <= 4
        assert all(cost == reserved for cost, reserved in unknown)
        ((spent, reserved),) = bench.ask(
            "SELECT spent_pico, reserved_pico FROM budget WHERE scope LIKE 'job:%'"
        )
        assert (spent, reserved) == (bench.ask("SELECT sum(cost_pico) FROM attempt")[0][0], 0)
        billed = sim.bill().total.cost_usd
        assert billed is not None
        assert Decimal(spent) / PICO >= billed
        assert len(sim.requests()) <= 20 + len(unknown)
        assert "nothing is wrong" in bench.look("doctor", "app.py")


@pytest.mark.fault("C7")
@pytest.mark.parametrize("kind", ["500", "429_bare", "reset", "error_in_200"])
def test_one_request_is_tried_three_times_at_most(bench: Bench, kind: str) -> None:
    """Retries inside retries would make nine requests of one; a lost answer could be billed each time."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, faults={kind: 1.0}, in_a_row_max=0) as sim:
            bench.provider(sim.url)
            topic = bench.topics()
            result = await topic.result(Note(id="1", text="a note"))
            await topic.home.close()  # type: ignore[attr-defined] # an app closes
            assert (result.outcome, result.waiting_for) == ("waiting", "provider")
            assert len(sim.requests()) == result.attempts == (2 if kind == "reset" else 3)

    go(scenario())


@pytest.mark.fault("C7")
def test_retries_are_a_tenth_of_what_succeeds(bench: Bench) -> None:
    """A provider in trouble would get more requests and not fewer."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, faults={"500": 0.08}, seed=3) as sim:
            bench.provider(sim.url)
            ran = await bench.run(bench.topics(settings={"breaker_failures": 50}), notes(500))
            assert ran.summary.accepted == 500
            print(f"{len(sim.requests()) / 500} requests a record at 8 % failures")
            assert len(sim.requests()) <= 1.2 * 500
            sim.reset()
            sim.script({"faults": {"500": 1.0}, "in_a_row_max": 0})
            # A pause as long as patience: however fast a round is, one re-entry whole, and a last look of each worker.
            settings = {"breaker_failures": 10_000, "patience_s": 0.3, "park_pause_s": 0.3}
            lost = notes(200, text="lost")
            dead = await bench.run(bench.topics(settings=settings), lost, job="dead", concurrency=8)
            assert dead.summary.failed == 0
            assert len(dead.heard(Retried)) == 10, "the burst"
            by_body: dict[str, int] = {}
            for row in sim.requests():
                by_body[row.body] = by_body.get(row.body, 0) + 1
            assert sum(count - 1 for count in by_body.values()) <= 10 + len(by_body) + 8

    go(scenario())


Span = tuple[float, float]


def on_the_wire(spans: list[Span], begin: float, end: float) -> float:
    """How many answers were waited for at a time, on average."""
    return sum(max(0.0, min(late, end) - max(early, begin)) for early, late in spans) / (end - begin)


def at_once(spans: list[Span]) -> int:
    """The most answers that were waited for at the same time."""
    return max(sum(early <= moment < late for early, late in spans) for moment, _ in spans)


@pytest.mark.fault("C8")
@pytest.mark.timeout(90)
def test_after_an_outage_the_old_rate_is_back_by_itself(bench: Bench) -> None:
    """Retries of the outage would keep the provider down after its cause is gone.

    One second stands for five minutes; breaker and pauses are shrunk alike. A rate is how many of the four workers wait
    for an answer: how many answers a second that makes is the machine's affair, and it may be busy with something else in
    one of the two seconds that are compared.
    """

    async def scenario() -> None:
        async with Simulator(prices=PRICES, latency_ms=80, in_a_row_max=0) as sim:
            bench.provider(sim.url)
            loop = asyncio.get_running_loop()
            down_s, times, spans = 1.0, list[float](), list[Span]()

            def change(faults: dict[str, float]) -> None:
                times.append(time.time())
                sim.script({"faults": faults})

            def hear(event: Event) -> None:
                if isinstance(event, AttemptEnded) and event.ending == "ok":
                    spans.append((time.time() - event.latency_s, time.time()))
                    if len(spans) == 80:
                        change({"503": 1.0})
                        loop.call_later(down_s, change, {})

            ran = await bench.run(bench.topics(), notes(300), hear=hear, concurrency=4)
            rows, (down, up) = sim.requests(), times
            before = on_the_wire(spans, down - 1.0, down)
            back = [span for span in spans if span[0] >= up]
            starts = [up + quarter / 4 for quarter in range(max(5, int(4 * (back[-1][1] - up - down_s))))]
            after = max(on_the_wire(spans, start, start + down_s) for start in starts)
            during = sum(down <= row.at < up for row in rows)
            print(f"{before:.1f}, then {after:.1f} at a time; {during} of {len(rows)} requests in the outage")
            assert (ran.status, ran.summary.accepted) == (0, 300)
            assert at_once(back[:100]) == 4
            assert after >= 0.8 * before
            assert len(rows) <= 1.2 * 300

    go(scenario(), 80)


@pytest.mark.fault("C9")
def test_a_start_with_everything_at_once_keeps_to_the_limit(bench: Bench) -> None:
    """The first second of each run would use up the minute, and be refused."""

    async def scenario() -> None:
        paced = Model("openai:small", price=SMALL.price, requests_per_minute=3_000)
        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            heard: list[float] = []
            entry = bench.topics(paced)
            ran = await bench.run(
                entry, notes(120), hear=lambda _: heard.append(time.time()), concurrency=120
            )
            assert ran.summary.accepted == 120
            # From the first event on, since how many arrive within a moment depends on when the machine has one for them.
            for count, row in enumerate(sorted(sim.requests(), key=lambda row: row.at), 1):
                assert count <= 50 + 50 * (row.at - heard[0]) + 6, (
                    "a second's worth of burst, and each second's"
                )

    go(scenario())


@pytest.mark.fault("C9")
def test_many_that_start_at_once_learn_the_limit_from_the_provider(bench: Bench) -> None:
    """Runs that know nothing of one another would go on knocking at a provider that says how much it takes.

    Five runs with pools of their own stand for processes: each keeps a pace of its own. They do not start slowly here,
    so that the limit is met.
    """

    async def scenario() -> None:
        async with Simulator(prices=PRICES, requests_per_minute=300) as sim:
            bench.provider(sim.url)
            ran = await asyncio.gather(
                *(
                    bench.run(
                        bench.topics(name=f"app{n}", settings={"lane_concurrency_start": 64}),
                        notes(64, text=f"run {n} note"),
                        job=f"job{n}",
                        concurrency=64,
                    )
                    for n in range(5)
                )
            )
            assert [(one.status, one.summary.accepted) for one in ran] == [(0, 64)] * 5
            rows = sim.requests()
            refused = [row for row in rows if row.status == 429]
            print(
                f"{len(refused)} of {len(rows)} requests refused; 320 records, 300 at once and 5 a second allowed"
            )
            assert 0 < len(refused) <= 64
            assert len(rows) == 320 + len(refused)

    go(scenario())


@pytest.mark.fault("C10")
@pytest.mark.parametrize("ladder", [1, 2])
def test_what_is_too_long_is_asked_once_for_each_size(bench: Bench, ladder: int) -> None:
    """A question that does not fit would be paid for, or asked for, at the same size again and again."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES) as sim:
            sim.script({"models": {"small": {"faults": {"too_long": 1.0}}}})
            bench.provider(sim.url)
            ran = await bench.run(bench.topics(*(SMALL, LARGE)[:ladder]), notes(4))
            assert [row.model for row in sim.requests()].count("small") == 4
            assert len(sim.requests()) == 4 * ladder
            assert ran.status == 0
            assert (ran.summary.waiting, ran.summary.accepted) == (
                ({"review": 4}, 0) if ladder == 1 else ({}, 4)
            )

    go(scenario())


@pytest.mark.fault("C10")
def test_what_likely_does_not_fit_is_not_sent_at_all(bench: Bench) -> None:
    """A known limit would be found out once for each record."""

    async def scenario() -> None:
        narrow = Model("openai:small", price=SMALL.price, context_tokens=400)
        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            rows = [*notes(2), {"id": "long", "text": "word " * 2_000}]
            ran = await bench.run(bench.topics(narrow, LARGE), rows)
            assert (ran.status, ran.summary.accepted) == (0, 3)
            assert sorted(row.model for row in sim.requests()) == ["large", "small", "small"]
            alone = await bench.run(bench.topics(narrow, name="alone"), rows[2:], job="alone")
            assert alone.summary.waiting == {"review": 1}
            assert "too_long" in bench.ask("SELECT reason FROM record WHERE waiting_for = 'review'")[0][0]

    go(scenario())


def events(*said: object) -> bytes:
    """A stream of these events that ends well."""
    body = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in said)
    head = f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.fault("C3")
@pytest.mark.parametrize(
    ("error", "ending"),
    [
        ({"message": "no", "code": 400}, "bad_request"),
        ({"message": "no", "code": "context_length_exceeded"}, "too_long"),
        ({"message": "no", "code": 502}, "unknown"),
    ],
)
def test_an_answer_that_had_begun_is_charged_whatever_broke_it_off(
    bench: Bench, error: dict[str, object], ending: str
) -> None:
    """Tokens that a provider bills would be booked as free, because the error alone would cost nothing."""

    async def scenario() -> None:
        begun = {"choices": [{"index": 0, "delta": {"content": "{"}, "finish_reason": None}]}
        async with OddProvider(lambda _: events(begun, {"error": error})) as odd:
            bench.provider(odd.url)
            streams = replace(SMALL, stream=True)
            await bench.run(
                bench.topics(streams, settings={"patience_s": 0.2, "park_rounds_max": 1}), notes(1)
            )
            assert odd.asked
            assert len(odd.asked) == 1 or ending == "unknown", "no retry"
            for state, ended, cost, reserved in bench.attempts():
                assert (state, ended, cost) == ("unknown", ending, reserved)

    go(scenario())


@pytest.mark.fault("C3")
def test_a_response_that_failed_costs_what_it_says(bench: Bench) -> None:
    """What a reasoning model used before it failed is billed, and was free where it was read as a stream."""
    used = {"input_tokens": 100, "output_tokens": 50, "total_tokens": 150}
    failed = {"status": "failed", "error": {"code": "server_error", "message": "no"}, "usage": used}
    part = {"type": "output_text", "text": json.dumps(GOOD)}
    whole = {"status": "completed", "output": [{"type": "message", "content": [part]}], "usage": used}

    async def scenario() -> None:
        answers = [
            events({"type": "response.failed", "response": failed}),
            events({"type": "response.completed", "response": whole}),
        ]
        async with OddProvider(lambda asked: answers[asked.number - 1]) as odd:
            bench.provider(odd.url)
            streams = replace(SMALL, name="openai-responses:small", stream=True)
            ran = await bench.run(bench.topics(streams), notes(1))
            cost = 100 * 100_000 + 50 * 400_000
            assert [row[:3] for row in bench.attempts()] == [
                ("settled", "transient", cost), ("settled", "ok", cost)
            ]  # fmt: skip
            assert ran.summary.accepted == 1

    go(scenario())


class Form(BaseModel):
    """An answer whose schema is ten times as long as what is asked."""

    topic: str = Field(description="The topic, in one word. " * 400)


def test_a_schema_that_a_server_does_not_count_is_no_cut_prompt(bench: Bench) -> None:
    """Where a schema steers the decoding it is no input, and every whole answer would be paid for and thrown away."""

    def reply(asked: Asked) -> bytes:
        given = sum(len(message["content"]) for message in asked.body["messages"])
        read = given // 4 if asked.number == 1 else given // 40
        usage = f'"usage":{{"prompt_tokens":{read},"completion_tokens":10,"total_tokens":{read + 10}}}'
        choice = '{"index":0,"message":{"role":"assistant","content":"{\\"topic\\":\\"billing\\"}"},"finish_reason":"stop"}'
        return response(f'{{"id":"c-1","model":"small","choices":[{choice}],{usage}}}'.encode())

    async def scenario() -> None:
        async with OddProvider(reply) as odd:
            own = Model(f"small@{odd.url}", price=SMALL.price)
            rows = [*notes(1), {"id": "long", "text": "a word or two " * 600}]
            ran = await bench.run(bench.step(Form, own), rows, concurrency=1)
            assert bench.outcomes() == {"N-0": ("accepted", ""), "long": ("waiting", "review")}
            assert (len(odd.asked), ran.summary.accepted) == (2, 1)
            assert "too_long" in bench.ask("SELECT reason FROM record WHERE key = 'long'")[0][0]

    go(scenario())


class Wanders(SystemClock):
    """A clock that somebody sets while it runs."""

    def __init__(self) -> None:
        self.set_s = 0.0
        self.slept_s = 0.0

    def now(self) -> float:
        return time.time() + self.set_s

    def monotonic(self) -> float:
        return time.monotonic() + self.slept_s


@pytest.mark.fault("C11")
@pytest.mark.parametrize("hours", [1, -1, 24 * 400])
def test_a_clock_that_is_set_moves_nothing(bench: Bench, hours: int) -> None:
    """A step of the clock would make a run wait for an hour, retry at once, or miss every deadline."""

    async def scenario() -> None:
        clock = Wanders()
        bench.clock(clock)
        async with Simulator(prices=PRICES, latency_ms=5, faults={"retry_after_ms": 0.02}, seed=1) as sim:
            bench.provider(sim.url)
            ended = 0

            def hear(event: Event) -> None:
                nonlocal ended
                ended += isinstance(event, AttemptEnded)
                clock.set_s = hours * 3_600.0 if ended > 50 else 0.0

            began = time.monotonic()
            ran = await bench.run(bench.topics(), notes(150), hear=hear, concurrency=8)
            assert time.monotonic() - began < 20
            assert (ran.status, ran.summary.accepted) == (0, 150)
            refused = sum(row.status == 429 for row in sim.requests())
            assert refused > 0
            assert len(sim.requests()) == 150 + refused

    go(scenario())


@pytest.mark.fault("C11")
def test_a_machine_that_slept_looks_at_its_deadlines_again(bench: Bench) -> None:
    """A laptop that wakes would send what its callers gave up long ago, or lose it."""

    async def scenario() -> None:
        clock = Wanders()
        bench.clock(clock)
        async with Simulator(prices=PRICES, latency_ms=20) as sim:
            bench.provider(sim.url)
            ended = 0

            def hear(event: Event) -> None:
                nonlocal ended
                ended += isinstance(event, AttemptEnded)
                if ended == 30:
                    clock.slept_s = 8 * 3_600.0

            ran = await bench.run(bench.topics(), notes(120), hear=hear, concurrency=8)
            assert (ran.status, ran.summary.accepted, ran.summary.failed) == (0, 120, 0)
            assert len(sim.requests()) == 120

    go(scenario())


class DozesOff(SystemClock):
    """A machine that sleeps for an hour, once, in the moment in which an intent is written."""

    def __init__(self, is_time: Callable[[], bool]) -> None:
        self._is_time = is_time
        self._slept_s = 0.0

    def monotonic(self) -> float:
        if not self._slept_s and self._is_time():
            self._slept_s = 3_600.0
        return time.monotonic() + self._slept_s


@pytest.mark.fault("C12")
def test_nothing_is_sent_after_its_deadline_though_its_intent_is_written(bench: Bench) -> None:
    """A request would be paid for that nobody waits for any more."""

    async def scenario() -> None:
        def is_time() -> bool:
            return bool(ask(bench.ledger, "SELECT 1 FROM attempt WHERE state = 'intent'"))

        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            topic = bench.topics()
            await topic.result(Note(id="0", text="the ledger is made"))
            await topic.home.close()  # type: ignore[attr-defined] # an app closes
            bench.clock(DozesOff(is_time))
            late = await topic.result(Note(id="1", text="a note"))
            await topic.home.close()  # type: ignore[attr-defined] # an app closes
            assert (late.outcome, late.waiting_for, late.cost_usd) == ("waiting", "provider", Decimal(0))
            assert len(sim.requests()) == 1
            state, _, cost, _ = bench.attempts()[-1]
            assert (state, cost) == ("unsent", 0)
            assert bench.ask("SELECT sum(reserved_pico) FROM budget") == [(0,)]

    go(scenario())


class Slackens(SystemClock):
    """Every pause is as long as chance can make it."""

    def random(self) -> float:
        return 0.999


@pytest.mark.fault("C12")
@pytest.mark.parametrize("kind", ["hang", "429", "500"])
def test_a_deadline_ends_the_try_and_every_further_one(bench: Bench, kind: str) -> None:
    """Retries would go on after their caller has gone. 0.6 s stand for the matrix's 10."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, faults={kind: 1.0}, in_a_row_max=0) as sim:
            bench.provider(sim.url)
            bench.clock(Slackens())
            settings = {"record_deadline_s": 0.6, "backoff_base_s": 0.3, "backoff_cap_s": 2.0}
            settings |= {"attempts_max": 9, "breaker_failures": 1_000}
            topic = bench.topics(settings=settings)
            began = time.time()
            result = await topic.result(Note(id="1", text="a note"))
            took = time.time() - began
            await asyncio.sleep(0.5)
            await topic.home.close()  # type: ignore[attr-defined] # an app closes
            assert (result.outcome, result.waiting_for) == ("waiting", "provider")
            assert took < 8.0, "nine tries take twelve seconds"
            assert all(row.at <= began + took for row in sim.requests())
            assert len(sim.requests()) <= 2, "the third one is due 0.9 s after the first"

    go(scenario())


@pytest.mark.fault("C12")
def test_a_deadline_passes_while_a_lane_is_paced(bench: Bench) -> None:
    """A queue would be worked off long after its records were given up."""

    async def scenario() -> None:
        slow = Model("openai:small", price=Price(input="0.1", output="0.4"), requests_per_minute=120)
        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            topic = bench.topics(slow, settings={"record_deadline_s": 0.7})
            began = time.time()
            asked = [topic.result(Note(id=str(n), text=f"note {n}")) for n in range(20)]
            results = await asyncio.gather(*asked)
            ended = time.time()
            assert ended - began < 8.0, "twenty of them take nine seconds and more"
            await asyncio.sleep(0.6)
            await topic.home.close()  # type: ignore[attr-defined] # an app closes
            assert all(row.at <= ended for row in sim.requests())
            done = sum(result.outcome == "accepted" for result in results)
            sent = sum(state != "unsent" for state, *_ in bench.attempts())
            assert done <= len(sim.requests()) == sent < 10

    go(scenario())


@pytest.mark.fault("C5")
def test_a_days_cap_holds_in_the_days_after_it_too(bench: Bench) -> None:
    """Whatever works over midnight, as a service does, would have no cap from then on."""

    class Shifted(SystemClock):
        """A clock that can be set."""

        days = 0

        def now(self) -> float:
            return super().now() + self.days * 86_400.0

    async def scenario() -> None:
        clock = Shifted()
        bench.clock(clock)
        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            step = bench.topics(budget_usd="0.0002", budget_period="day")

            def turns(event: Event) -> None:
                if isinstance(event, AttemptEnded):
                    clock.days = int(len(sim.requests()) > 3)

            ran = await bench.run(step, notes(200), hear=turns, concurrency=1)
            assert (ran.status, ran.summary.waiting.get("budget", 0) > 0) == (3, True)
        caps = bench.ask(
            "SELECT limit_pico, spent_pico FROM budget WHERE scope LIKE 'app:%' AND spent_pico > 0"
        )
        assert len(caps) == 2, "the day changed while it worked"
        assert all(limit == 200_000_000 and spent <= limit for limit, spent in caps), caps

    go(scenario())
