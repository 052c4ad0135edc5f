"""Rows A1 to A9 and A19 to A22: what a provider says with a status."""

import asyncio
import math
import time
from decimal import Decimal
from email.utils import formatdate
from itertools import chain, pairwise
from pathlib import Path

import pytest
from tests.faults.bench import GOOD, LARGE, PRICES, SMALL, Bench, FastClock, Note, Topic, gaps, go, notes
from tests.faults.odd import Asked, OddProvider, response, says

from roadworthy import Model, Price, Result
from roadworthy._errors import WrongUse
from roadworthy._events import AttemptEnded, Event, LaneChanged, Noted
from roadworthy.vet.simulator import Simulator

ON_THE_WIRE_S = 0.1
STAYS_CLOSED = {"breaker_open_cap_s": 600.0}
"""A run here is too short for a closed lane to be tried again; the short cap of other tests is for breakers."""


@pytest.mark.fault("A1")
@pytest.mark.parametrize(("kind", "wait_s"), [("429", 1.0), ("retry_after_ms", 0.3)])
def test_retry_after_pauses_the_whole_lane_and_no_other(bench: Bench, kind: str, wait_s: float) -> None:
    """The records beside a throttled one would run into the same limit, or a retry would come before its time.

    One second and 0.3 stand for the matrix's 30.
    """

    async def scenario() -> None:
        script = {"small": {"faults": {kind: 1.0}}}
        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            large = bench.topics(LARGE, name="others")
            opened = await large.result(Note(id="0", text="its app is open"))
            sim.script({"models": script, "last": 9})
            throttled = asyncio.create_task(bench.run(bench.topics(SMALL), notes(30), concurrency=8))

            async def beside(worker: int) -> list[Result[Topic]]:
                while len(sim.requests()) < 9:  # noqa: ASYNC110 - a log has no event; faults are for the first requests of all
                    await asyncio.sleep(0.001)
                return [
                    await large.result(Note(id=f"{worker}-{number}", text=f"other {worker} {number}"))
                    for number in range(1_000)
                    if not throttled.done()
                ]

            others = await asyncio.gather(*map(beside, range(4)))
            ran = await throttled
            await large.home.close()  # type: ignore[attr-defined] # an app closes
            assert (ran.status, ran.summary.accepted) == (0, 30)
            assert {result.outcome for result in (opened, *chain(*others))} == {"accepted"}
            rows = [row for row in sim.requests() if row.model == "small"]
            refused = [row for row in rows if row.status == 429]
            last = refused[-1].at
            early = [row for row in rows if last + ON_THE_WIRE_S < row.at < last + wait_s]
            assert early == [], "but for what was on the wire already"
            resumed = min(row.at for row in rows if row.at >= last + wait_s)
            assert any(last < row.at < resumed for row in sim.requests() if row.model == "large")
            assert (len(refused), len(rows)) == (8, 38)

    go(scenario())


@pytest.mark.fault("A1")
def test_a_retry_after_that_is_a_date_is_waited_for(bench: Bench) -> None:
    """A provider that names a moment instead of a span would be asked again at once. A date has whole seconds."""

    async def scenario() -> None:
        arrivals = []

        def reply(asked: Asked) -> bytes:
            arrivals.append(time.time())
            until = formatdate(math.ceil(arrivals[0]) + 1, usegmt=True)
            throttled = response(b"{}", status="429 Too Many Requests", headers=f"retry-after: {until}\r\n")
            return throttled if asked.number == 1 else says(GOOD)

        async with OddProvider(reply) as odd:
            bench.provider(odd.url)
            ran = await bench.run(bench.topics(), notes(3), concurrency=1)
            assert (ran.status, ran.summary.accepted, len(odd.asked)) == (0, 3, 4)
            assert 1.0 <= arrivals[1] - arrivals[0] < 20.0

    go(scenario())


