"""The fault matrix's bench: an app with one step, run as a job in this process, over real sockets.

What `roadworthy run` does is done here too: the app is started, its input is read from a file, a job runs it. So a
test can hear events, count in the simulated provider's own loop, and hold the clock.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest
from click.testing import CliRunner
from pydantic import BaseModel, Field
from tests.ledgers import Rows, ask

from roadworthy import App, Function, Model, Price, Prompt
from roadworthy.__main__ import commands
from roadworthy._clock import SystemClock
from roadworthy._events import Event
from roadworthy.accept.intake import read_records
from roadworthy.accept.source import Source
from roadworthy.observe.summary import Summary
from roadworthy.run.entry import Entry, Step
from roadworthy.run.job import Job
from roadworthy.run.options import Options
from roadworthy.vet.bill import LoggedRequest

T = TypeVar("T")

PRICES = {"small": "0.1,0.4", "large": "1,4"}
SMALL, LARGE = (
    Model(f"openai:{name}", price=Price(input=price.split(",")[0], output=price.split(",")[1]))
    for name, price in PRICES.items()
)
SETTINGS: Mapping[str, float] = {
    "throttle_floor_s": 0.05,
    "backoff_base_s": 0.02,
    "backoff_cap_s": 0.1,
    "breaker_open_s": 0.1,
    "breaker_open_cap_s": 0.2,
    "share_look_s": 0.05,
    "park_pause_s": 0.05,
    "key_look_s": 0.05,
    "patience_s": 10.0,
}
"""The table's defaults, made short; what a test is about it says itself."""


class Note(BaseModel):
    """A record."""

    id: str
    text: str


class Topic(BaseModel):
    """An answer."""

    topic: Literal["billing", "shipping"]
    urgency: int = Field(ge=1, le=5)


GOOD = {"topic": "billing", "urgency": 2}


def notes(count: int, *, text: str = "note number") -> list[dict[str, str]]:
    """So many records, each with a text of its own."""
    return [{"id": f"N-{number}", "text": f"{text} {number}"} for number in range(count)]


def recorded(reply: object, *, text: str = "note number 0", models: Sequence[str] = ("small",)) -> list[Any]:
    """Recorded answers for one text: a string is sent word for word."""
    said = {"$reply": {"content": reply}} if isinstance(reply, str) else reply
    return [{"id": "N-0", "text": text, "answers": dict.fromkeys(models, said)}]


@dataclass
class Ran:
    """What a run came to."""

    summary: Summary
    status: int
    events: list[Event] = field(default_factory=list)

    def heard(self, kind: type[T]) -> list[T]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


APP = """
from pydantic import BaseModel

from roadworthy import App, Model, Price, Prompt

app = App("words", settings={settings})
small = Model("openai:small", price=Price(input="0.1", output="0.4"), max_output_tokens=100)


class Note(BaseModel):
    id: str
    text: str


class Body(BaseModel):
    body: str


@app.step(models=[small])
def words(note: Note) -> Prompt[Body]:
    return Prompt("Say it again.", note.text)
"""


