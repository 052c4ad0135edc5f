"""Letting callers in: all that wait, with each turn of the loop.

libuv, and uvloop with it, takes one new connection a turn (since 1.45). A service that is at work for 30 ms a turn then
lets new callers wait for seconds while it serves those it has; and whom it should refuse, because it has too many, it
does not even see: they queue. asyncio's own loop takes all that wait.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Final

import uvicorn

_A_TURN: Final = 200
"""Connections let in at most with one turn: a tenth of a millisecond each, and whoever was let in before has work waiting too."""
_REST_S: Final = 1.0
"""Before it is tried again where no files were left, as asyncio's own loop does: whoever waits makes a door ready all the time."""


class Server(uvicorn.Server):
    """uvicorn's server with a second pair of hands at each of its doors."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._doors: list[socket.socket] = []
        self._entering: set[asyncio.Task[object]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        for listening in sockets or ():
            door = listening.dup()
            door.setblocking(False)
            self._doors.append(door)
            asyncio.get_running_loop().add_reader(door, self._let_in, door)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in any more, and wait for those who are in."""
        for door in self._doors:
            asyncio.get_running_loop().remove_reader(door)
            door.close()
        await super().shutdown(sockets)

    def _let_in(self, door: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(_A_TURN):
            try:
                caller, _address = door.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return  # nobody waits, or whoever did has gone
            except OSError:  # no files are left for more callers
                loop.remove_reader(door)
                loop.call_later(_REST_S, self._look_again, door)
                return
            caller.setblocking(False)
            caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            entering = loop.create_task(loop.connect_accepted_socket(self._connection, caller))
            self._entering.add(entering)
            entering.add_done_callback(self._entered)

    def _look_again(self, door: socket.socket) -> None:
        if door.fileno() >= 0:  # else it was closed meanwhile
            asyncio.get_running_loop().add_reader(door, self._let_in, door)

    def _connection(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg] # as uvicorn calls it
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made

    def _entered(self, entering: asyncio.Task[object]) -> None:
        self._entering.discard(entering)
        if not entering.cancelled():
            entering.exception()  # a caller who has gone already is nobody's error