@pytest.mark.fault("A2", "A4")
def test_throttled_without_a_word_for_how_long_slows_down_and_never_bursts(bench: Bench) -> None:
    """Fifty workers would knock again at once, and again, until the account is blocked.

    Chance is held at 0, where full jitter would be no wait at all. A floor of 0.2 s stands for one of 1 s.
    """

    class Unlucky(FastClock):
        def random(self) -> float:
            return 0.0

    async def scenario() -> None:
        async with Simulator(prices=PRICES, in_a_row_max=0, latency_ms=5) as sim:
            bench.provider(sim.url)
            bench.clock(Unlucky(1.0))
            sim.script({"faults": {"429_bare": 1.0}, "last": 60})
            topic = bench.topics(settings={"throttle_floor_s": 0.2, "lane_concurrency_start": 50})
            ran = await bench.run(topic, notes(200), concurrency=50)
            assert (ran.status, ran.summary.accepted) == (0, 200)
            rows = sim.requests()
            refused = [row for row in rows if row.status == 429]
            waves = [at for at, gap in enumerate(gaps(rows)) if gap >= 0.15]
            assert len(refused) == 60
            assert len(waves) >= 2, "each wave that is refused is followed by the floor's pause"
            sizes = [len([r for r in rows if r.n > n + 1 and r.at - rows[n + 1].at < 0.15]) for n in waves]
            assert sizes[0] < 50, "the second wave is smaller than the first"
            by_body: dict[str, list[float]] = {}
            for row in rows:
                by_body.setdefault(row.body, []).append(row.at)
            again = [late - early for times in by_body.values() for early, late in pairwise(times)]
            assert min(again) >= 0.2, "no try comes before the floor, whatever chance says"
            assert len(rows) == 260

    go(scenario())


@pytest.mark.fault("A3")
@pytest.mark.parametrize("kind", ["retry_after_negative", "retry_after_nan", "retry_after_past"])
def test_a_retry_after_that_makes_no_sense_is_no_word_at_all(bench: Bench, kind: str) -> None:
    """A header of nonsense would stop the program, or be slept for ever, or not at all."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, faults={kind: 1.0}, in_a_row_max=1) as sim:
            bench.provider(sim.url)
            ran = await bench.run(bench.topics(settings={"throttle_floor_s": 0.2}), notes(1))
            assert (ran.status, ran.summary.attempts) == (0, 2)
            assert 0.2 <= gaps(sim.requests())[0] < 2.0

    go(scenario())


@pytest.mark.fault("A3")
def test_an_hour_of_retry_after_parks_the_record_within_the_patience(bench: Bench) -> None:
    """A provider could put a run to sleep for as long as it likes. Patience of 1 s stands for 30 minutes."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, faults={"retry_after_3600": 1.0}, in_a_row_max=0) as sim:
            bench.provider(sim.url)
            began = asyncio.get_running_loop().time()
            ran = await bench.run(bench.topics(settings={"patience_s": 1.0}), notes(3), concurrency=1)
            assert asyncio.get_running_loop().time() - began < 6.0
            assert (ran.status, ran.summary.failed) == (3, 0)
            assert ran.summary.waiting.get("provider", 0) + ran.summary.pending == 3
            assert len(sim.requests()) <= 2
            sim.script({"faults": {}})
            again = await bench.run(bench.topics(), notes(3))
            assert (again.status, again.summary.accepted) == (0, 3)

    go(scenario())


