"""Settlements that could not be written: the ledger was away when their answers came, and the process goes on."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from roadworthy._errors import LedgerUnavailable
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.transaction import Change, TakenForDead

R = TypeVar("R")


class Late:
    """Writes what settles attempts, and what of it failed once more when the ledger is back.

    Nobody else would: the attempts are the promise of a process that lives, so their replies would be lost, their money
    stay reserved and their records wait for an answer that came. There are at most as many as requests were on the wire:
    while the ledger is away none is opened.
    """

    def __init__(self, store: Ledger) -> None:
        self._store = store
        self._left: list[Change[None]] = []

    def leave(self, settles: Change[None]) -> None:
        """Have it written once the ledger is back."""
        self._left.append(settles)

    def write(self, change: Change[R], settles: Change[None]) -> Awaitable[R]:
        """Hand a change over at once.

        Args:
            settles: the part of it that settles attempts; it may be written twice.
        """
        return self._written(self._store.write(change), settles)

    async def _written(self, writing: Awaitable[R], settles: Change[None]) -> R:
        try:
            return await writing
        except TakenForDead:  # whoever did so has charged them
            raise
        except LedgerUnavailable:
            self._left.append(settles)
            raise

    async def settle(self) -> int:
        """Write what is left; how much of it was written."""
        left, self._left = self._left, []
        for place, change in enumerate(left):
            try:
                await self._store.write(change)
            except LedgerUnavailable:
                self._left += left[place:]
                return place
        return len(left)
