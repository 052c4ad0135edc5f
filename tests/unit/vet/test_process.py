"""The simulated provider as a child process and as a command: it starts, answers, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from decimal import Decimal
from pathlib import Path

import pytest

from roadworthy._errors import WrongUse
from roadworthy.vet.process import start_simulator

ROWS = [{"id": "T-1", "text": "Where is my card?", "answers": {"gpt-4": "shipping"}}]
BODY = json.dumps({"model": "gpt-4", "messages": [{"role": "user", "content": "Where is my card?"}]}).encode()


def ask(url: str) -> dict[str, object]:
    """The provider's answer to the recorded question."""
    with urllib.request.urlopen(url + "/chat/completions", BODY, timeout=10) as response:
        said: dict[str, object] = json.load(response)
    return said


def gone(pid: int) -> bool:
    """Whether no process has this id, a moment from now at the latest."""
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if f"{pid} (" in (stat := Path(f"/proc/{pid}/stat").read_text()) and ") Z " in stat:
            return True
        time.sleep(0.05)
    return False


def test_a_child_answers_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test would leave a server or a file of answers on the machine."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # others write into the machine's own meanwhile
    with start_simulator(
        answers=ROWS, wrap="queue", prices={"gpt-4": "2,4"}, aliases={"x": "gpt-4"}
    ) as simulator:
        pid = simulator.process.pid
        assert ask(simulator.url)["choices"][0]["message"]["content"] == '{"queue":"shipping"}'  # type: ignore[index]
        total = simulator.bill().total
        assert total.cost_usd == Decimal(2 * total.input_tokens + 4 * total.output_tokens) / 1_000_000
        (row,) = simulator.requests()
        assert (row.question, row.cost_usd, row.written) == ("T-1", total.cost_usd, True)
        assert simulator.requests(after=1) == []
        simulator.script({"faults": {"500": 1}})
        with pytest.raises(WrongUse, match="nonsense"):
            simulator.script({"nonsense": 1})
        simulator.reset()
        assert simulator.bill().total.requests == 0
    assert gone(pid)
    assert simulator.process.returncode == 0
    assert list(tmp_path.iterdir()) == []
    simulator.close()
    with pytest.raises(WrongUse, match="does not answer"):
        simulator.bill()


def test_every_option_reaches_the_child(tmp_path: Path) -> None:
    """An option would be accepted and have no effect."""
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps({"question": "Where is MY card?", "answers": {}}))
    with start_simulator(
        answers=[path],
        text_field="question",
        loose=True,
        default_answer="=",
        host="127.0.0.1",
        port=0,
        seed=-3,
        latency_ms=1.5,
        latency_spread=0.1,
        faults={"served_model": 1, "mixed": 0},
        in_a_row_max=1,
        requests_per_minute=100,
        tokens_per_minute=10_000,
        idle_s=5,
        silence_s=5,
        trickle_s=0.5,
    ) as simulator:
        said = ask(simulator.url)
        assert said["model"] == "gpt-4-substitute"
        assert said["choices"][0]["message"]["content"] == "="  # type: ignore[index]
        assert [(row.question, row.heard) for row in simulator.requests()] == [("1", ())]
        with urllib.request.urlopen(
            simulator.url.removesuffix("/v1") + "/sim/script", timeout=10
        ) as response:
            told = json.load(response)
        assert (told["seed"], told["in_a_row_max"], told["latency_ms"], told["latency_spread"]) == (
            -3,
            1,
            1.5,
            0.1,
        )


def test_a_child_that_cannot_start_says_why() -> None:
    """A typing error in a test's options would end in a silent wait."""
    with pytest.raises(WrongUse, match="no fault 'nope'"):
        start_simulator(faults="nope=0.5")
    with start_simulator() as first, pytest.raises(WrongUse, match="Cannot listen"):
        start_simulator(port=first.port)


def lost(port: int) -> tuple[str, bytes]:
    """How one request ends that never gets its whole response, and what came of it."""
    raw = b""
    with socket.create_connection(("127.0.0.1", port), timeout=0.5) as client:
        client.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
        )
        try:
            while more := client.recv(65_536):
                raw += more
        except ConnectionResetError:
            return "reset", raw
        except TimeoutError:
            return "silent", raw
    return "closed", raw


@pytest.mark.parametrize(
    ("kind", "ending"), [("reset", "reset"), ("cut", "closed"), ("hang", "silent"), ("trickle", "silent")]
)
def test_the_child_loses_responses_as_told(kind: str, ending: str) -> None:
    """The faster loop of the child would deliver what the slower one of the other tests loses."""
    with start_simulator(answers=ROWS, faults={kind: 1}, prices={"gpt-4": "1,1"}) as simulator:
        seen, raw = lost(simulator.port)
        assert seen == ending
        assert (raw == b"") == (kind in {"reset", "hang"})
        (row,) = simulator.requests()
        assert (row.fault, row.billed, row.written) == (kind, True, False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_cleanly_on_a_signal(number: signal.Signals) -> None:
    """Ctrl-C would end in a traceback, or not at all."""
    command = [sys.executable, "-m", "roadworthy.vet.command", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told["url"] == f"http://127.0.0.1:{told['port']}/v1"
        ask(told["url"])
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, b"", b"")


def test_a_child_does_not_outlive_its_parent() -> None:
    """A test that is killed would leave its provider running."""
    program = (
        "import os, signal\n"
        "from roadworthy.vet.process import start_simulator\n"
        "simulator = start_simulator()\n"
        "print(simulator.process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
    assert gone(int(done.stdout))