@pytest.mark.fault("A5")
def test_no_credit_is_no_reason_to_try_again(bench: Bench) -> None:
    """An account without credit would be asked once for every record, and retried each time."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, faults={"quota": 1.0}) as poor, Simulator(prices=PRICES) as rich:
            bench.provider(poor.url)
            alone = await bench.run(bench.topics(settings=STAYS_CLOSED), notes(10), concurrency=1)
            assert (alone.status, len(poor.requests()), alone.summary.failed) == (3, 1, 0)
            assert "quota" in bench.ask("SELECT reason FROM record WHERE waiting_for = 'provider'")[0][0]
            assert [event.state for event in alone.heard(LaneChanged)] == ["closed"]
            spare = Model(f"large@{rich.url}", price=Price(input="1", output="4"))
            both = await bench.run(
                bench.topics(SMALL, spare, settings=STAYS_CLOSED), notes(10), concurrency=1
            )
            assert (both.status, both.summary.accepted) == (0, 10)
            assert (len(poor.requests()), len(rich.requests())) == (2, 10)

    go(scenario())


@pytest.mark.fault("A6")
@pytest.mark.timeout(90)
def test_a_quarter_of_an_hour_without_the_provider_loses_nothing_and_drains_by_itself(
    file_bench: Bench,
) -> None:
    """An outage would fail records, stop the run, or be met with a storm of retries.

    The clock runs 200 times as fast: 15 minutes are 4.5 s. On Postgres the server's own clock says when a provider is
    tried again, and that one cannot be hurried.
    """
    bench = file_bench

    async def scenario() -> None:
        async with Simulator(prices=PRICES, in_a_row_max=0) as sim:
            bench.provider(sim.url)
            bench.clock(FastClock(200.0))
            calm = dict.fromkeys(("breaker_open_s", "throttle_floor_s", "park_pause_s", "key_look_s"), 1.0)
            settings = {**calm, "breaker_open_s": 30.0, "breaker_open_cap_s": 600.0, "patience_s": 1_800.0}
            settings |= {"backoff_base_s": 0.5, "backoff_cap_s": 20.0}
            loop = asyncio.get_running_loop()
            done = 0

            def hear(event: Event) -> None:
                nonlocal done
                done += isinstance(event, AttemptEnded)
                if done == 100:
                    sim.script({"faults": {"529": 1.0}})
                    loop.call_later(4.5, sim.script, {"faults": {}})

            ran = await bench.run(bench.topics(settings=settings), notes(400), hear=hear, concurrency=16)
            failures = [row for row in sim.requests() if row.status == 529]
            assert (ran.status, ran.summary.accepted) == (0, 400)
            assert failures[-1].at - failures[0].at > 2.0, "the outage was met"
            print(f"{len(sim.requests())} requests for 400 records, {len(failures)} into the outage")
            assert len(sim.requests()) <= 1.2 * 400
            assert ran.summary.cost_usd == sim.bill().total.cost_usd

    go(scenario(), 80)


@pytest.mark.fault("A7", "C7")
def test_a_third_of_all_tries_fails_and_all_records_are_done(bench: Bench) -> None:
    """A bad hour of a provider would fail records, or multiply the requests."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, faults={"500": 0.3}, seed=5, in_a_row_max=0) as sim:
            bench.provider(sim.url)
            ran = await bench.run(bench.topics(settings={"breaker_failures": 50}), notes(300))
            assert (ran.status, ran.summary.accepted, ran.summary.unknown) == (0, 300, 0)
            print(f"{len(sim.requests())} requests for 300 records")
            assert len(sim.requests()) <= 1.5 * 300
            assert ran.summary.cost_usd == sim.bill().total.cost_usd

    go(scenario())


