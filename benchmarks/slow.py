"""A thousand callers who send a byte now and then, and somebody who asks meanwhile whether the service is well."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, closing
from typing import Any

from benchmarks.arrivals import quantile

_HEADERS = b"POST /v1/records/triage HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
_EVERY_S = 0.5


def slow_callers(port: int, count: int, seconds: float) -> dict[str, Any]:
    """Half of `count` callers never end their headers, half never end their body; `/healthz` is asked over new connections."""
    with ExitStack() as stack:
        callers = []
        for number in range(count):
            caller = stack.enter_context(closing(socket.create_connection(("127.0.0.1", port), timeout=10)))
            caller.sendall(_HEADERS if number % 2 else _HEADERS + b"content-length: 1000\r\n\r\n{")
            callers.append(caller)
        took: list[float] = []
        closed = 0
        ends = time.monotonic() + seconds
        drip = time.monotonic()
        while time.monotonic() < ends:
            if time.monotonic() >= drip:
                drip = time.monotonic() + _EVERY_S
                closed = sum(not _drip(caller, number) for number, caller in enumerate(callers))
            took.append(_ask(port))
            time.sleep(0.02)
    took.sort()
    return {
        "callers": count,
        "closed_at_end": closed,
        "asked": len(took),
        "healthz_p50_ms": round(quantile(took, 0.5) * 1e3, 2),
        "healthz_p99_ms": round(quantile(took, 0.99) * 1e3, 2),
        "healthz_max_ms": round(took[-1] * 1e3, 2),
    }


def _drip(caller: socket.socket, number: int) -> bool:
    """One more byte; whether the service still listens to it."""
    try:
        caller.sendall(b"x" if number % 2 else b" ")
    except OSError:
        return False
    return True


def _ask(port: int) -> float:
    began = time.perf_counter()
    with closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as caller:
        caller.sendall(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
        said = b""
        while part := caller.recv(4096):
            said += part
    assert said.startswith(b"HTTP/1.1 200"), said[:200]
    return time.perf_counter() - began
