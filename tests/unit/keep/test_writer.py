"""The ledger's thread: who is told what, where a transaction did not come to its end."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from roadworthy._errors import LedgerUnavailable
from roadworthy.keep.transaction import Change, Transaction
from roadworthy.keep.writer import Writer

COUNT = 6


class Ledgers:
    """A ledger of one list: what was committed, and how many changes each transaction held.

    Args:
        goes_after: it is away once so many changes are committed; None for never.
    """

    def __init__(self, goes_after: int | None = None) -> None:
        self.committed: list[object] = []
        self.sizes: list[int] = []
        self._goes_after = goes_after

    def run(self, changes: list[Change[Any]]) -> list[object]:
        """All of the changes or none."""
        self.sizes.append(len(changes))
        tx: Transaction = None  # type: ignore[assignment] # these changes look at nothing
        results = [change(tx) for change in changes]
        if self._goes_after is not None and len(self.committed) + len(results) > self._goes_after:
            raise LedgerUnavailable("the disk is full")
        self.committed += results
        return results


def says(word: int) -> Callable[[Transaction], int]:
    """A change that is well."""
    return lambda _tx: word


def breaks(_tx: Transaction) -> int:
    """A change that raises."""
    raise KeyError("a bug")


def told(writer: Writer, *, culprit: int | None) -> list[object]:
    """What each of the callers of one turn is told."""

    async def together() -> list[object]:
        writing = [writer.write(breaks if at == culprit else says(at)) for at in range(COUNT)]
        return await asyncio.wait_for(asyncio.gather(*writing, return_exceptions=True), 10)

    try:
        return asyncio.run(together())
    finally:
        writer.close()


def test_where_nothing_is_wrong_there_is_one_transaction() -> None:
    """Each change would pay for a commit of its own."""
    ledger = Ledgers()
    assert told(Writer(ledger.run, 100, name="ledger.db"), culprit=None) == list(range(COUNT))
    assert ledger.sizes == [COUNT]


def test_after_a_change_that_raised_each_runs_alone_in_its_order() -> None:
    """A later change of a record would be written before an earlier one, or a neighbour be lost."""
    ledger = Ledgers()
    found = told(Writer(ledger.run, 100, name="ledger.db"), culprit=2)
    assert isinstance(found.pop(2), KeyError)
    assert found == ledger.committed == [0, 1, 3, 4, 5]
    assert ledger.sizes == [COUNT, *[1] * COUNT]


def test_a_ledger_that_goes_away_meanwhile_is_not_asked_again_for_each() -> None:
    """Every change that is left would wait for the ledger as long as it may, one after the other."""
    ledger = Ledgers(goes_after=1)
    found = told(Writer(ledger.run, 100, name="ledger.db"), culprit=4)
    assert found[0] == 0
    assert all(isinstance(error, LedgerUnavailable) for error in found[1:])
    assert ledger.sizes == [COUNT, 1, 1]


def test_a_ledger_that_is_away_is_told_to_all_at_once() -> None:
    """A ledger that is away would be asked once for each change."""
    ledger = Ledgers(goes_after=0)
    found = told(Writer(ledger.run, 100, name="ledger.db"), culprit=None)
    assert [type(error) for error in found] == [LedgerUnavailable] * COUNT
    assert ledger.sizes == [COUNT]


def test_a_change_that_raises_alone_runs_once() -> None:
    """A mistake would be made twice before it is told."""
    ledger = Ledgers()
    writer = Writer(ledger.run, 100, name="ledger.db")
    with pytest.raises(KeyError):
        writer.write_now(breaks)
    writer.close()
    assert ledger.sizes == [1]


def test_nobody_waits_for_ever_where_the_thread_is_stopped_in_a_change() -> None:
    """An exit inside a change would strand whoever waits for another one."""

    def ends(_tx: Transaction) -> int:
        raise SystemExit(1)

    async def together(writer: Writer) -> list[BaseException | int]:
        writing = [writer.write(says(1)), writer.write(ends)]
        return await asyncio.wait_for(asyncio.gather(*writing, return_exceptions=True), 10)

    ledger = Ledgers()
    writer = Writer(ledger.run, 100, name="ledger.db")
    good, bad = asyncio.run(together(writer))
    writer.close()
    assert good == 1
    assert isinstance(bad, SystemExit)
