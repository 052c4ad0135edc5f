"""A process that has loaded Roadworthy once, and forks a child for every run: loading costs more than most runs."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Final, Self

from roadworthy._errors import WrongUse
from roadworthy.vet.road.fork import PID_BYTES, READY
from roadworthy.vet.road.halt import Halt

IS_SUPPORTED: Final = sys.platform.startswith("linux")
"""Elsewhere a fork without an exec is not safe, and every run starts an interpreter of its own."""
_END_S: Final = 5.0
_LOOK_S: Final = 0.001
_START_S: Final = 60.0


class WarmEnded(WrongUse):
    """The warm process is gone: the road test was ended."""


class Forked:
    """A child of a warm process, as `subprocess.Popen` shows a child.

    Attributes:
        pid: its number.
        returncode: its exit status, minus the signal that ended it; None while it runs.
    """

    stdout: IO[bytes] | None = None

    def __init__(self, told: socket.socket) -> None:
        self._told = told
        self.returncode: int | None = None
        told.settimeout(_START_S)
        self.pid = int(told.recv(PID_BYTES, socket.MSG_WAITALL) or 0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, when it has ended.

        Raises:
            subprocess.TimeoutExpired: it has not, after so many seconds.
            WarmEnded: the warm process is gone, and the child with it.
        """
        if self.returncode is None:
            self._told.settimeout(timeout)
            try:
                said = self._told.recv(16)
            except TimeoutError as error:
                raise subprocess.TimeoutExpired("roadworthy", timeout or 0.0) from error
            if not said:
                raise WarmEnded("The process that forks the runs ended before the run did.")
            self.returncode = int(said)
            self._told.close()
        return self.returncode

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        try:
            return self.wait(_LOOK_S)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End it, with all that it started."""
        if self.returncode is None:
            with suppress(OSError):  # it has just ended
                self._told.sendall(b"-")

    terminate = kill

    def close(self) -> None:
        """Wait no more: it ends, if it has not."""
        self._told.close()


class Warm:
    """One warm process. It ends with the `with` block, and when this process dies; its children end with it.

    Args:
        environ: its environment; each child gets one of its own.
        hash_seed: of its children: the order of a set is another one in a process of another seed.
    """

    def __init__(self, environ: Mapping[str, str], hash_seed: int) -> None:
        self._orders, theirs = socket.socketpair()
        self._turn = threading.Lock()
        self._is_ready = False
        self.hash_seed = str(hash_seed)
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", "roadworthy.vet.road.fork", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**environ, "PYTHONHASHSEED": self.hash_seed},
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
        theirs.close()

    def __enter__(self) -> Self:
        """The warm process itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it, and its children."""
        self.close()

    def is_ready(self) -> bool:
        """Wait until it takes orders; False where it cannot, and each run needs an interpreter of its own."""
        with self._turn:
            if not self._is_ready:
                self._orders.settimeout(_START_S)
                with suppress(OSError):
                    self._is_ready = self._orders.recv(len(READY), socket.MSG_WAITALL) == READY
                self._orders.settimeout(None)
            return self._is_ready

    def run(
        self, order: Mapping[str, object], stdin: int | None, timeout_s: float, halt: Halt | None = None
    ) -> int | None:
        """Have a child forked and wait for its end: its exit status, None where it was not back in time and was ended.

        Args:
            order: `environ`, `cwd`, where it prints and says errors (`printed`, `said`), and its `task`.
            stdin: the open file that it reads.
            halt: ends it before its time.

        Raises:
            WarmEnded: the warm process is gone.
            Halted: it was ended before its time.
        """
        child = self.start(order, stdin)
        try:
            with (halt or Halt()).holding(child.kill):
                return child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            child.kill()
            with suppress(subprocess.TimeoutExpired):
                child.wait(_END_S)
            return None
        finally:
            child.close()

    def start(self, order: Mapping[str, object], stdin: int | None = None) -> Forked:
        """Have a child forked; see `run`. It ends when what is returned is closed, if not before.

        Raises:
            WarmEnded: the warm process is gone.
        """
        ours, theirs = socket.socketpair()
        with tempfile.TemporaryFile() as file:
            file.write(json.dumps(order).encode())
            file.flush()
            files = [file.fileno(), theirs.fileno(), *(() if stdin is None else (stdin,))]
            try:
                with self._turn:
                    socket.send_fds(self._orders, [b"+"], files)
            except OSError as error:
                ours.close()
                raise WarmEnded(f"The process that forks the runs is gone: {error}.") from error
            finally:
                theirs.close()
        return Forked(ours)

    def close(self) -> None:
        """End the process. A second time does nothing."""
        self._orders.close()
        try:
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
