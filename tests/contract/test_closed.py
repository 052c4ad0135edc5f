"""A ledger that was closed: whoever writes hears it, and nobody waits for an answer that never comes."""

import asyncio
import threading
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for_all
from contextlib import suppress
from pathlib import Path

import pytest
from tests.conftest import QUICK

from roadworthy._errors import LedgerUnavailable
from roadworthy.keep.ledger import Ledger, open_ledger
from roadworthy.keep.transaction import Transaction
from roadworthy.keep.writer import Writer

BOUND_S = 30.0
"""More than any of it takes; only something that waits for ever lasts longer."""


def nothing(_tx: Transaction) -> int:
    """A change that changes nothing."""
    return 1


async def bounded(work: Awaitable[int]) -> int:
    """What it comes to, or TimeoutError."""
    async with asyncio.timeout(BOUND_S):
        return await work


def test_who_writes_to_a_closed_ledger_in_a_loop_is_told(store: Ledger) -> None:
    """A task that is left behind would wait for ever, and `asyncio.run`, which waits for it, would never end."""

    async def scenario() -> None:
        assert await bounded(store.write(nothing)) == 1
        store.close()
        for _ in range(2):
            with pytest.raises(LedgerUnavailable, match=r"was closed before this was written"):
                await bounded(store.write(nothing))

    asyncio.run(scenario())


def test_who_writes_to_a_closed_ledger_from_a_thread_is_told(store: Ledger) -> None:
    """A thread behind a call that was cancelled would keep the process from ending."""
    store.close()
    told: list[str] = []

    def write() -> None:
        try:
            store.write_now(nothing)
        except LedgerUnavailable as error:
            told.append(str(error))

    writing = threading.Thread(target=write, daemon=True)
    writing.start()
    writing.join(BOUND_S)
    assert len(told) == 1
    assert store.name in told[0]


def test_what_was_written_before_the_close_is_committed(ledger: str) -> None:
    """A change that was handed over in the very turn in which the ledger is closed would be lost, or its caller stranded."""
    store = open_ledger(ledger, QUICK)

    async def scenario() -> int:
        writing = store.write(nothing)
        store.close()
        return await bounded(writing)

    assert asyncio.run(scenario()) == 1


def test_closing_it_again_closes_nothing_else(tmp_path: Path) -> None:
    """The second close would close whichever file was opened since under the same descriptor, or wait for ever."""
    store = open_ledger(str(tmp_path / "ledger.db"), QUICK)
    store.close()
    files = [(tmp_path / f"{number}").open("w") for number in range(10)]
    again = threading.Thread(target=store.close, daemon=True)
    again.start()
    again.join(BOUND_S)
    assert not again.is_alive()
    for file in files:
        file.write("still open")
        file.close()


def test_a_race_between_closing_and_writing_strands_nobody() -> None:
    """A change that comes in between the last look at the queue and the end of its thread would never be answered."""
    loops, writes = 3, 40

    def writing(writer: Writer, begin: threading.Barrier) -> int:
        async def scenario() -> int:
            begin.wait(BOUND_S)
            ended = 0
            for _ in range(writes):
                with suppress(LedgerUnavailable):
                    await bounded(writer.write(nothing))
                ended += 1
            return ended

        return asyncio.run(scenario())

    def writing_now(writer: Writer, begin: threading.Barrier) -> int:
        begin.wait(BOUND_S)
        ended = 0
        for _ in range(writes):
            with suppress(LedgerUnavailable):
                writer.write_now(nothing)
            ended += 1
        return ended

    pool = ThreadPoolExecutor(loops + 1)
    for _ in range(30):
        writer = Writer(lambda changes: [1 for _ in changes], 5, name="ledger")
        begin = threading.Barrier(loops + 2)
        writers = [pool.submit(writing, writer, begin) for _ in range(loops)]
        writers.append(pool.submit(writing_now, writer, begin))
        begin.wait(BOUND_S)
        writer.close()
        done, left = wait_for_all(writers, timeout=BOUND_S)
        assert not left
        assert [one.result() for one in done] == [writes] * (loops + 1)
    pool.shutdown()
