"""The child process that holds a plain function: its walls, its limits, its end."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roadworthy._errors import WrongUse
from roadworthy.vet.naked.call import State
from roadworthy.vet.naked.environ import DUMMY
from roadworthy.vet.naked.process import Cage, Process
from roadworthy.vet.process import RunningSimulator, start_simulator

POC = """
import json, os, socket, subprocess, sys, time, urllib.request

def triage(ticket: str) -> dict:
    body = {"model": "gpt-5-nano", "messages": [{"role": "user", "content": ticket}]}
    request = urllib.request.Request(
        os.environ["OPENAI_BASE_URL"] + "/chat/completions", json.dumps(body).encode(),
        {"authorization": "Bearer " + os.environ["OPENAI_API_KEY"]})
    with urllib.request.urlopen(request) as answer:
        return json.loads(json.load(answer)["choices"][0]["message"]["content"])

async def later(ticket: dict) -> dict:
    return {"id": ticket["id"]}

def outside(ticket: str) -> None:
    socket.create_connection(("192.0.2.1", 443), 2)

def native(ticket: str) -> str:
    return subprocess.run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/22"], capture_output=True, text=True).stderr

def hang(ticket: str) -> None:
    time.sleep(300)

def end(ticket: str) -> None:
    os._exit(7)

def fork(ticket: str) -> int:
    child = os.fork()
    if not child:
        os.setsid()
        time.sleep(300)
    return child

def loud(ticket: str) -> int:
    print("x" * 3_000_000)
    return 1

def greedy(ticket: str) -> int:
    return len(bytearray(9_000_000_000))

class Rude(Exception):
    def __str__(self) -> str:
        raise SystemExit("no words")

def rude(ticket: str) -> None:
    raise Rude

def broken(ticket: str) -> None:
    raise ValueError("no such queue")

def environment(ticket: str) -> dict:
    return dict(os.environ)
"""
Hold = Callable[..., Process]
RECORD = {"id": "T-1", "body": "I was charged twice."}


@pytest.fixture(scope="module")
def provider() -> Iterator[RunningSimulator]:
    """One simulated provider for all."""
    with start_simulator(default_answer='{"queue":"billing"}') as running:
        yield running


@pytest.fixture
def hold(tmp_path: Path, provider: RunningSimulator) -> Iterator[Hold]:
    """Puts one function of the proof of concept into a child process."""
    (tmp_path / "poc.py").write_text(POC)
    held = []

    def one(name: str, deadline_s: float = 60.0) -> Process:
        cage = Cage(
            place=str(tmp_path / "poc.py"),
            name=name,
            folder=tmp_path,
            url=provider.url,
            python=sys.executable,
            deadline_s=deadline_s,
        )
        held.append(Process(cage))
        return held[-1]

    yield one
    for process in held:
        process.close()


def test_a_function_reaches_the_simulated_provider_with_a_dummy_key(hold: Hold) -> None:
    """No function could be tested, or one would be tested with a real key."""
    [call] = hold("triage").call([RECORD])
    assert (call.state, call.said) == (State.RETURNED, {"queue": "billing"})


def test_real_keys_stay_outside(hold: Hold, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof of concept would be handed the keys of whoever tests it."""
    for name in ("OPENAI_API_KEY", "SOMEBODYS_SECRET"):
        monkeypatch.setenv(name, "real")
    [call] = hold("environment").call([RECORD])
    assert isinstance(call.said, dict)
    assert call.said["OPENAI_API_KEY"] == DUMMY
    assert "real" not in call.said.values()
    assert call.said["HOME"] != os.environ.get("HOME")


def test_nothing_outside_is_reached(hold: Hold) -> None:
    """A proof of concept under test could send data to anyone."""
    process = hold("outside")
    [call] = process.call([RECORD])
    assert (call.state, call.error) == (State.RAISED, "ConnectionRefusedError")
    assert process.blocked == ["192.0.2.1"]


def test_native_code_cannot_connect_either(hold: Hold) -> None:
    """What Python's audit hook cannot see would be free to go anywhere."""
    process = hold("native")
    if not process.told["native_tcp_locked"]:
        pytest.skip("this kernel has no Landlock rules for TCP")
    [call] = process.call([RECORD])
    assert "Permission denied" in str(call.said)


def test_a_call_that_hangs_is_ended(hold: Hold) -> None:
    """One call that never comes back would hold up the whole test."""
    assert [call.state for call in hold("hang", 0.5).call([RECORD])] == [State.HUNG]


def test_a_process_that_ends_itself_is_noticed(hold: Hold) -> None:
    """An end in the middle of a call would look like a call that takes long."""
    [call] = hold("end").call([RECORD])
    assert (call.state, call.message) == (State.DIED, "exit status 7")


def test_what_was_forked_ends_too(hold: Hold) -> None:
    """A process in a session of its own would outlive the test."""
    process = hold("fork")
    [call] = process.call([RECORD])
    place = Path(f"/proc/{call.said}/stat")
    assert place.exists()
    process.close()
    until = time.monotonic() + 30
    while place.exists() and place.read_text().split()[2] != "Z" and time.monotonic() < until:
        time.sleep(0.01)
    assert not place.exists() or place.read_text().split()[2] == "Z"


def test_what_is_printed_is_bounded(hold: Hold) -> None:
    """A function that prints would fill the memory of whoever tests it, or block on a full pipe."""
    process = hold("loud")
    assert [call.said for call in process.call([RECORD, RECORD])] == [1, 1]
    process.close()
    assert process.words.count > 6_000_000
    assert len(process.words.kept) == 64_000


def test_memory_is_bounded(hold: Hold) -> None:
    """One function could take the memory of the machine."""
    [call] = hold("greedy").call([RECORD])
    assert (call.state, call.error) == (State.RAISED, "MemoryError")


def test_what_a_function_raises_is_told_in_its_own_words(hold: Hold) -> None:
    """Nobody would know why a call failed, or one failure would end the calls after it."""
    calls = hold("broken").call([RECORD, RECORD])
    assert [(call.state, call.error, call.message) for call in calls] == [
        (State.RAISED, "ValueError", "no such queue")
    ] * 2
    assert calls[0].where.startswith("poc.py:")


def test_an_error_without_readable_words_is_still_an_ending(hold: Hold) -> None:
    """An error whose words raise would take the child with it, and every call after."""
    calls = hold("rude").call([RECORD, RECORD])
    assert [(call.state, call.error) for call in calls] == [(State.RAISED, "Rude")] * 2


def test_an_async_function_is_called_many_at_a_time(hold: Hold) -> None:
    """An async function could not be tested, or its answers would be mixed up."""
    calls = hold("later").call([{"id": str(number)} for number in range(20)], together=5)
    assert [call.said for call in calls] == [{"id": str(number)} for number in range(20)]


def test_a_function_that_is_not_there_is_wrong_use(hold: Hold) -> None:
    """A slip in a name would end in a traceback, or in a test of nothing."""
    with pytest.raises(WrongUse, match="nothing_here"):
        hold("nothing_here")