@pytest.mark.fault("A8")
@pytest.mark.parametrize("kind", ["html_200", "html_502"])
def test_a_page_is_never_an_answer(bench: Bench, kind: str) -> None:
    """A gateway's page would be shown to a user as what the model said, or fill the ledger."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, faults={kind: 1.0}, in_a_row_max=1) as sim:
            bench.provider(sim.url)
            ran = await bench.run(bench.topics(), notes(5))
            assert (ran.status, ran.summary.accepted, len(sim.requests())) == (0, 5, 10)
            assert bench.ask("SELECT count(*) FROM reply WHERE text LIKE '%<%'") == [(0,)]
            details = {row[0] for row in bench.ask("SELECT detail FROM attempt WHERE ending = 'transient'")}
            assert all("HTML page" in detail and "<" not in detail for detail in details)
            assert ran.summary.cost_usd == sim.bill().total.cost_usd

    go(scenario())


@pytest.mark.fault("A9")
@pytest.mark.parametrize(
    ("kind", "requests", "ending", "outcome"),
    [
        ("error_in_200", 2, "transient", ("accepted", "")),
        ("429_in_200", 2, "throttled", ("accepted", "")),
        ("400_in_200", 1, "bad_request", ("waiting", "review")),
        ("choices_null", 2, "empty", ("accepted", "")),
    ],
)
def test_an_error_inside_a_200_is_the_error_that_it_is(
    bench: Bench, kind: str, requests: int, ending: str, outcome: tuple[str, str]
) -> None:
    """What passes by itself would be given up, and what cannot pass would be paid for again and again."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, faults={kind: 1.0}, in_a_row_max=1) as sim:
            sim.script({"last": 1})
            bench.provider(sim.url)
            await bench.run(bench.topics(), notes(1))
            assert len(sim.requests()) == requests
            assert bench.attempts()[0][1] == ending
            assert bench.outcomes() == {"N-0": outcome}

    go(scenario())


@pytest.mark.fault("A9")
def test_a_redirect_is_not_followed(bench: Bench) -> None:
    """Whoever can answer for the provider could send the key and the record to a host of their choice."""

    async def scenario() -> None:
        async with OddProvider(lambda _: says(GOOD)) as elsewhere:
            away = response(
                b"{}",
                status="307 Temporary Redirect",
                headers=f"location: {elsewhere.url}/chat/completions\r\n",
            )
            async with OddProvider(lambda asked: away if asked.number == 1 else says(GOOD)) as odd:
                bench.provider(odd.url)
                ran = await bench.run(bench.topics(), notes(1))
                assert (ran.status, len(odd.asked), elsewhere.asked) == (0, 2, [])
            assert [ending for _, ending, *_ in bench.attempts()] == ["transient", "ok"]

    go(scenario())


@pytest.mark.fault("A19")
@pytest.mark.parametrize("kind", ["404_model", "410", "404_bare"])
def test_a_retired_model_closes_its_own_lane_and_the_ladder_goes_on(bench: Bench, kind: str) -> None:
    """One retired model would stop all others, or be asked again for each record. Two in a row are the proof."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES) as sim:
            sim.script({"models": {"small": {"faults": {kind: 1.0}}}})
            bench.provider(sim.url)
            ran = await bench.run(bench.topics(SMALL, LARGE, settings=STAYS_CLOSED), notes(20), concurrency=1)
            assert (ran.status, ran.summary.accepted) == (0, 20)
            models = [row.model for row in sim.requests()]
            assert (models.count("small"), models.count("large")) == (2, 20)
            changed = ran.heard(LaneChanged)
            assert [(event.state, "small" in event.lane) for event in changed] == [("closed", True)]
            assert "gone" in changed[0].reason

    go(scenario())


@pytest.mark.fault("A19")
def test_one_404_among_good_answers_retires_nobody(bench: Bench) -> None:
    """A gateway's slip would close a model that works for the rest of the run."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES, faults={"404_bare": 1.0}) as sim:
            sim.script({"first": 3, "last": 3})
            bench.provider(sim.url)
            ran = await bench.run(bench.topics(), notes(6), concurrency=1)
            assert (ran.status, ran.summary.accepted, ran.heard(LaneChanged)) == (0, 6, [])
            assert [row.status for row in sim.requests()] == [200, 200, 404, 200, 200, 200, 200]

    go(scenario())


