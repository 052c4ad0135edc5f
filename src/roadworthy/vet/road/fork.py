"""Runs in a warm process: everything that a run loads is loaded once, and each order forks a child that does it.

`python -P -m roadworthy.vet.road.fork NUMBER`: a socket of that number brings the orders. An order comes with two open
files, three where the child reads a standard input: the order in JSON, and a socket that is told how the child ended. Whatever is sent
back on that socket, its end too, ends the child and all that it started. The app itself is loaded in the child alone.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from roadworthy.vet.road import child

CROWDED: Final = 71
"""Exit status of a process that cannot fork safely, because something that it loaded runs threads."""
READY: Final = b"ready\n"
PID_BYTES: Final = 12
"""A child's number is told first, in so many characters; then, when it has ended, its status."""
_LOADED: Final = (
    "roadworthy.__main__", "roadworthy.run.command", "roadworthy.run.reading", "roadworthy.run.door",
    "roadworthy.check.shape", "roadworthy.check.mend", "roadworthy.check.answer", "roadworthy.keep.writer", "roadworthy.keep.store",
    "roadworthy.keep.liveness", "roadworthy.vet.road.declared", "roadworthy.vet.command",
    "roadworthy.vet.simulator",
    "uvloop", "pydantic.dataclasses", "pyreqwest.client", "pyreqwest.exceptions", "genai_prices.data", "genai_prices.data_units", "ftfy", "http.client",
)  # fmt: skip
"""What runs load, some of it only when they need it."""


def load() -> None:
    """Load what runs load; what is not installed is left to whoever needs it."""
    for name in _LOADED:
        with suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is never freed need not be looked at, nor copied for it


class Brood:
    """The children that run: each has a socket that is told how it ended."""

    def __init__(self) -> None:
        self._running: dict[socket.socket, int] = {}
        self.wakes, self._woken = os.pipe()
        os.set_blocking(self._woken, False)
        signal.set_wakeup_fd(self._woken)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def look(self, orders: socket.socket) -> bool:
        """Wait for something to happen and see to the children; whether there is an order."""
        numbers = {one.fileno(): one for one in self._running}
        ready, _, _ = select.select([orders.fileno(), self.wakes, *numbers], [], [])
        if self.wakes in ready:
            os.read(self.wakes, 4_096)
        for number in ready:
            if number in numbers:
                _end(self._running[numbers[number]])
        self._reap()
        return orders.fileno() in ready

    def add(self, told: int, number: int) -> None:
        """Another child, by its number."""
        socket_ = socket.socket(fileno=told)
        with suppress(OSError):  # whoever ordered it is gone; the next look ends it
            socket_.sendall(b"%*d" % (PID_BYTES, number))
        self._running[socket_] = number

    def end(self) -> None:
        """End them all."""
        for number in self._running.values():
            _end(number)

    def leave(self) -> None:
        """Be none of this, in a child."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in self._running:
            one.close()
        os.close(self.wakes)
        os.close(self._woken)

    def _reap(self) -> None:
        """Tell how each child ended that has ended; what it started ends with it."""
        for told, number in list(self._running.items()):
            ended, status = os.waitpid(number, os.WNOHANG)
            if not ended:
                continue
            del self._running[told]
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(number, signal.SIGKILL)
            with suppress(OSError):  # nobody waits for it any more
                told.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            told.close()


def wait_for_order(orders: socket.socket) -> dict[str, Any]:
    """Fork a child for each order. Returns in the children alone, each with its order; the process itself ends with `orders`."""
    brood = Brood()
    while True:
        if not brood.look(orders):
            continue
        said, files, _, _ = socket.recv_fds(orders, 1, 3)
        if not said:
            brood.end()
            os._exit(0)
        order, told, *stdin = files
        number = os.fork()
        if not number:
            brood.leave()
            orders.close()
            os.close(told)
            return _become(order, stdin[0] if stdin else None)
        brood.add(told, number)
        for mine in (order, *stdin):
            os.close(mine)


def _end(number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(number, signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(number, signal.SIGKILL)  # it may not lead a group yet


def _become(order: int, stdin: int | None) -> dict[str, Any]:
    """Be the process that the order asks for: its environment, its folder, its standard streams."""
    os.setsid()
    with os.fdopen(order, "rb") as file:
        file.seek(0)
        said: dict[str, Any] = json.load(file)
    os.environ.clear()
    os.environ.update(said["environ"])
    os.chdir(said["cwd"])
    streams = (
        os.open(os.devnull, os.O_RDONLY) if stdin is None else stdin,
        *(os.open(said[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600) for name in ("printed", "said")),
    )
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.path.insert(0, said["cwd"])  # as `python -m` in that folder does
    return said


def main() -> None:
    """Load, say so, and be a child for every order."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    load()
    tasks = Path("/proc/self/task")
    if tasks.exists() and len(list(tasks.iterdir())) > 1:
        sys.exit(CROWDED)
    orders.sendall(READY)
    child.do(wait_for_order(orders)["task"])


if __name__ == "__main__":
    main()
