"""Rows B16 and B17 where the team's own code says it: one record's text is one record's matter."""

import os
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import BaseModel
from tests.faults.bench import GOOD, SETTINGS, Bench, Note, Topic, go, notes

from roadworthy import App, Fault, Function, Prompt
from roadworthy._errors import Failed, Rejected
from roadworthy.run.entry import Entry

COUNT, ODD = 12, "N-3"
LATIN_1 = os.fsdecode(b"caf\xe9.txt")
"""A file's name as the system gives it where it is no UTF-8: with half a surrogate pair in it."""
TEXTS = {"surrogate": LATIN_1, "nul": "before\0after"}


async def answer(_note: Note) -> dict[str, object]:
    """A model of the team's own, which answers well."""
    return GOOD


def step_of(app: App, *, people: bool = True) -> Any:
    """A step of this app."""

    @app.step(models=[Function(answer, usd_per_call="0.001", name="mine")], review=people)
    def topic(note: Note) -> Prompt[Topic]:
        return Prompt("Which topic?", note.text)

    return topic


def bug_in_a_step(app: App, text: str) -> Entry[Any, Any]:
    """A step whose prompt raises."""

    @app.step(models=[Function(answer, usd_per_call="0.001", name="mine")])
    def topic(note: Note) -> Prompt[Topic]:
        if note.id == ODD:
            raise FileNotFoundError(text)
        return Prompt("Which topic?", note.text)

    return topic


def fault_of_a_check(app: App, text: str, *, people: bool = True) -> Entry[Any, Any]:
    """A step with a check that quotes."""
    topic = step_of(app, people=people)

    @topic.check  # type: ignore[untyped-decorator] # any step
    def reads_well(_answer: Topic, note: Note) -> None:
        if note.id == ODD:
            raise Fault(f"{text} is not right", where=text, kind="invalid")

    return topic  # type: ignore[no-any-return] # any step


def fault_without_people(app: App, text: str) -> Entry[Any, Any]:
    """The same where no person is asked."""
    return fault_of_a_check(app, text, people=False)


def failed_assert(app: App, text: str) -> Entry[Any, Any]:
    """A step with a check that asserts."""
    topic = step_of(app, people=False)

    @topic.check  # type: ignore[untyped-decorator] # any step
    def reads_well(_answer: Topic, note: Note) -> None:
        assert note.id != ODD, text

    return topic  # type: ignore[no-any-return] # any step


def in_a_workflow(app: App, odd: Callable[[], Awaitable[object]]) -> Entry[Any, Any]:
    """A workflow that does something odd for one record."""
    topic = step_of(app)

    @app.workflow
    async def flow(note: Note) -> dict[str, object]:
        found = await topic(note)
        if note.id == ODD:
            return {"odd": await odd()}
        return {"topic": found.topic}

    return flow


def stopped_by(kind: Callable[[str], Exception]) -> Callable[[App, str], Entry[Any, Any]]:
    """A workflow that raises for one record."""

    def made(app: App, text: str) -> Entry[Any, Any]:
        async def odd() -> object:
            raise kind(text)

        return in_a_workflow(app, odd)

    return made


def approval(app: App, text: str) -> Entry[Any, Any]:
    """A workflow that asks a person with such words."""

    async def odd() -> object:
        return await app.approval(f"Is {text} right?", {"a": 1})

    return in_a_workflow(app, odd)


PLACES: dict[str, tuple[Callable[[App, str], Entry[Any, Any]], str]] = {
    "a bug in a step": (bug_in_a_step, "failed"),
    "a check's fault, for a person": (fault_of_a_check, "waiting"),
    "a check's fault": (fault_without_people, "failed"),
    "a check's assertion": (failed_assert, "failed"),
    "a bug in a workflow": (stopped_by(ValueError), "failed"),
    "a workflow that rejects": (stopped_by(lambda text: Rejected(ODD, text)), "rejected"),
    "a workflow that fails": (stopped_by(lambda text: Failed(ODD, text)), "failed"),
    "an approval's question": (approval, "waiting"),
}


@pytest.mark.fault("B16", "B17")
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize(("made", "outcome"), PLACES.values(), ids=PLACES)
def test_what_the_teams_code_says_of_a_record_is_that_records_matter(
    bench: Bench, made: Callable[[App, str], Entry[Any, Any]], outcome: str, text: str
) -> None:
    """A file's name in an error would fail the records beside it and end the run, and every run after it."""
    entry = made(App("own", settings=SETTINGS), text)
    ran = go(bench.run(entry, notes(COUNT), concurrency=COUNT))
    assert ran.summary.accepted == COUNT - 1
    assert bench.outcomes()[ODD][0] == outcome
    [(reason,)] = bench.ask(f"SELECT reason FROM record WHERE key = '{ODD}'")
    assert "\ufffd" in reason
    assert bench.ask("SELECT count(*) FROM attempt WHERE state = 'intent'") == [(0,)]


