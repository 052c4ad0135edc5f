"""Roadworthy at work, measured: the job that `roadworthy run` runs, and the same stages without a ledger."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import task
from benchmarks.machine import ROOT
from benchmarks.pool import Call, Slice, Taken, cpu_s
from benchmarks.transport import make_transport

from roadworthy._events import Event, RecordEnded
from roadworthy.ask.build import build_question
from roadworthy.ask.template import resolve
from roadworthy.call.meter import Ask, Opened, Settlement
from roadworthy.call.reply import Reply
from roadworthy.check.checked import Valid
from roadworthy.keep.store import SqliteStore
from roadworthy.observe.progress import Progress
from roadworthy.run.command import Target, find_target
from roadworthy.run.job import Job
from roadworthy.run.loop import spare_collector
from roadworthy.run.options import Options
from roadworthy.run.runtime import Runtime

APP = ROOT / "benchmarks" / "app.py"


class Stopwatch:
    """Times each record from its question to its durable outcome, and passes events on to the progress line."""

    def __init__(self, target: Target) -> None:
        self._progress = Progress(0, None)
        self.hears = self._progress.hears  # as the command has it, which hears what its progress line does
        self._began: dict[str, float] = {}
        self.latencies_s: list[float] = []
        self.ended_at: list[float] = []
        prompt = target.entry.prompt  # type: ignore[attr-defined] # the app's entry is a step

        def timed(ticket: Any, *passages: Any) -> Any:
            self._began.setdefault(ticket.id, time.perf_counter())
            return prompt(ticket, *passages)

        target.entry.prompt = timed  # type: ignore[attr-defined] # as above

    def __call__(self, event: Event) -> None:
        """Hear an event."""
        if type(event) is RecordEnded:
            now = time.perf_counter()
            self.latencies_s.append(now - self._began.pop(event.key, now))
            self.ended_at.append(time.time())
        self._progress(event)


def open_runtime(
    target: Target,
    folder: Path,
    *,
    in_flight: int,
    transport: str = "pyreqwest",
    store_class: type[SqliteStore] = SqliteStore,
    tell: Any = None,
) -> Runtime:
    """A runtime of the app with its ledger in `folder`.

    The lane starts at the number in flight, where an app would be told what its provider allows; it learns it otherwise.
    """
    plan = target.entry.home.plan  # type: ignore[attr-defined] # an entry's home is its app
    settings = target.entry.home.start_settings()  # type: ignore[attr-defined] # as above
    settings = replace(settings, lane_concurrency_start=max(in_flight, settings.lane_concurrency_start))
    store = store_class(folder / "bench.db", settings)
    wire = make_transport(transport, settings)
    listeners = {} if tell is None else {"tell": tell}
    runtime = Runtime(plan, store, settings, os.environ, transport=wire, **listeners)
    runtime.reap()
    return runtime


@contextmanager
def workplace(url: str) -> Iterator[Path]:
    """A folder for ledger and input, and the environment that the app reads."""
    os.environ["OPENAI_BASE_URL"] = url
    os.environ.pop("ROADWORTHY_LEDGER", None)
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    with TemporaryDirectory(prefix="bench-") as folder:
        yield Path(folder)


@asynccontextmanager
async def jobs(
    url: str,
    in_flight: int,
    transport: str = "pyreqwest",
    store_class: type[SqliteStore] = SqliteStore,
    folder: Path | None = None,
) -> AsyncIterator[Slice]:
    """Slices that are files run through the app as the command does it; every record must be accepted.

    That is intake, intent, send, checks, settlement and outcome, all durable.
    """
    with workplace(url) as own_folder:
        folder = folder or own_folder
        target = find_target(str(APP), str(task.write_tickets(own_folder / "tickets.jsonl", 0, 1)), None)
        watch = Stopwatch(target)
        runtime = open_runtime(
            target, folder, in_flight=in_flight, transport=transport, store_class=store_class, tell=watch
        )
        spare_collector()

        async def slice_(first: int, calls: int) -> Taken:
            place = task.write_tickets(own_folder / f"{first}.jsonl", first, calls)
            items = replace(find_target(str(APP), str(place), None), entry=target.entry)
            watch.latencies_s, watch.ended_at = [], []
            taken = await run_job(runtime, items, in_flight, calls)
            taken.latencies_s, taken.ended_at = watch.latencies_s, watch.ended_at
            return taken

        try:
            yield slice_
        finally:
            await runtime.close()


async def run_job(runtime: Runtime, target: Target, in_flight: int, count: int) -> Taken:
    """One job, measured."""
    options = Options(job=target.job, concurrency=in_flight)
    cpu, wall = cpu_s(), time.perf_counter()
    summary, status = await Job(runtime, target.entry, target.items(), options).run()
    taken = Taken(count, cpu_s() - cpu, time.perf_counter() - wall)
    assert (status, summary.accepted) == (0, count), (status, summary)
    return taken


class Unkept:
    """A meter that keeps no accounts."""

    def __init__(self) -> None:
        self._last = 0

    async def open(self, ask: Ask) -> Opened:
        """Let it go."""
        del ask
        self._last += 1
        return Opened(self._last, 1)

    async def settle(self, settlement: Settlement) -> None:
        """Forget it."""

    def owe(self, settlement: Settlement) -> None:
        """Forget it."""

    async def changed(self, seconds: float) -> None:
        """Nothing changes."""


@asynccontextmanager
async def without_ledger(url: str, in_flight: int) -> AsyncIterator[Call]:
    """The product's stages and driver with no intake, no ledger and no accounts: what is left is asking and checking."""
    with workplace(url) as folder:
        tickets = task.write_tickets(folder / "one.jsonl", 0, 1)
        target = find_target(str(APP), str(tickets), None)
        step: Any = target.entry
        runtime = open_runtime(target, folder, in_flight=in_flight)
        (rung,) = runtime.rungs(step)
        prepared, meter, kind = step.prepared, Unkept(), step.record_schema.kind

        async def call(number: int) -> object:
            ticket = kind(id=f"T-{number}", body=task.ticket(number))
            prompt = step.prompt(ticket)
            template = resolve(prompt, prepared.folder, runtime.settings)
            question = build_question(prompt, prepared.schema, template=template)
            ask = rung.ask(question, ticket, words="", room=1, namespace="bench", sample=0)
            reply = await runtime.driver.buy(rung, ask, meter, runtime.clock.monotonic() + 900)
            assert isinstance(reply, Reply), reply
            checked = prepared.checker.check(reply, ticket)
            assert isinstance(checked, Valid), checked
            return checked.value

        try:
            yield call
        finally:
            await runtime.close()