@pytest.mark.fault("A20")
@pytest.mark.parametrize("kind", ["revoked", "403"])
def test_a_key_that_is_revoked_in_the_middle_is_waited_for_and_taken_up(
    bench: Bench, tmp_path: Path, kind: str
) -> None:
    """A key that is changed while a run goes on would fail records, or need somebody to start it again."""

    async def scenario() -> None:
        place = tmp_path / "key"
        place.write_text("sk-old\n")
        bench.monkeypatch.setenv("OPENAI_API_KEY_FILE", str(place))
        refuse = {"revoked": ["sk-old"]} if kind == "revoked" else {"faults": {"403": 1.0}}
        async with Simulator(prices=PRICES, latency_ms=5) as sim:
            bench.provider(sim.url)
            loop = asyncio.get_running_loop()
            answered = 0

            def rotate() -> None:
                place.write_text("sk-new\n")
                sim.script({"faults": {}})

            def hear(event: Event) -> None:
                nonlocal answered
                answered += isinstance(event, AttemptEnded)
                if answered == 50:
                    sim.script(refuse)
                if isinstance(event, Noted) and "refused" in event.message:
                    loop.call_later(0.3, rotate)

            topic = bench.topics(settings=STAYS_CLOSED)
            ran = await bench.run(topic, notes(200), hear=hear, concurrency=8)
            assert (ran.status, ran.summary.accepted, ran.summary.failed) == (0, 200, 0)
            refused = [row for row in sim.requests() if row.status in {401, 403}]
            assert 1 <= len(refused) <= 8, "what was on the wire, and no more"
            assert len(sim.requests()) == 200 + len(refused)
            assert [event.state for event in ran.heard(LaneChanged)] == ["closed", "opened"]
            waits = [event.message for event in ran.heard(Noted) if "refused" in event.message]
            assert len(waits) == 1
            assert str(place) in waits[0]

    go(scenario())


@pytest.mark.fault("A20")
@pytest.mark.parametrize("from_file", [True, False])
def test_a_key_that_nobody_replaces_stops_the_run_with_everything_kept(
    bench: Bench, tmp_path: Path, *, from_file: bool
) -> None:
    """A run would wait for ever, or ask with a dead key for each record. A variable cannot change, so nobody waits."""

    async def scenario() -> None:
        (tmp_path / "key").write_text("sk-old")
        if from_file:
            bench.monkeypatch.setenv("OPENAI_API_KEY_FILE", str(tmp_path / "key"))
        else:
            bench.monkeypatch.setenv("OPENAI_API_KEY", "sk-old")
        async with Simulator(prices=PRICES) as sim:
            sim.script({"revoked": ["sk-old"]})
            bench.provider(sim.url)
            began = asyncio.get_running_loop().time()
            patience_s = 1.0 if from_file else 30.0
            limits = {"patience_s": patience_s, **STAYS_CLOSED}
            ran = await bench.run(bench.topics(settings=limits), notes(50), concurrency=4)
            took = asyncio.get_running_loop().time() - began
            assert (ran.status, ran.summary.failed, ran.summary.accepted) == (3, 0, 0)
            assert ran.summary.waiting.get("provider", 0) + ran.summary.pending == 50
            assert 1 <= len(sim.requests()) <= 4
            assert (took >= patience_s) is from_file
            assert took < 30.0
            sim.script({"revoked": []})
            again = await bench.run(bench.topics(), notes(50))
            assert (again.status, again.summary.accepted) == (0, 50)

    go(scenario())


@pytest.mark.fault("A20")
def test_code_that_calls_a_step_gets_the_new_key_too(bench: Bench, tmp_path: Path) -> None:
    """A program that runs for weeks would have to be started again for each new key."""

    async def scenario() -> None:
        place = tmp_path / "key"
        place.write_text("sk-old")
        bench.monkeypatch.setenv("OPENAI_API_KEY_FILE", str(place))
        async with Simulator(prices=PRICES) as sim:
            sim.script({"revoked": ["sk-old"]})
            bench.provider(sim.url)
            topic = bench.topics(settings={"key_look_s": 0.0})
            note = topic.record_schema.validate({"id": "1", "text": "a note"})
            first = await topic.result(note)  # type: ignore[arg-type] # the schema's own value
            assert (first.outcome, first.waiting_for) == ("waiting", "provider")
            place.write_text("sk-new")
            second = await topic.result(note)  # type: ignore[arg-type] # the schema's own value
            assert second.outcome == "accepted"
            await topic.home.close()  # type: ignore[attr-defined] # an app closes
            assert [row.status for row in sim.requests()] == [401, 200]

    go(scenario())


