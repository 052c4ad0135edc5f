"""Rows B16 to B19: text that breaks stores and terminals, and answers that are too much."""

import csv
import json
import re
import time
from decimal import Decimal

import pytest
from pydantic import BaseModel
from tests.faults.bench import PRICES, SMALL, Bench, go, notes, recorded
from tests.faults.odd import OddProvider, completion, response, says

from roadworthy import Function, Model
from roadworthy.vet.process import start_simulator
from roadworthy.vet.simulator import Simulator

STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff]")
"""What moves a cursor, hides or turns round what follows it, or is no character."""

LONE = "half \ud83d of a pair"
NUL = "before\0after"
TURNED = "\x1b[31mred\x1b[0m \x9b2J \u202eevil\u202c zero\u200bwidth \u2066iso\u2069\x07"

TEXTS = {
    "surrogate": (LONE, "half \ufffd of a pair"),
    "nul": (NUL, "before\ufffdafter"),
    "terminal": (TURNED, TURNED),
}


@pytest.mark.fault("B16", "B17", "B18")
def test_text_that_breaks_things_is_stored_exported_and_shown(bench: Bench) -> None:
    """One answer could not be written down and would stop the run, or would steer the terminal of whoever looks at it.

    The same golden rows on every kind of ledger: as the model wrote it, and as it was accepted.
    """
    bench.write("in.jsonl", [{"id": key, "text": f"{key} {text}"} for key, (text, _) in TEXTS.items()])
    said = {key: json.dumps({"body": text}) for key, (text, _) in TEXTS.items()}
    answers = [
        {"text": key, "answers": {"small": {"$reply": {"content": content}}}} for key, content in said.items()
    ]
    with start_simulator(prices=PRICES, answers=answers) as sim:
        bench.provider(sim.url)
        for name in ("out.jsonl", "out.csv"):
            ran = bench.call("run", "app.py", "in.jsonl", "-o", name)
            assert ran.returncode == 0, ran.stderr
        assert len(sim.requests()) == 3
    kept = {key: {"body": body} for key, (_, body) in TEXTS.items()}
    rows = [json.loads(line) for line in (bench.folder / "out.jsonl").read_text().splitlines()]
    assert {row["key"]: row["value"] for row in rows} == kept
    with (bench.folder / "out.csv").open(newline="") as file:
        assert {row["key"]: json.loads(row["value"]) for row in csv.DictReader(file)} == kept
    assert bench.ask("SELECT text FROM reply ORDER BY text") == sorted((text,) for text in said.values())
    assert {key: json.loads(value) for key, value in bench.ask("SELECT key, value FROM record")} == kept
    assert STEERS.findall(bench.look("report", "app.py")) == []
    for key, (text, _) in TEXTS.items():
        why = bench.look("why", "app.py", key, "--full")
        assert STEERS.findall(why) == []
        assert all(part in why for part in re.split(STEERS, text) if part), "nothing is left out"


def repr_of(said: object) -> str:
    """All texts in what a command said as JSON."""
    if isinstance(said, dict):
        return " ".join(map(repr_of, said.values()))
    return " ".join(map(repr_of, said)) if isinstance(said, list) else str(said)


@pytest.mark.fault("B18")
def test_a_person_who_reviews_sees_what_is_hidden(bench: Bench) -> None:
    """A reviewer would rule on another text than the one that is kept."""
    bench.write("in.jsonl", [{"id": "1", "text": f"note number 0 {TURNED}"}])
    refusal = {"$reply": {"content": None, "refusal": TURNED}}
    with start_simulator(prices=PRICES, answers=recorded(refusal)) as sim:
        bench.provider(sim.url)
        assert bench.call("run", "app.py", "in.jsonl").returncode == 0
    shown = bench.look("review", "app.py", typed="s\n")
    assert "evil" in shown
    assert STEERS.findall(shown) == []
    for words in (("review", "app.py", "--json"), ("why", "app.py", "1", "--json")):
        said = bench.look(*words)
        assert STEERS.findall(said.replace("\n", "")) == [], words
        assert "\u202eevil\u202c zero\u200bwidth" in repr_of(json.loads(said)), (
            "a program reads what was said"
        )


@pytest.mark.fault("B18")
def test_what_went_wrong_is_told_without_steering_the_terminal(bench: Bench) -> None:
    """A text in an error's message, or in a file of labels, would clear the screen of whoever reads why a command failed."""
    bench.write("labels.jsonl", [{"key": f"x{TURNED}", "label": "y"}])
    (bench.folder / "broken.py").write_text(f"raise ValueError({TURNED!r})\n")
    bench.write("in.jsonl", notes(1))
    with start_simulator(prices=PRICES, answers=recorded({"topic": "x"})) as sim:
        bench.provider(sim.url)
        bench.call("run", "app.py", "in.jsonl")
    for words in (("report", "broken.py"), ("label", "app.py", "labels.jsonl")):
        told = bench.call(*words)
        assert told.returncode != 0
        assert "evil" in told.stderr, words
        assert STEERS.findall(told.stderr.replace("\n", "")) == [], words


