"""The child process that holds the function: its walls, its limits, and its end."""

from __future__ import annotations

import os
import secrets
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import field
from pathlib import Path
from typing import IO, Any, Final, Self

import orjson

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy._settings import DEFAULTS
from roadworthy.vet.naked import child
from roadworthy.vet.naked.call import Call, State
from roadworthy.vet.naked.environ import environ_of

START_TIMEOUT_S: Final = 120.0
"""Importing the heaviest of these libraries on a busy machine takes half a minute."""
_END_TIMEOUT_S: Final = 5.0
_LINE_BYTES_MAX: Final = 8_000_000
_WORDS_BYTES_MAX: Final = 64_000
_READ_BYTES: Final = 65_536


@quick(frozen=True, slots=True, kw_only=True)
class Cage:
    """What a function is given, and what it may take.

    Attributes:
        place: its file, or its module.
        name: its name in there.
        folder: where it works; a copy of its own folder.
        url: the simulated provider.
        python: the interpreter that runs it.
        passed: variables that it sees besides the dummies.
        deadline_s: a call that is not back after so many seconds is ended.
        memory_bytes: address space of the process.
        file_bytes: the largest file it may write.
    """

    place: str
    name: str
    folder: Path
    url: str
    python: str
    passed: Mapping[str, str] = field(default_factory=dict)
    deadline_s: float = DEFAULTS.vet_call_s
    memory_bytes: int = DEFAULTS.vet_memory_bytes
    file_bytes: int = DEFAULTS.vet_file_bytes