@pytest.mark.fault("B16")
def test_a_workflows_answer_is_kept_as_text_that_can_be_kept(bench: Bench) -> None:
    """A workflow's answer could end the run, or what it gives back be another one than what is kept."""
    app = App("own", settings=SETTINGS)

    async def odd() -> object:
        return {"names": [LATIN_1, 10**30, float("nan")]}

    entry = in_a_workflow(app, odd)
    ran = go(bench.run(entry, notes(COUNT), concurrency=COUNT))
    assert ran.summary.accepted == COUNT
    text = '{"odd":{"names":["caf\ufffd.txt",1' + "0" * 30 + ",null]}}"
    assert bench.ask(f"SELECT value FROM record WHERE key = '{ODD}'") == [(text,)]

    async def direct() -> object:
        async with app:
            return await entry(Note(id=ODD, text="asked directly"))

    assert go(direct()) == {"odd": {"names": ["caf\ufffd.txt", 10**30, None]}}


@pytest.mark.fault("B16")
def test_a_name_in_a_workflows_answer_that_cannot_be_kept_fails_that_record(bench: Bench) -> None:
    """Two names could become one, and a part of an answer be lost; or the run would end."""

    async def odd() -> object:
        return {LATIN_1: 1}

    ran = go(bench.run(in_a_workflow(App("own", settings=SETTINGS), odd), notes(COUNT), concurrency=COUNT))
    assert (ran.summary.accepted, bench.outcomes()[ODD][0]) == (COUNT - 1, "failed")
    [(reason,)] = bench.ask(f"SELECT reason FROM record WHERE key = '{ODD}'")
    assert r"'\udce9'" in reason


class Found(BaseModel):
    """What was looked up."""

    name: str
    size: float


@pytest.mark.fault("B16")
def test_a_once_result_is_given_back_as_it_is_kept(bench: Bench) -> None:
    """A look-up's text could end the run; or a resumed run would go on with another text than the first one."""
    app = App("own", settings=SETTINGS)
    calls: list[str] = []
    seen: list[Found] = []

    @app.once
    async def look(name: str) -> Found:
        calls.append(name)
        return Found.model_construct(name=LATIN_1, size=1.0)

    async def odd() -> object:
        found = await look("a")
        seen.append(found)
        if len(seen) == 1:
            raise ValueError("the first time only")
        return found.name

    entry = in_a_workflow(app, odd)
    first = go(bench.run(entry, notes(COUNT), concurrency=COUNT))
    assert (first.summary.accepted, first.summary.failed) == (COUNT - 1, 1)
    second = go(bench.run(entry, notes(COUNT), concurrency=COUNT, retry_failed=True))
    assert second.summary.accepted == COUNT
    assert calls == ["a"]
    assert seen == [Found(name="caf\ufffd.txt", size=1.0)] * 2


@pytest.mark.fault("B16")
def test_an_input_whose_name_is_no_utf_8_is_run_and_found_again(bench: Bench) -> None:
    """A file from an old disk could not be run at all, for its name."""
    (bench.folder / "app.py").write_text(OWN)
    (bench.folder / LATIN_1).with_suffix(".jsonl").write_text('{"id":"1","text":"a"}\n{"id":"2"}\n')
    place = os.fsdecode(b"caf\xe9.jsonl")
    for accepted in (1, 1):
        ran = bench.call("run", "app.py", place, "-o", "out.jsonl")
        assert "Traceback" not in ran.stderr
        assert len((bench.folder / "out.jsonl").read_text().splitlines()) == 2
        assert bench.ask("SELECT count(*) FROM record WHERE outcome = 'accepted'") == [(accepted,)]
    [(name,)] = bench.ask("SELECT name FROM job")
    assert name.endswith(r"caf\udce9.jsonl")
    assert "Traceback" not in bench.look("report", "app.py")
    planned = bench.call("plan", "app.py", place)
    assert (planned.returncode, "Traceback" in planned.stderr) == (0, False)


OWN = """
from pydantic import BaseModel
from roadworthy import App, Function, Prompt

app = App("own")


class Note(BaseModel):
    id: str
    text: str


class Body(BaseModel):
    body: str


def say(prompt: str) -> dict:
    return {"body": "x"}


@app.step(models=[Function(say, usd_per_call="0")])
def words(note: Note) -> Prompt[Body]:
    return Prompt("Say it again.", note.text)
"""


class Strict(BaseModel):
    """A record whose validator has a bug that quotes a file's name."""

    id: str
    text: str

    def model_post_init(self, _context: object) -> None:
        if self.id == ODD:
            raise LookupError(LATIN_1)


@pytest.mark.fault("B16")
def test_a_validator_that_quotes_such_text_rejects_one_line(bench: Bench) -> None:
    """One line of an input would fail the whole batch that it came with."""
    app = App("own", settings=SETTINGS)

    @app.step(models=[Function(answer_strict, usd_per_call="0.001", name="mine")])
    def topic(note: Strict) -> Prompt[Topic]:
        return Prompt("Which topic?", note.text)

    ran = go(bench.run(topic, notes(COUNT), concurrency=COUNT))
    assert ran.summary.accepted == COUNT - 1
    [(reason,)] = bench.ask("SELECT reason FROM record WHERE outcome = 'rejected'")
    assert r"caf\udce9.txt" in reason


async def answer_strict(_prompt: str) -> dict[str, object]:
    """A model of the team's own that is given the prompt."""
    return GOOD
