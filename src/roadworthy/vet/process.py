"""The simulated provider as a child process, so that it shares neither loop nor lock with what it tests."""

from __future__ import annotations

import http.client
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Protocol, Self, Unpack
from urllib.parse import urlsplit

import orjson

from roadworthy._errors import WrongUse
from roadworthy.vet.bill import Bill, Line, LoggedRequest
from roadworthy.vet.options import Options

START_TIMEOUT_S: Final = 60.0
END_TIMEOUT_S: Final = 5.0
_ANSWER_TIMEOUT_S: Final = 30.0
_PAGE_ROWS: Final = 10_000
_SAID_BYTES_MAX: Final = 2_000
_REPEATED: Final = {"aliases": "--alias", "prices": "--price"}


def start_simulator(**options: Unpack[Options]) -> RunningSimulator:
    """Start a simulated provider in a child process and wait until it listens.

    The child ends with `close`, at the end of a `with` block, and when this process dies.

    Args:
        options: see `Options`; rows given directly are handed over in a temporary file.

    Raises:
        WrongUse: the child refused its options, or did not listen within 60 s.
    """
    rows = rows_file(options)
    words = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
    process = subprocess.Popen(  # noqa: S603 - our own module, arguments as a list
        [sys.executable, "-m", "roadworthy.vet.command", "--with-parent", *arguments(options, rows)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=words,
    )
    running = RunningSimulator(process, words, rows)
    with ExitStack() as undo:  # one that does not listen is ended, whatever stopped the wait for it
        undo.callback(running.close)
        try:
            running.url = _listening(process)
        except WrongUse as error:
            words.seek(0)
            said = words.read(_SAID_BYTES_MAX).decode("utf-8", "replace").strip()
            raise WrongUse(f"{error} It said: {said or 'nothing'}") from error
        undo.pop_all()
    return running


class Child(Protocol):
    """A child process as `subprocess.Popen` shows it."""

    @property
    def stdout(self) -> IO[bytes] | None:
        """What it prints; None where that goes elsewhere."""

    @property
    def pid(self) -> int:
        """Its number."""

    @property
    def returncode(self) -> int | None:
        """Its exit status; None until somebody has asked for it after its end."""

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, when it has ended."""

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it."""


class RunningSimulator:
    """A simulated provider in a child process; `start_simulator` makes it.

    Attributes:
        url: the base URL for an OpenAI client.
        process: the child.
    """

    def __init__(self, process: Child, words: IO[bytes], rows: Path | None) -> None:
        self.url = ""
        self.process = process
        self._words = words
        self._rows = rows

    def __enter__(self) -> Self:
        """The running provider itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the child."""
        self.close()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return urlsplit(self.url).port or 0

    def bill(self) -> Bill:
        """The bill as it stands."""
        said = self._ask("GET", "/sim/bill")
        models = said["models"]
        return Bill(
            _line(said),
            {model: _line(line) for model, line in models.items()},
            said["faults"],
            said["incomplete"],
        )

    def requests(self, after: int = 0) -> list[LoggedRequest]:
        """The latest requests (200,000 at most) with a number above `after`, oldest first."""
        found: list[LoggedRequest] = []
        while page := self._page(found[-1].n if found else after):
            found += page
        return found

    def batches(self) -> list[dict[str, Any]]:
        """Every batch that was created, in order: its id, dialect, tag, state, ids of calls, and how many were reached."""
        found: list[dict[str, Any]] = self._ask("GET", "/sim/batches")["batches"]
        return found

    def script(self, change: Mapping[str, object]) -> None:
        """Behave differently from now on; see `Script.changed` for the names.

        Raises:
            WrongUse: an unknown name or kind, or a value that makes no sense.
        """
        self._ask("POST", "/sim/script", orjson.dumps(change))

    def reset(self) -> None:
        """Forget every request: the bill, the log, the turns and the arrivals begin anew."""
        self._ask("POST", "/sim/reset", b"")

    def close(self) -> None:
        """End the child and wait until it is gone. A second time does nothing."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(END_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._words.close()
        if self._rows is not None:
            self._rows.unlink(missing_ok=True)

    def _page(self, after: int) -> list[LoggedRequest]:
        said = self._ask("GET", f"/sim/requests?after={after}&limit={_PAGE_ROWS}")
        return [_logged(row) for row in said["requests"]]

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        where = urlsplit(self.url)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=_ANSWER_TIMEOUT_S)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            said = orjson.loads(response.read())
        except OSError as error:
            raise WrongUse(
                f"The simulated provider at {self.url} does not answer ({error}); "
                f"its exit status is {self.process.poll()}. Start it again."
            ) from error
        finally:
            connection.close()
        if response.status != 200:
            raise WrongUse(said["error"]["message"])
        return said


def _line(said: Mapping[str, Any]) -> Line:
    values = {row.name: said[row.name] for row in fields(Line)}
    return Line(**{**values, "cost_usd": _money(said["cost_usd"])})


def _logged(said: Mapping[str, Any]) -> LoggedRequest:
    return LoggedRequest(**{**said, "cost_usd": _money(said["cost_usd"]), "heard": tuple(said["heard"])})


def _money(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def rows_file(options: Options) -> Path | None:
    """Rows that were given directly, in a file that the child can read; None when there are none."""
    answers = options.get("answers", ())
    rows = [] if isinstance(answers, str | Path) else [row for row in answers if isinstance(row, Mapping)]
    if not rows:
        return None
    number, name = tempfile.mkstemp(prefix="roadworthy-answers-", suffix=".jsonl")
    with os.fdopen(number, "wb") as file:
        file.writelines(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)
    return Path(name)


def arguments(options: Options, rows: Path | None) -> list[str]:
    """The options as words of the command `sim`.

    Args:
        rows: the file that `rows_file` wrote.
    """
    answers = options.get("answers", ())
    parts = [answers] if isinstance(answers, str | Path) else answers
    files = [part for part in parts if isinstance(part, str | Path)] + ([rows] if rows else [])
    found = [f"--answers={path}" for path in files]
    for name, value in options.items():
        if name in _REPEATED and isinstance(value, Mapping):
            found += [f"{_REPEATED[name]}={key}={said}" for key, said in value.items()]
        elif name == "faults" and isinstance(value, Mapping):
            found.append("--faults=" + ",".join(f"{kind}={rate}" for kind, rate in value.items()))
        elif name == "loose":
            found += ["--loose"] if value else []
        elif name != "answers":
            found.append(f"--{name.replace('_', '-')}={value}")
    return found


def _listening(process: subprocess.Popen[bytes]) -> str:
    """The URL that the child prints when it listens."""
    assert process.stdout is not None
    said, ends = b"", time.monotonic() + START_TIMEOUT_S
    while not said.endswith(b"\n"):
        readable, _, _ = select.select([process.stdout], [], [], max(0.0, ends - time.monotonic()))
        if not readable:
            raise WrongUse(f"The simulated provider did not listen within {START_TIMEOUT_S:g} s.")
        more = os.read(process.stdout.fileno(), _SAID_BYTES_MAX)
        if not more:
            raise WrongUse(
                f"The simulated provider ended at once, with status {process.wait(END_TIMEOUT_S)}."
            )
        said += more
    return str(orjson.loads(said)["url"])
