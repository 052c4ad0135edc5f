"""How many callers are let in while the loop is at work."""

import asyncio
import socket
from contextlib import ExitStack, closing

import pytest
import uvicorn

from roadworthy.run.loop import loop_factory
from roadworthy.serve.accepting import Server

CALLERS = 64
ENTERED: list[object] = []


class Caller(asyncio.Protocol):
    """Somebody who was let in."""

    def __init__(self, **_given: object) -> None:
        """As uvicorn makes one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """They are in."""
        ENTERED.append(transport)
        transport.close()


async def _turns(listening: socket.socket) -> int:
    """How many turns of the loop pass until all who wait are in; then the service ends."""
    config = uvicorn.Config(lambda: None, http=Caller, lifespan="off", log_config=None)
    config.load()
    server, turns = Server(config), 0
    server.lifespan = config.lifespan_class(config)
    await server.startup([listening])
    while len(ENTERED) < CALLERS:
        turns += 1
        await asyncio.sleep(0)
    await server.shutdown([listening])
    return turns


@pytest.mark.fault("E20")
@pytest.mark.parametrize("fast", [True, False], ids=["uvloop", "asyncio"])
def test_all_who_wait_are_let_in(fast: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """One caller a turn would be let in: while a service is at work for 30 ms a turn, the hundredth waited for three seconds.

    And nobody is let in any more once it ends.
    """
    ENTERED.clear()
    with ExitStack() as stack:
        listening = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0), backlog=CALLERS)))
        address = listening.getsockname()
        for _ in range(CALLERS):
            stack.enter_context(closing(socket.create_connection(address, timeout=30)))
        runner = stack.enter_context(asyncio.Runner(loop_factory=loop_factory() if fast else None))
        assert runner.run(_turns(listening)) < CALLERS // 4
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=30)
