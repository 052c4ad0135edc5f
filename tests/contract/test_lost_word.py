"""A Postgres server that commits, and whose word of it is lost on the way."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from urllib.parse import urlsplit

import pytest
from pydantic import BaseModel
from tests import postgres
from tests.ledgers import ask

from roadworthy import App, Function, Prompt
from roadworthy._errors import LedgerUnavailable

INTENT, COMMIT = b"INSERT INTO attempt", b"COMMIT"


class Note(BaseModel):
    """A record."""

    id: str
    text: str


class Mood(BaseModel):
    """An answer."""

    mood: str


class Wire:
    """What lies between a process and its server: it hangs up once, right after an intent was committed.

    Args:
        url: the ledger's address at the server.
        commits: whether it comes to the commit; else it hangs up right before.
    """

    def __init__(self, url: str, *, commits: bool = True) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._server = (parts.hostname, parts.port)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = url.replace(f":{parts.port}", f":{self._door.getsockname()[1]}")
        self.cut = False
        self._commits = commits
        threading.Thread(target=self._let_in, daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more."""
        self._door.close()

    def _let_in(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                server = socket.create_connection(self._server)
                threading.Thread(target=self._back, args=(server, client), daemon=True).start()
                threading.Thread(target=self._forth, args=(client, server), daemon=True).start()

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        intends = False
        with suppress(OSError):
            while data := client.recv(1 << 16):
                intends = intends or INTENT in data
                if intends and COMMIT in data and not self.cut:
                    self.cut = True
                    client.shutdown(socket.SHUT_RDWR)
                    if self._commits:
                        server.sendall(data)
                        time.sleep(0.3)  # it commits, and says so to nobody
                    break
                server.sendall(data)
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                client.sendall(data)
        client.close()


@pytest.fixture(params=[True, False], ids=["committed", "not committed"])
def wire(request: pytest.FixtureRequest, postgres_server: postgres.Server) -> Iterator[Wire]:
    """One to a new database."""
    with closing(Wire(postgres_server.new_database(), commits=request.param)) as found:
        yield found


def test_an_intent_of_which_nobody_heard_is_taken_back(wire: Wire) -> None:
    """Its record would wait until a restart for a request that was never sent, and its money stay reserved."""
    app = App("shop", ledger=wire.url, settings={"record_deadline_s": 3.0})
    asked: list[str] = []

    def model(prompt: str) -> dict[str, str]:
        asked.append(prompt)
        return {"mood": "glad"}

    @app.step(models=[Function(model, usd_per_call="0.001")])
    def feel(note: Note) -> Prompt[Mood]:
        return Prompt("Glad or sad?", note.text)

    async def scenario() -> None:
        note = Note(id="n1", text="what a day")
        with pytest.raises(LedgerUnavailable):
            await feel(note)
        assert (wire.cut, asked) == (True, [])
        again = await feel.result(note)
        assert (again.outcome, len(asked)) == ("accepted", 1), again
        await app.close()

    asyncio.run(scenario())
    states = ask(wire.url, "SELECT state, cost_pico FROM attempt WHERE state <> 'unsent'")
    assert states == [("settled", 10**9)]
    assert ask(wire.url, "SELECT count(*) FROM app_version") == [(1,)], "the words that were asked are known"
    assert ask(wire.url, "SELECT DISTINCT reserved_pico FROM budget") == [(0,)]
