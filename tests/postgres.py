"""A Postgres server of the tests' own, from Debian's binaries, on a port that the system chooses."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg

STARTS_IN_S = 30.0
_NUMBERS = count(1)


@dataclass(frozen=True)
class Server:
    """A running server; each test makes a database of its own in it."""

    port: int

    def url(self, database: str) -> str:
        """The address of a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The address of a new database."""
        name = f"ledger{next(_NUMBERS)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)


def find_binary(name: str) -> str | None:
    """A server program: Debian keeps them out of the path."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(places[-1]) if places else shutil.which(name)


@contextlib.contextmanager
def running(*, durable: bool = False) -> Iterator[Server]:
    """A server, from its making to its end; `durable`: its commits are on disk. A server refuses to run as root, so root becomes `postgres` for it."""
    folder = Path(tempfile.mkdtemp(prefix="roadworthy-postgres-"))
    user = "postgres" if os.geteuid() == 0 else None
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(folder, account.pw_uid, account.pw_gid)
    initdb, postgres = find_binary("initdb"), find_binary("postgres")
    assert initdb is not None
    assert postgres is not None
    data = folder / "data"
    subprocess.run(
        [initdb, "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        user=user,
        cwd=folder,
        check=True,
        timeout=60,
        stdout=subprocess.DEVNULL,
    )
    port = _free_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "on" if durable else "off",
        "max_connections": 200,
    }
    said = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        [postgres, "-D", str(data), "-p", str(port), *said], user=user, cwd=folder, stdout=log, stderr=log
    )
    try:
        server = Server(port)
        _wait_for(server, process)
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait(10)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(server: Server, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + STARTS_IN_S
    while time.monotonic() < ends:
        assert process.poll() is None, "the server ended at once"
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(server.url("postgres")):
            return
        time.sleep(0.1)
    raise TimeoutError(f"Postgres did not answer on port {server.port} within {STARTS_IN_S} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