@pytest.mark.fault("B16", "B17")
@pytest.mark.parametrize("field", ["refusal", "content"])
@pytest.mark.parametrize(
    ("escape", "kept"),
    [
        (r"\ud83d", "a \ufffd b"),
        (r"\u0000", "a \ufffd b"),
        (r"\ud83d\ude00", "a \N{GRINNING FACE} b"),
    ],
    ids=["surrogate", "nul", "a whole pair"],
)
def test_what_no_store_takes_is_replaced_where_it_comes_off_the_wire(
    bench: Bench, escape: str, kept: str, field: str
) -> None:
    """A reply with half a character in it would stop the writer, on one kind of ledger and not on the other."""

    async def scenario() -> None:
        message = f'{{"{field}":"a {escape} b"}}'
        async with OddProvider(lambda _: completion(message)) as odd:
            bench.provider(odd.url)
            ran = await bench.run(bench.topics(), notes(1))
            assert (ran.status, ran.summary.waiting) == (0, {"review": 1})
            assert set(bench.ask("SELECT text FROM reply")) == {(kept,)}

    go(scenario())


@pytest.mark.fault("B16", "B17")
def test_a_function_may_say_anything(bench: Bench) -> None:
    """A team's own function would stop the run with a character, or with something that is no JSON."""
    said: list[object] = ['{"topic": "bi\0\ud800"}', "\0", object(), {"topic": {1, 2}}, float("nan")]

    def mine(_prompt: str) -> object:
        return said.pop()

    async def scenario() -> None:
        topic = bench.topics(Function(mine, usd_per_call="0.001"))
        ran = await bench.run(topic, notes(3), concurrency=1)
        assert (ran.status, ran.summary.reserved_usd) == (0, Decimal(0))
        assert ran.summary.waiting == {"review": 3}
        assert bench.ask("SELECT count(*) FROM attempt WHERE state = 'intent'") == [(0,)]

    go(scenario())


class Numbers(BaseModel):
    """A list without an end of its own."""

    numbers: list[int]


HUGE = {
    "ten megabytes of text": json.dumps({"numbers": [], "body": "x" * 10_000_000}),
    "a million items": json.dumps({"numbers": [0] * 1_000_000}),
    "a hundred thousand levels": "[" * 100_000 + "]" * 100_000,
    "levels that never close": '{"a":' * 100_000,
    "levels inside a string that never closes": '"' + "[" * 900_000,
}


@pytest.mark.fault("B19")
@pytest.mark.parametrize("content", HUGE.values(), ids=HUGE)
def test_an_answer_that_is_too_much_costs_no_time_and_no_stack(bench: Bench, content: str) -> None:
    """One answer could stop the process, or hold it for minutes."""

    async def scenario() -> None:
        roomy = Model("openai:small", price=SMALL.price, max_output_tokens=4_000_000)
        async with Simulator(prices=PRICES, answers=recorded(content)) as sim:
            bench.provider(sim.url)
            began = time.process_time()
            await bench.run(bench.step(Numbers, roomy), notes(1))
            took = time.process_time() - began
            assert (len(sim.requests()), bench.outcomes()["N-0"]) == (2, ("waiting", "review"))
            assert took < 15.0

    go(scenario())


@pytest.mark.fault("B19")
def test_a_response_that_is_too_much_is_let_go_of_and_charged(bench: Bench) -> None:
    """A response without an end would fill the memory; its cost would be forgotten."""

    async def scenario() -> None:
        levels = response(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
        giant = says({"topic": "x" * 50_000})
        good = says({"topic": "billing", "urgency": 1})
        for raw in (levels, giant):
            async with OddProvider(lambda asked, raw=raw: raw if asked.number == 1 else good) as odd:  # type: ignore[misc] # mypy cannot type a lambda's default
                bench.provider(odd.url)
                settings = {"response_bytes_max": 40_000}
                job = f"job-{len(raw)}"
                ran = await bench.run(bench.topics(settings=settings), notes(1, text=job), job=job)
                assert (ran.status, ran.summary.accepted, ran.summary.unknown) == (0, 1, 1)
        unknown = [(cost, reserved) for state, _, cost, reserved in bench.attempts() if state == "unknown"]
        assert len(unknown) == 2
        assert all(cost == reserved > 0 for cost, reserved in unknown)

    go(scenario())


@pytest.mark.fault("B19")
def test_what_stands_at_the_limit_is_taken(bench: Bench) -> None:
    """A cap would be a little lower than it says, and good answers be refused."""

    async def scenario() -> None:
        roomy = Model("openai:small", price=SMALL.price, max_output_tokens=4_000_000)
        async with Simulator(prices=PRICES, answers=recorded({"numbers": [1] * 400_000})) as sim:
            bench.provider(sim.url)
            ran = await bench.run(bench.step(Numbers, roomy), notes(1))
            assert ran.summary.accepted == 1

    go(scenario())
