"""The doors of an app: one to each event loop that calls it, each with a ledger of its own on the same place.

Loops live in threads of their own, and a runtime works in one loop alone. So a door is closed by its own loop, or by
another one where nobody is inside: never under calls in flight.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from roadworthy.run.door import Door
from roadworthy.run.runtime import Runtime


class Doors:
    """The open doors of one app.

    Args:
        start: makes a runtime; raises what `App.start` raises.
    """

    def __init__(self, start: Callable[[], Runtime]) -> None:
        self._start = start
        self._by_loop: dict[asyncio.AbstractEventLoop, Door] = {}
        self._changing = threading.Lock()
        # One runtime is made at a time: what they share of the app's declarations is built with the first.
        self._starting = threading.Lock()

    def enter(self) -> Door:
        """The door of the running loop, opened where it is not. The caller is inside until `Door.leave`.

        Raises:
            WrongUse: a model, price, key or the ledger is wrong.
            LedgerUnavailable: the ledger cannot be opened just now.
        """
        loop = asyncio.get_running_loop()
        door = self._by_loop.get(loop)
        if door is not None and door.enter():
            return door
        self._abandon_ended()
        with self._starting:
            door = Door(self._start())
        door.enter()
        with self._changing:
            self._by_loop[loop] = door
        return door

    async def close(self) -> None:
        """Close the running loop's door at once, and every other one that nobody is inside of.

        What is left is in use in a loop that lives: it closes itself when the last call there has ended. It is not
        waited for, because its loop may stand still until this very call returns.
        """
        self._abandon_ended()
        running = asyncio.get_running_loop()
        with self._changing:
            own = self._by_loop.pop(running, None)
        if own is not None and own.shut():
            await own.close()
        while (other := self._take(lambda _loop, door: door.shut_when_empty())) is not None:
            await other.close_from_afar()

    def _abandon_ended(self) -> None:
        """Close what loops that are closed have left. A loop that only stands still may go on, and is no such loop."""
        while (left := self._take(lambda loop, _door: loop.is_closed())) is not None:
            if left.shut():
                left.abandon()

    def _take(self, wanted: Callable[[asyncio.AbstractEventLoop, Door], bool]) -> Door | None:
        """Take out the next door that is wanted. One at a time: whoever is interrupted leaves the others in their place."""
        with self._changing:
            for loop, door in self._by_loop.items():
                if wanted(loop, door):
                    return self._by_loop.pop(loop)
        return None