class Words:
    """What the child prints: the beginning is kept, the rest is counted and thrown away."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.kept = b""
        self.count = 0
        self._pipe = pipe
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        while more := os.read(self._pipe.fileno(), _READ_BYTES):
            self.count += len(more)
            self.kept += more[: _WORDS_BYTES_MAX - len(self.kept)]

    def close(self) -> None:
        """Wait for the end of it; whoever keeps the pipe open is left alone with it."""
        self._thread.join(_END_TIMEOUT_S)


class Process:
    """A child with the function loaded. Use it inside `with`.

    Attributes:
        told: what it said of the function: `async`, `takes`, `native_tcp_locked`.
        blocked: places outside that it tried to reach.
        words: what it printed.

    Raises:
        WrongUse: the function cannot be loaded.
    """

    def __init__(self, cage: Cage) -> None:
        self._cage = cage
        self._token = secrets.token_hex(16)
        self._home = tempfile.TemporaryDirectory(prefix="roadworthy-vet-", ignore_cleanup_errors=True)
        self.blocked: list[str] = []
        self.told: Mapping[str, Any] = {}
        self._buffer = b""
        theirs, self._commands = os.pipe()
        self._results, results = os.pipe()
        environ = environ_of(cage.url, Path(self._home.name), self._token, os.environ, cage.passed)
        self._process = subprocess.Popen(  # noqa: S603 - the command is ours; what it loads is the user's own code
            [cage.python, child.__file__, str(theirs), str(results)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cage.folder,
            env=environ,
            pass_fds=(theirs, results),
            start_new_session=True,
        )
        os.close(theirs)
        os.close(results)
        assert self._process.stdout is not None
        self.words = Words(self._process.stdout)
        with ExitStack() as undo:  # a child that cannot be used is ended
            undo.callback(self.close)
            self._begin()
            undo.pop_all()

    def __enter__(self) -> Self:
        """The process itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def kill(self) -> None:
        """`kill -9` of it and of everything it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(_END_TIMEOUT_S)
        for pid in _marked(self._token):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """End it, and throw its home away. A second time does nothing."""
        if self._results < 0:
            return
        self.kill()
        os.close(self._commands)
        os.close(self._results)
        self._results = -1
        self.words.close()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._home.cleanup()

    def call(
        self, records: Sequence[object], *, together: int = 1, wait_s: float | None = None
    ) -> list[Call]:
        """Call the function for each record, so many at a time; a call that is not back in time is `HUNG`."""
        self.send(records, together=together)
        return self.gather(len(records), together=together, wait_s=wait_s)

    def send(self, records: Sequence[object], *, together: int = 1) -> None:
        """Hand records over without waiting."""
        calls = [{"id": number, "record": record} for number, record in enumerate(records)]
        line = orjson_line({"calls": calls, "together": together})
        with suppress(BrokenPipeError):
            while line:
                line = line[os.write(self._commands, line) :]

    def gather(
        self, count: int, *, together: int = 1, until: int | None = None, wait_s: float | None = None
    ) -> list[Call]:
        """The calls that were sent, in order; only the first `until` that end, where it is given.

        Args:
            wait_s: how long the next one may take; the cage's deadline where it is not given.
        """
        found: dict[int, Call] = {}
        wanted = count if until is None else until
        while len(found) < wanted:
            said = self._hear((wait_s or self._cage.deadline_s) * max(1, -(-together // 8)))
            if said is None or "gone" in said:
                state = State.HUNG if said is None else State.DIED
                self.kill()
                message = "" if said is None else self._ending()
                return [found.get(number, Call(state, message=message)) for number in range(count)]
            if "id" in said:
                found[int(said["id"])] = _call_of(said)
        return [found[number] for number in sorted(found)]

    def _begin(self) -> None:
        cage = self._cage
        told = {"place": cage.place, "name": cage.name, "port": int(cage.url.split(":")[2].split("/")[0])}
        line = orjson_line({**told, "memory_bytes": cage.memory_bytes, "file_bytes": cage.file_bytes})
        with suppress(BrokenPipeError):
            os.write(self._commands, line)
        said = self._hear(START_TIMEOUT_S)
        if said is None:
            raise WrongUse(f"{cage.place} was not loaded within {START_TIMEOUT_S:g} s.")
        if "ready" not in said:
            words = said.get("broken") or f"{self._ending()}; it printed {self.words.kept[-500:]!r}"
            raise WrongUse(f"{cage.place}:{cage.name} cannot be loaded: {words}")
        self.told = said["ready"]

    def _hear(self, timeout_s: float) -> Any:
        """The next line that is no note of a blocked place; None: nothing came in time; `gone`: the pipe has ended."""
        until = time.monotonic() + timeout_s
        while True:
            line, mark, rest = self._buffer.partition(b"\n")
            if mark:
                self._buffer = rest
                said = _parsed(line)
                if said is not None and "blocked" not in said:
                    return said
                if said is not None:
                    self.blocked.append(str(said["blocked"]))
                continue
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._results], [], [], left)[0]:
                return None
            more = os.read(self._results, _READ_BYTES)
            if not more or len(self._buffer) > _LINE_BYTES_MAX:
                return {"gone": True}
            self._buffer += more

    def _ending(self) -> str:
        try:
            status = self._process.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return "it closed the pipe to the test"
        return f"exit status {status}" if status >= 0 else f"signal {-status}"


def orjson_line(said: object) -> bytes:
    """A line of JSON; what only Python's own module can write (lone surrogates) is written by it."""
    try:
        return orjson.dumps(said) + b"\n"
    except TypeError:
        import json  # noqa: PLC0415 - the exception, not the rule

        return json.dumps(said).encode() + b"\n"


def _parsed(line: bytes) -> Any:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return said if isinstance(said, dict) else None


def _call_of(said: Mapping[str, Any]) -> Call:
    names = ("value", "kind", "error", "message", "where")
    values = {name: str(said.get(name, "")) for name in names}
    return Call(State(said["state"]), **values, seconds=float(said["seconds"]))


def _marked(token: str) -> Iterable[int]:
    """The processes whose environment holds the token: what left the process group."""
    mark = f"ROADWORTHY_VET_CHILD={token}".encode()
    for place in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in place.read_bytes():
                yield int(place.parent.name)
