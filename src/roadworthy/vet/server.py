"""The listening socket, and the sweep over its connections."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

from roadworthy._errors import WrongUse
from roadworthy.vet.connection import Connection, House

_SWEEPS_PER_IDLE: Final = 4


class Server:
    """Listens on one address for as long as its `async with` block lasts.

    Args:
        house: what its connections share.
        host: the address to listen on.
        port: 0 lets the system choose.
    """

    def __init__(self, house: House, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._house = house
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """The port that it listens on.

        Raises:
            WrongUse: it does not listen yet, or no more.
        """
        if self._server is None:
            raise WrongUse("The simulated provider is not running. Use it inside `async with`.")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            WrongUse: the address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: Connection(self._house),
                self._host,
                self._port,
                backlog=self._house.limits.backlog,
            )
        except OSError as error:
            raise WrongUse(
                f"Cannot listen on {self._host}:{self._port}: {error}. Port 0 chooses a free one."
            ) from error
        self._sweep_again()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection at once, and the socket."""
        if self._sweep is not None:
            self._sweep.cancel()
        if self._server is not None:
            self._server.close()
            for connection in list(self._house.connections):
                connection.stop()
            await self._server.wait_closed()
            self._server = None

    def _sweep_again(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self._house.connections):
            connection.close_if_idle(now)
        self._sweep = loop.call_later(self._house.limits.idle_s / _SWEEPS_PER_IDLE, self._sweep_again)
