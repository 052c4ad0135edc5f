"""Records that are worked on no more, and whose outcome is on its way to the disk."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import TypeAlias

Ending: TypeAlias = "Coroutine[object, None, object]"


class Tail:
    """What waits for the commits of a job's outcomes, so that its workers need not.

    A worker goes on with its next record once an outcome is handed to the ledger; the outcome and the next record's intent
    are then one commit. A record is told to have ended when that is durable, as ever. One task waits for all of them:
    what was committed together comes back together, so it wakes once a commit and not once a record.
    """

    def __init__(self) -> None:
        self._held: deque[Ending] = deque()
        self._ended = False
        self._came = asyncio.Event()

    def add(self, ending: Ending) -> None:
        """What is to be awaited for one more record. The ledger commits in order, so one after the other will do."""
        self._held.append(ending)
        self._came.set()

    def end(self) -> None:
        """Nothing more comes."""
        self._ended = True
        self._came.set()

    async def serve(self) -> None:
        """See every record to its end, until `end`.

        Raises:
            LedgerUnavailable: an outcome could not be written.
        """
        held = self._held
        while True:
            while held:
                await held.popleft()
            if self._ended:
                return
            self._came.clear()
            await self._came.wait()

    async def rest(self) -> None:
        """What is left once the workers have stopped, after a fault or an interrupt: it is handed over, and gets to its end."""
        left, self._held = self._held, deque()
        await asyncio.gather(*left, return_exceptions=True)