class Bench:
    """One folder, one ledger, one environment."""

    def __init__(self, folder: Path, ledger: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.ledger = ledger
        self.monkeypatch = monkeypatch
        monkeypatch.setenv("ROADWORTHY_LEDGER", ledger)
        monkeypatch.setenv("ROADWORTHY_LEASE_S", "2")  # a dead process is known as one within a test

    def provider(self, url: str) -> None:
        """Say where OpenAI's models are."""
        self.monkeypatch.setenv("OPENAI_BASE_URL", url)

    def clock(self, clock: SystemClock) -> None:
        """Have every runtime that starts from now on live by this clock."""
        self.monkeypatch.setattr("roadworthy.run.runtime.SystemClock", lambda: clock)

    def topics(
        self,
        *models: str | Model | Function,
        settings: Mapping[str, float] | None = None,
        instructions: str = "Which topic?",
        **app: Any,
    ) -> Step[Note, Topic]:
        """A new app's step that asks for the topic of a note."""
        made = App(app.pop("name", "topics"), settings={**SETTINGS, **(settings or {})}, **app)

        @made.step(models=list(models or (SMALL,)))
        def topic(note: Note) -> Prompt[Topic]:
            return Prompt(instructions, note.text)

        return topic

    def step(
        self, kind: type[T], *models: Model | Function, settings: Mapping[str, float] | None = None
    ) -> Step[Note, T]:
        """A new app's step that asks for an answer of this type."""
        made = App("answers", settings={**SETTINGS, **(settings or {})})

        @made.step(models=list(models or (SMALL,)))
        def answer(note: Note) -> Prompt[kind]:  # type: ignore[valid-type] # the type is a test's parameter
            return Prompt("What is it?", note.text)

        return answer

    async def run(
        self,
        entry: Entry[Any, Any],
        rows: Sequence[Mapping[str, object]],
        *,
        job: str = "job",
        hear: Callable[[Event], None] | None = None,
        **options: Any,
    ) -> Ran:
        """Run records through an entry, as `roadworthy run` would."""
        place = self.folder / f"{job}.jsonl"
        place.write_text("".join(json.dumps(row) + "\n" for row in rows))
        events: list[Event] = []

        def tell(event: Event) -> None:
            events.append(event)
            if hear is not None:
                hear(event)

        app: App = entry.home  # type: ignore[assignment] # every entry of a test is an app's
        runtime = app.start(tell=tell)
        try:
            source = Source.from_path(place, runtime.settings)
            items = read_records(source, schema=entry.record_schema, key=entry.key, settings=runtime.settings)
            summary, status = await Job(runtime, entry, items, Options(job=job, **options)).run()
        finally:
            await runtime.close()
        return Ran(summary, status, events)

    def command(self, *words: str | Path) -> list[str]:
        """A command line of this Python's Roadworthy."""
        return [sys.executable, "-m", "roadworthy", *map(str, words)]

    def call(self, *words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the bench's folder to its end."""
        return subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def look(self, *words: str, typed: str = "") -> str:
        """What a command that looks says, in this process; it must end well."""
        done = CliRunner().invoke(commands, words, input=typed, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    def start(self, *words: str | Path, **environ: str) -> "subprocess.Popen[str]":
        """Start a command and leave it running."""
        return subprocess.Popen(
            self.command(*words),
            cwd=self.folder,
            env={**os.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def write(self, name: str, rows: Sequence[Mapping[str, object]]) -> Path:
        """An input file, and beside it `app.py`, whose step asks for a body of free text."""
        (self.folder / "app.py").write_text(APP.format(settings=dict(SETTINGS)))
        place = self.folder / name
        place.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return place

    def ask(self, query: str) -> Rows:
        """Look into the ledger."""
        return ask(self.ledger, query)

    def attempts(self) -> Rows:
        """(state, ending, cost, reservation) of every attempt, in order."""
        return self.ask("SELECT state, ending, cost_pico, reserved_pico FROM attempt ORDER BY id")

    def outcomes(self) -> dict[str, tuple[str, str]]:
        """(outcome, waiting for) of every record, by its key."""
        rows = self.ask("SELECT key, outcome, coalesce(waiting_for, '') FROM record ORDER BY id")
        return {key: (outcome, waits) for key, outcome, waits in rows}


class FastClock(SystemClock):
    """Time that passes `times` as fast, so that a quarter of an hour is a test of seconds."""

    def __init__(self, times: float) -> None:
        self._times = times
        self._began = time.monotonic()
        self._epoch = time.time()

    def _passed(self) -> float:
        return (time.monotonic() - self._began) * self._times

    def monotonic(self) -> float:
        return 1_000.0 + self._passed()

    def now(self) -> float:
        return self._epoch + self._passed()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._times)


def go(scenario: Coroutine[Any, Any, T], seconds: float = 60.0) -> T:
    """Run a scenario to its end, or fail it."""

    async def bounded() -> T:
        async with asyncio.timeout(seconds):
            return await scenario

    return asyncio.run(bounded())


def gaps(requests: Sequence[LoggedRequest]) -> list[float]:
    """Seconds between one arrival and the next."""
    return [later.at - earlier.at for earlier, later in pairwise(requests)]
