"""Measurements as child processes that take turns, so that the machine's moods hit all alike."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import Any

from benchmarks.machine import CLIENT_CORE, ROOT
from benchmarks.measure import Spec

TIMEOUT_S = 300
Row = dict[str, Any]


class Broke(Exception):
    """A measurement did not end well; says what its process said."""


class Child:
    """A process that measures when it is told to; `start` makes it."""

    def __init__(
        self, module: str, words: Sequence[str], python: str, environ: Mapping[str, str] | None
    ) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        self._what = module
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [python, "-m", module, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            cwd=ROOT,
            env=environ,
            text=True,
            bufsize=1,
        )

    def tell(self, line: str) -> None:
        """Write a line to it."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
        except BrokenPipeError:
            raise self._broke("does not listen any more") from None

    def hear(self) -> Row:
        """The next JSON object that it prints; other lines are somebody else's words.

        Raises:
            Broke: it ended, or said nothing for `TIMEOUT_S`.
        """
        assert self._process.stdout is not None
        until = time.monotonic() + TIMEOUT_S
        while select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
            line = self._process.stdout.readline()
            if not line:
                raise self._broke("ended")
            if line.startswith("{"):
                found: Row = json.loads(line)
                return found
        raise self._broke(f"said nothing for {TIMEOUT_S} s")

    def close(self) -> None:
        """End it: first by the end of its input, then by force."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(10)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._said.close()

    def _broke(self, how: str) -> Broke:
        self._process.kill()
        self._process.wait()
        self._said.seek(0)
        words = self._said.read().decode("utf-8", "replace").strip()
        return Broke(f"{self._what} {how}: {words[-2000:]}")


@contextmanager
def start(
    module: str, *words: str, python: str = sys.executable, environ: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """A module of this package as a child; it ends with the block."""
    child = Child(module, words, python, environ)
    try:
        yield child
    finally:
        child.close()


def call(module: str, *words: str) -> Row:
    """Run a module of this package; the JSON object that it prints.

    Raises:
        Broke: it failed.
    """
    with start(module, *words) as child:
        return child.hear()


def start_subject(spec: Spec, python: str = sys.executable, environ: Mapping[str, str] | None = None) -> Any:
    """A subject's process; warm once it has said its first object."""
    return start("benchmarks.measure", json.dumps(asdict(spec)), python=python, environ=environ)


def rounds(specs: Sequence[Spec], count: int, calls: int) -> list[Row]:
    """Slices of `calls` calls of each spec in turn, `count` times round: A B C A B C."""
    rows = []
    with ExitStack() as stack:
        children: list[tuple[Spec, Child]] = []
        for spec in specs:
            child = stack.enter_context(start_subject(spec))
            child.hear()  # one warms up at a time
            children.append((spec, child))
        for number in range(count):
            for spec, child in children:
                child.tell(str(calls))
                rows.append(row_of(spec, number, child.hear()))
                note(shown(rows[-1]))
    return rows


def row_of(spec: Spec, number: int, said: Row) -> Row:
    """A result line of a slice."""
    return {
        "round": number,
        "subject": spec.subject,
        "loop": spec.loop,
        "in_flight": spec.in_flight,
        **said,
    }


def here(subject: str, url: str, in_flight: int, loop: str = "asyncio") -> Spec:
    """A spec on the client's core."""
    warm = max(100, 2 * in_flight)
    return Spec(subject=subject, url=url, in_flight=in_flight, loop=loop, core=CLIENT_CORE, warm_up=warm)


def shown(row: Mapping[str, Any]) -> str:
    """One line for a person."""
    return (
        f"{row['round']:2}  {row['subject']:24} {row['loop']:8} {row['in_flight']:5} in flight "
        f"{row['cpu_us']:8.1f} us CPU a call {row['calls_per_s']:9,.0f}/s  p50 {row['p50_ms']:8.2f} "
        f"p99 {row['p99_ms']:8.2f} ms  {row['peak_rss_mb']:6.1f} MB"
    )


def note(words: str) -> None:
    """Say how far it is."""
    sys.stderr.write(f"{words}\n")
