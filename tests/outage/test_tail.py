"""A worker goes on while its outcome is on its way to the disk; nobody hears of it before it is there."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from tests.ledgers import ask
from tests.outage.bench import an_app, notes, provider

from roadworthy._events import Event, RecordEnded
from roadworthy.call.price import usd
from roadworthy.run.job import Job
from roadworthy.run.options import Options

RECORDS = 60


class Heard:
    """Hears of ended records alone, as the progress line does; whoever traces is told all in a record's own task."""

    hears: Final = frozenset({RecordEnded})

    def __init__(self, look: Callable[[str, Path], None]) -> None:
        self._look = look
        self.ledger = Path()
        self.spent_pico: list[int] = []

    def __call__(self, event: Event) -> None:
        """Look at the ledger."""
        if isinstance(event, RecordEnded):
            self._look(event.key, self.ledger)
            self.spent_pico.append(event.spent_pico)


async def run(url: str, look: Callable[[str, Path], None], concurrency: int) -> tuple[int, int]:
    """A run in which `look` is called with each record's key when it is told to have ended; accepted, and commits."""
    app, entry = an_app()
    tell = Heard(look)
    runtime = app.start({"OPENAI_BASE_URL": url}, tell=tell)
    tell.ledger, commits = Path(runtime.store.name), 0
    perform: Any = runtime.store._writer._run  # type: ignore[attr-defined] # what performs one transaction

    def counted(changes: list[Any]) -> Any:
        nonlocal commits
        commits += 1
        return perform(changes)

    runtime.store._writer._run = counted  # type: ignore[attr-defined] # as above
    try:
        job = Job(runtime, entry, notes(RECORDS), Options(job="tail", concurrency=concurrency))
        began = commits
        summary, status = await job.run()
    finally:
        await runtime.close()
    assert status == 0
    assert tell.spent_pico == sorted(tell.spent_pico)
    assert usd(tell.spent_pico[-1]) == summary.cost_usd > 0, "what a progress line shows is what was spent"
    return summary.accepted, commits - began


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_record_is_told_to_have_ended_when_its_outcome_is_on_disk(concurrency: int) -> None:
    """Whoever hears that a record is done would act on an outcome that a crash takes back."""
    told: list[str] = []

    def look(key: str, ledger: Path) -> None:
        rows = ask(str(ledger), "SELECT key FROM record WHERE outcome = 'accepted'")
        assert (key,) in rows
        told.append(key)

    with provider(latency_ms=5.0) as sim:
        accepted, _commits = asyncio.run(run(sim.url, look, concurrency))
    assert accepted == len(told) == len(set(told)) == RECORDS


def test_an_outcome_and_the_next_intent_of_a_worker_are_one_commit() -> None:
    """One worker would take two commits a record, and wait for the second before it asks anything."""
    with provider(latency_ms=5.0) as sim:
        accepted, commits = asyncio.run(run(sim.url, lambda _key, _ledger: None, 1))
    assert accepted == RECORDS
    assert commits <= RECORDS * 1.3 + 10
