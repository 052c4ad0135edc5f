"""The command that supervises workers elsewhere: what ends it besides the end of the work."""

import asyncio
import json
from pathlib import Path

import psycopg
import pytest
from tests import postgres
from tests.scale.soak import APP
from tests.scale.test_fleet import Desk

from roadworthy._errors import LedgerUnavailable
from roadworthy._events import silence
from roadworthy.run.command import find_target, finish
from roadworthy.run.options import Options
from roadworthy.run.placed import PlacedJob, Placing

TAKEN_IN = "SELECT count(*) FROM line"
TAKEN_FOR_DEAD = "UPDATE lease SET ended_at = 1 WHERE owner = %s"


def test_a_command_that_was_taken_for_dead_ends_and_its_workers_with_it(
    postgres_server: postgres.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that stood still for longer than its lease would wait for ever for work that is long done."""
    ledger = postgres_server.new_database()
    monkeypatch.setenv("ROADWORTHY_LEDGER", ledger)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1")
    (tmp_path / "soak.py").write_text(APP.format(ledger=ledger, settings={}))
    notes = tmp_path / "notes.jsonl"
    notes.write_text("".join(json.dumps({"id": str(n), "text": f"note {n}"}) + "\n" for n in range(20)))
    target = find_target(str(tmp_path / "soak.py"), str(notes), None)
    desk = Desk(lambda _desk: None)

    async def scene() -> None:
        runtime = target.start(tell=silence)
        try:
            options = Options(job=target.job, budget_pico=10**12)
            placing = Placing(lambda _work, _ledger, _settings: desk, 2)
            running = asyncio.create_task(
                finish(PlacedJob(runtime, target.entry, target.items(), options, placing))
            )
            with psycopg.connect(ledger, autocommit=True) as connection:
                while desk.placed < 2 or connection.execute(TAKEN_IN).fetchone() != (20,):  # noqa: ASYNC110 - the server tells nobody
                    await asyncio.sleep(0.05)
                connection.execute(TAKEN_FOR_DEAD, (runtime.store.owner,))
            done, _ = await asyncio.wait({running}, timeout=20)
            assert done, "it still waits"
            with pytest.raises(LedgerUnavailable, match="taken for dead"):
                await running
        finally:
            await runtime.close()

    async def bounded() -> None:
        async with asyncio.timeout(40):
            await scene()

    asyncio.run(bounded())
    assert desk.told.is_set(), "its workers were told to end"