@pytest.mark.fault("A20")
def test_a_key_that_is_put_right_at_the_provider_is_asked_with_again(bench: Bench) -> None:
    """A service whose very key was let in again, as after a 403 that passed, would ask nobody until it is restarted."""

    async def scenario() -> None:
        bench.monkeypatch.setenv("OPENAI_API_KEY", "sk-old")
        async with Simulator(prices=PRICES) as sim:
            sim.script({"revoked": ["sk-old"]})
            bench.provider(sim.url)
            topic = bench.topics(settings={"breaker_open_cap_s": 0.2})
            note = topic.record_schema.validate({"id": "1", "text": "a note"})
            first = await topic.result(note)  # type: ignore[arg-type] # the schema's own value
            assert (first.outcome, first.waiting_for) == ("waiting", "provider")
            sim.script({"revoked": []})
            await asyncio.sleep(0.3)
            second = await topic.result(note)  # type: ignore[arg-type] # the schema's own value
            assert second.outcome == "accepted"
            await topic.home.close()  # type: ignore[attr-defined] # an app closes
            assert [row.status for row in sim.requests()] == [401, 200]

    go(scenario())


@pytest.mark.fault("A21")
def test_another_model_behind_the_same_name_is_told_once_and_kept(bench: Bench) -> None:
    """A provider could put another model behind a name, and nobody would know why answers changed."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES) as sim:
            sim.script({"faults": {"served_model": 1.0}, "first": 11})
            bench.provider(sim.url)
            ran = await bench.run(bench.topics(), notes(30), concurrency=1)
            said = [event.message for event in ran.heard(Noted)]
            assert said == ["openai:small was answered by small before, now by small-substitute"]
            assert bench.ask("SELECT kind, data FROM event") == [("served_model", said[0])]
            assert ran.summary.served_models == {"openai:small": ["small", "small-substitute"]}
            assert "small, small-substitute" in ran.summary.text()
            counts = bench.ask("SELECT served_model, count(*) FROM attempt GROUP BY served_model ORDER BY 2")
            assert counts == [("small", 10), ("small-substitute", 20)]
            later = await bench.run(bench.topics(), notes(3, text="a later note"), job="later")
            assert later.summary.served_models == {"openai:small": ["small-substitute"]}
            assert later.heard(Noted) == [], "nothing changed since"
            sim.script({"faults": {}})
            back = await bench.run(bench.topics(), notes(3, text="a last note"), job="last")
            assert len(back.heard(Noted)) == 1, "between two runs it counts as well"

    go(scenario())


@pytest.mark.fault("A22")
@pytest.mark.parametrize("name", ["openai:floobarp", "openai:gpt-5-nanoo", "gpt-4"])
def test_a_model_that_nobody_knows_is_refused_at_the_start(bench: Bench, name: str) -> None:
    """A slip of the keyboard would be taken for the nearest model, at that one's price."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            with pytest.raises(WrongUse, match=name):
                await bench.run(bench.topics(name), notes(3))
            assert sim.requests() == []

    go(scenario())


@pytest.mark.fault("A22")
def test_the_model_that_was_named_is_the_one_that_is_asked(bench: Bench) -> None:
    """An alias of ours would decide what a team pays for."""

    async def scenario() -> None:
        async with Simulator(prices=PRICES) as sim:
            bench.provider(sim.url)
            exact = Model("openai:Small.v2:ft/Team-1", price=Price(input="1", output="2"))
            ran = await bench.run(bench.topics(exact), notes(1))
            assert ran.summary.cost_usd > Decimal(0)
            assert [row.model for row in sim.requests()] == ["Small.v2:ft/Team-1"]

    go(scenario())
