"""A server between a client and the simulator that keeps what passes, so that two clients can be compared."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Kept:
    """One request as it came over the socket."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    raw: bytes = b""


@dataclass
class Recorder:
    """The server's address, and the requests that came so far."""

    root: str
    kept: list[Kept] = field(default_factory=list)

    def last(self) -> Kept:
        """The latest request."""
        return self.kept[-1]


@contextmanager
def recording(target: str) -> Iterator[Recorder]:
    """A server that passes every POST on to `target` and keeps it."""
    where = urlsplit(target)
    recorder = Recorder("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            recorder.kept.append(
                Kept(
                    self.path,
                    {name.lower(): value for name, value in self.headers.items()},
                    json.loads(body),
                    body,
                )
            )
            onward = http.client.HTTPConnection(where.hostname or "", where.port, timeout=20)
            onward.request("POST", self.path, body, {"content-type": "application/json"})
            response = onward.getresponse()
            said = response.read()
            onward.close()
            self.send_response(response.status)
            for name, value in response.getheaders():
                if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    recorder.root = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def flat(value: object, path: str) -> dict[str, object]:
    """Every leaf of a JSON value by its path."""
    if isinstance(value, dict) and value:
        return {
            leaf: end for name, inner in value.items() for leaf, end in flat(inner, f"{path}.{name}").items()
        }
    if isinstance(value, list) and value:
        return {
            leaf: end
            for place, inner in enumerate(value)
            for leaf, end in flat(inner, f"{path}[{place}]").items()
        }
    return {path: value}


def differences(ours: Kept, theirs: Kept) -> dict[str, tuple[object, object]]:
    """What one request says and the other does not, or otherwise: our value first, then theirs."""
    sides = []
    for kept in (ours, theirs):
        headers = {f"header.{name}": value for name, value in kept.headers.items()}
        sides.append({"path": kept.path, **headers, **flat(kept.body, "body")})
    mine, yours = sides
    names = mine.keys() | yours.keys()
    return {
        name: (mine.get(name), yours.get(name)) for name in sorted(names) if mine.get(name) != yours.get(name)
    }
