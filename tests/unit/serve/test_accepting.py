"""How many callers are let in while the loop is at work."""

import asyncio
import socket
from contextlib import ExitStack, closing

import pytest

from roadworthy.run.loop import loop_factory
from roadworthy.serve.command import handles

CALLERS = 64


async def _turns(listening: socket.socket) -> int:
    """How many turns of the loop pass until all callers are in."""
    loop, turns, here = asyncio.get_running_loop(), 0, 0

    class Caller(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            nonlocal here
            here += 1
            transport.close()

    servers = [await loop.create_server(Caller, sock=one) for one in handles(listening)]
    while here < CALLERS:
        turns += 1
        await asyncio.sleep(0)
    for server in servers:
        server.close()
    return turns


def test_nobody_is_let_in_once_all_handles_are_closed() -> None:
    """A service that ends would let callers in whom it does not answer any more."""
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    for handle in handles(listening):
        handle.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=30)


@pytest.mark.fault("E20")
def test_many_callers_are_let_in_with_one_turn_of_the_loop() -> None:
    """One caller a turn would be let in: while a service is at work for 30 ms a turn, the hundredth waited for three seconds."""
    with ExitStack() as stack:
        listening = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0), backlog=CALLERS)))
        for _ in range(CALLERS):
            stack.enter_context(closing(socket.create_connection(listening.getsockname(), timeout=30)))
        runner = stack.enter_context(asyncio.Runner(loop_factory=loop_factory()))
        assert runner.run(_turns(listening)) < CALLERS // 2
