"""How many callers are let in while the loop is at work."""

import asyncio
import socket
import subprocess
import sys
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


FULL = """
import asyncio, os, resource, socket
import uvicorn
from roadworthy.serve.accepting import Server

class Caller(asyncio.Protocol):
    def __init__(self, **_given):
        pass
    def connection_made(self, transport):
        entered.append(transport)

class Counting(Server):
    def _let_in(self, door):
        looks.append(door)
        super()._let_in(door)

async def main():
    config = uvicorn.Config(lambda: None, http=Caller, lifespan="off", log_config=None)
    config.load()
    server = Counting(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup([listening])
    asyncio.get_running_loop().set_exception_handler(lambda loop, said: None)
    while True:
        try:
            files.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            break
    caller.connect(listening.getsockname())
    await asyncio.sleep(0.5)
    tried = len(looks)
    for file in files:
        os.close(file)
    async with asyncio.timeout(20):
        while not entered:
            await asyncio.sleep(0.05)
    await server.shutdown([listening])
    print(tried)

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
entered, looks, files = [], [], []
listening, caller = socket.create_server(("127.0.0.1", 0)), socket.socket()
asyncio.run(main())
"""


@pytest.mark.fault("E20")
def test_no_files_left_is_waited_out() -> None:
    """Whoever waits at the door makes it ready all the time, and the service would do nothing but look."""
    done = subprocess.run(
        [sys.executable, "-c", FULL], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert 1 <= int(done.stdout) <= 2
