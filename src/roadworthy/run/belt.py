"""Records on their way from whoever takes them in to the workers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Belt(Generic[T]):
    """What waits for a worker: so much at most, so that memory does not grow with the input.

    It is filled a batch at a time, again when it is half empty: a record that is taken from it wakes nobody.

    Args:
        most: how much it holds.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: deque[T] = deque()
        self._ended = False
        self._came = asyncio.Event()
        self._room = asyncio.Event()

    def has_room(self, count: int) -> bool:
        """Whether it can hold so many more."""
        return len(self._held) + count <= self._most

    async def put(self, batch: Sequence[T]) -> None:
        """Lay a batch on it, as it has room."""
        while batch:
            if len(self._held) >= self._most:
                self._room.clear()
                await self._room.wait()
            free = self._most - len(self._held)
            self._held.extend(batch[:free])
            batch = batch[free:]
            self._came.set()

    def end(self) -> None:
        """Nothing more comes."""
        self._ended = True
        self._came.set()

    async def take(self) -> T | None:
        """The next one; None when all have been taken and nothing more comes."""
        while not self._held:
            if self._ended:
                return None
            self._came.clear()
            await self._came.wait()
        taken = self._held.popleft()
        if len(self._held) == self._most // 2:
            self._room.set()
        return taken
