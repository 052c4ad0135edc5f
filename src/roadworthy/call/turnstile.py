"""Answers that come together and go on a few at a time, so that calls do not march in step."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

_LOOPS_MAX: Final = 8
"""Loops in the midst of a turn, beyond which those that were closed are looked for."""


class Turnstile:
    """Lets so many answers go on in one turn of the event loop; the others go on in the turns after it, in their order.

    What an event loop has ready it does in one turn, and what a turn writes is one commit. A thousand answers of one turn
    would be a thousand next requests behind one commit: sent together, answered together, a thousand in step for ever,
    and nobody has anything to do while all of them are on the wire. A few a turn, and requests leave while other answers
    are still looked at.

    It holds nobody up: what waits needs nothing but the next turn. It may be used from several loops, each for itself.

    Args:
        most: answers a turn.
    """

    def __init__(self, most: int) -> None:
        self._most = max(1, most)
        self._turns: dict[asyncio.AbstractEventLoop, _Turn] = {}

    def full(self) -> bool:
        """Whether one more answer of this turn is to `wait`; one that need not has gone on by that."""
        loop = asyncio.get_running_loop()
        turn = self._turns.get(loop)
        if turn is None:
            turn = self._begin(loop)
        if turn.left and not turn.waiting:
            turn.left -= 1
            return False
        return True

    async def wait(self) -> None:
        """Return in the turn in which this answer may go on."""
        loop = asyncio.get_running_loop()
        may_go = loop.create_future()
        self._turns[loop].waiting.append(may_go)
        await may_go

    def _begin(self, loop: asyncio.AbstractEventLoop) -> _Turn:
        if len(self._turns) >= _LOOPS_MAX:  # a loop that was closed in the midst of a turn never ends it
            self._turns = {loop: turn for loop, turn in self._turns.items() if not loop.is_closed()}
        turn = self._turns[loop] = _Turn(self._most)
        loop.call_soon(self._next, loop)
        return turn

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """A turn is over: whoever waits goes on in the next one, as many as may."""
        turn = self._turns[loop]
        turn.left = self._most
        while turn.waiting and turn.left:
            may_go = turn.waiting.popleft()
            if not may_go.done():  # else whoever waited was stopped
                may_go.set_result(None)
                turn.left -= 1
        if turn.left == self._most:
            del self._turns[loop]
        else:
            loop.call_soon(self._next, loop)


class _Turn:
    """How many may still go on in this turn of a loop, and who waits for the next."""

    __slots__ = ("left", "waiting")

    def __init__(self, left: int) -> None:
        self.left = left
        self.waiting: deque[asyncio.Future[None]] = deque()
