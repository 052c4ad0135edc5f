"""A pooler as pgbouncer is in its mode `transaction`: after each transaction a client may be given another connection."""

import contextlib
import queue
import select
import socket
import struct
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

_PROTOCOL = 196_608
_ASKS_FOR_TLS = {80_877_103, 80_877_104}
_OWN_PID = 7


@contextlib.contextmanager
def pooled(url: str, connections: int = 3) -> Iterator[str]:
    """The address of a database through a pooler that keeps so many connections for all of its clients."""
    parts = urlsplit(url)
    servers: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()
    greeting = b""
    for _ in range(connections):
        server, greeting = _server(parts.hostname or "", parts.port or 0, parts.path[1:])
        servers.put(server)
    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=_let_in, args=(door, servers, greeting), daemon=True).start()
        yield f"postgresql://postgres@127.0.0.1:{door.getsockname()[1]}{parts.path}"
        door.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(queue.Empty):
        while True:
            servers.get_nowait().close()


def _server(host: str, port: int, database: str) -> tuple[socket.socket, bytes]:
    """A connection to the server, and what the server told of itself when it was opened."""
    server = socket.create_connection((host, port))
    words = b"\0".join([b"user", b"postgres", b"database", database.encode(), b"", b""])
    server.sendall(struct.pack("!II", len(words) + 8, _PROTOCOL) + words)
    told = b""
    while (message := _message(server))[:1] != b"Z":
        if message[:1] == b"S":
            told += message
    return server, told


def _let_in(door: socket.socket, servers: "queue.SimpleQueue[socket.socket]", greeting: bytes) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = door.accept()
            threading.Thread(target=_serve, args=(client, servers, greeting), daemon=True).start()


def _serve(client: socket.socket, servers: "queue.SimpleQueue[socket.socket]", greeting: bytes) -> None:
    with client, contextlib.suppress(OSError):
        while True:
            (length, code) = struct.unpack("!II", _exactly(client, 8))
            _exactly(client, length - 8)
            if code not in _ASKS_FOR_TLS:
                break
            client.sendall(b"N")
        key = b"K" + struct.pack("!III", 12, _OWN_PID, 0)
        client.sendall(b"R" + struct.pack("!II", 8, 0) + greeting + key + b"Z" + struct.pack("!I", 5) + b"I")
        _pass_on(client, servers)


def _pass_on(client: socket.socket, servers: "queue.SimpleQueue[socket.socket]") -> None:
    server: socket.socket | None = None
    owed = 0
    while True:
        ready, _, _ = select.select([client] if server is None else [client, server], [], [])
        if client in ready:
            message = _message(client)
            if message[:1] == b"X":
                return
            server = servers.get() if server is None else server
            server.sendall(message)
            owed += message[:1] in {b"Q", b"S"}
        if server is not None and server in ready:
            message = _message(server)
            client.sendall(message)
            owed -= message[:1] == b"Z"
            if message[:1] == b"Z" and message[-1:] == b"I" and not owed:
                servers.put(server)
                server = None


def _message(peer: socket.socket) -> bytes:
    head = _exactly(peer, 5)
    return head + _exactly(peer, struct.unpack("!I", head[1:])[0] - 4)


def _exactly(peer: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        some = peer.recv(size - len(found))
        if not some:
            raise ConnectionResetError
        found += some
    return found
