"""One script for three libraries that talk to OpenAI: nothing of theirs is changed but the base URL."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress

import pytest
from tests.serve.clients import CLIENTS, Client
from tests.serve.conftest import Build
from tests.serve.counter import Counter

MOODS = {"what a day": "glad", "oh no": "sad", "hm": "?sad"}
Speak = Callable[..., Client]


@pytest.fixture(params=list(CLIENTS))
def speak(request: pytest.FixtureRequest) -> Speak:
    """Makes a client of one library, for a counter."""

    def make(counter: Counter, key: str = "any", model: str = "feel", port: int = 0) -> Client:
        return CLIENTS[request.param](f"http://127.0.0.1:{port or counter.port}/v1", key, model)

    return make


def test_the_shared_script(file_build: Build, speak: Speak) -> None:
    """A team could not switch to the service by its base URL alone."""
    counter = file_build(MOODS)
    client = speak(counter)
    said = client.plain("what a day")
    assert json.loads(said.text) == {"mood": "glad", "sure": 0.9}
    assert said.tokens > 0
    assert client.typed("what a day").mood == "glad"
    assert json.loads(client.streamed("oh no"))["mood"] == "sad"
    record = json.dumps({"id": "T-1", "text": "what a day"})
    assert client.typed(record).mood == "glad"
    assert counter.call("GET", "/v1/records/T-1").json["outcome"] == "accepted"
    assert client.refused("hm") == 422, "a doubtful answer left"
    assert speak(counter, model="nothing").refused("what a day") == 404
    assert client.refused('{"id": "T-2"}') == 422
    # One request a text: the same text again, in whatever shape it was wanted, was never bought twice.
    assert len(counter.sim.requests()) == 3


def test_a_key_is_needed_and_told_as_openai_tells_it(file_build: Build, speak: Speak) -> None:
    """A library would take a refusal for something to try again, or not understand it."""
    counter = file_build(MOODS, "later")
    key = counter.new_key("ann", "--role", "submit")
    other = counter.new_key("ben", "--role", "review")
    counter.start()
    assert speak(counter, key="rw_wrong").refused("what a day") == 401
    assert speak(counter, key=other).refused("what a day") == 403
    assert json.loads(speak(counter, key=key).plain("what a day").text)["mood"] == "glad"


def test_a_full_service_is_tried_again_when_it_says(file_build: Build, speak: Speak) -> None:
    """Overload would be an error to the user of a library that knows how to wait."""
    counter = file_build(MOODS, latency_ms=500, serve_records_max=1)
    first = {"id": "first", "text": "oh no"}
    assert counter.call("POST", "/v1/records/feel", first, Prefer="respond-async").status == 202
    assert json.loads(speak(counter).plain("what a day").text)["mood"] == "glad"
    assert counter.ask("SELECT count(*) FROM record") == [(2,)]


def test_an_answer_that_was_lost_on_the_way_is_not_bought_again(file_build: Build, speak: Speak) -> None:
    """A library that tries again by itself would pay twice, or make a second record of the first."""
    counter = file_build(MOODS)
    with _losing_the_first_answer(counter.port) as port:
        assert json.loads(speak(counter, port=port).plain("what a day").text)["mood"] == "glad"
    assert counter.ask("SELECT count(*) FROM record") == [(1,)]
    assert len(counter.sim.requests()) == 1


@contextmanager
def _losing_the_first_answer(port: int) -> Iterator[int]:
    """A wire to the service that breaks once the first answer is on it."""
    lost = threading.Event()

    def carry(caller: socket.socket) -> None:
        with closing(caller), closing(socket.create_connection(("127.0.0.1", port), timeout=30)) as service:
            threading.Thread(target=pump, args=(caller, service), daemon=True).start()
            with suppress(OSError):
                while data := service.recv(65_536):
                    if not lost.is_set():
                        lost.set()
                        caller.shutdown(socket.SHUT_RDWR)  # a close alone waits for whoever still reads
                        return
                    caller.sendall(data)

    def pump(caller: socket.socket, service: socket.socket) -> None:
        with suppress(OSError):
            while data := caller.recv(65_536):
                service.sendall(data)

    def listen(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=carry, args=(server.accept()[0],), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        threading.Thread(target=listen, args=(server,), daemon=True).start()
        yield server.getsockname()[1]
        assert lost.is_set(), "nothing went over the wire that breaks"
        server.shutdown(socket.SHUT_RDWR)
