"""How a run ends: interrupted, out of keys, from standard input, as CSV; and that it goes on afterwards."""

import csv
import gzip
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.acceptance.bench import APP, Bench, messages


@pytest.mark.timeout(120)
@pytest.mark.parametrize("turn_replies_max", ["1", "40"])
def test_an_interrupt_ends_in_order_and_the_same_command_goes_on(calm: Bench, turn_replies_max: str) -> None:
    """Ctrl-C would lose answers, leave money reserved, or end with a traceback; also where answers wait for their turn."""
    calm.sim.script({"latency_ms": 300})
    running = subprocess.Popen(
        calm.command("run", APP, "messages.jsonl", "--json"),
        cwd=calm.folder,
        env=calm.environ | {"ROADWORTHY_TURN_REPLIES_MAX": turn_replies_max},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    ends = time.monotonic() + 60
    while calm.sim.bill().total.requests < 200 and time.monotonic() < ends:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "Traceback" not in err
    said = json.loads(out)
    assert said["reserved_usd"] == "0"
    assert 0 < said["unknown"] <= 64
    calm.sim.script({"latency_ms": 1})
    done = calm.run(APP, "messages.jsonl")
    assert (done["records"], done["pending"], done["waiting"]) == (3080, 0, {})
    assert calm.sim.bill().total.requests <= 3112 + said["unknown"]


@pytest.mark.timeout(60)
def test_a_revoked_key_parks_records_and_a_later_run_finishes(calm: Bench) -> None:
    """A key that stops working would fail records for good, or be tried for every one of them."""
    messages(calm.folder, 300)
    calm.sim.script({"faults": {"401": 1.0}})
    stopped = calm.run(APP, "messages.jsonl", status=3)
    assert stopped["failed"] == 0
    assert calm.sim.bill().total.requests <= 2 * 64, "the lanes close at once; what was on the wire is all"
    assert stopped["waiting"].get("provider", 0) + stopped["pending"] == 300
    calm.sim.script({"faults": {}})
    done = calm.run(APP, "messages.jsonl")
    assert (done["accepted"], done["pending"]) == (300, 0)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("ending", [".json", ".jsonl.gz"])
def test_a_file_that_was_cut_off_goes_on_once_it_is_whole(calm: Bench, ending: str) -> None:
    """What came before the break would be paid for twice, or the rows of the whole file be out of order."""
    rows = [json.loads(line) for line in messages(calm.folder, 35).read_text().splitlines()]
    place, lines = calm.folder / f"in{ending}", [json.dumps(row) for row in rows]
    # Packed as it is, so that what stands before the break comes out.
    whole = (
        gzip.compress("\n".join(lines).encode(), 0)
        if ending.endswith(".gz")
        else f"[{','.join(lines)}]".encode()
    )
    place.write_bytes(whole[: -len(lines[-1]) // 2])
    refused = calm.call("run", APP, place.name, "-o", "out.jsonl", ROADWORTHY_INTAKE_BATCH="10")
    assert refused.returncode == 2
    assert "It is cut off or damaged" in refused.stderr
    assert not (calm.folder / "out.jsonl").exists()
    place.write_bytes(whole)
    done = calm.run(APP, place.name, "-o", "out.jsonl", ROADWORTHY_INTAKE_BATCH="10")
    assert (done["records"], done["accepted"], done["pending"]) == (35, 35, 0)
    assert [row["key"] for row in calm.rows("out.jsonl")] == [row["id"] for row in rows]
    twice = "SELECT 1 FROM attempt WHERE ending = 'ok' GROUP BY question_id, model HAVING count(*) > 1"
    assert not calm.ask("banking77.db", twice)


@pytest.mark.timeout(60)
def test_standard_input_and_csv_are_like_any_file(calm: Bench) -> None:
    """A pipe or a spreadsheet would need another tool first."""
    place = messages(calm.folder, 30)
    piped = subprocess.run(
        calm.command("run", APP, "-", "--job", "piped", "--json", "-o", "out.csv"),
        cwd=calm.folder,
        env=calm.environ,
        stdin=place.open("rb"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(piped.stdout)["accepted"] == 30
    rows = list(csv.DictReader((calm.folder / "out.csv").open()))
    assert len(rows) == 30
    assert set(rows[0]) == {
        "key", "outcome", "value", "confidence", "certified", "model", "attempts", "cost_usd", "reason",
    }  # fmt: skip
    with (calm.folder / "in.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["id", "text"])
        writer.writerows([row["id"], row["text"]] for row in map(json.loads, place.read_text().splitlines()))
    again = calm.run(APP, "in.csv", "-o", "again.jsonl")
    assert (again["accepted"], again["attempts"]) == (30, 0), "the same questions were answered already"


@pytest.mark.timeout(90)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupt_ends_a_run_whose_input_stays_open(calm: Bench, number: signal.Signals) -> None:
    """A run behind a pipe could be ended only by a kill, which charges what was on the wire as lost, or would end in a core."""
    lines = messages(calm.folder, 300).read_text()
    calm.sim.script({"latency_ms": 600})
    command = calm.command("run", APP, "-", "--job", "piped", "--json")
    running = subprocess.Popen(
        command,
        cwd=calm.folder,
        env=calm.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdin is not None
        running.stdin.write(lines)
        running.stdin.flush()  # and left open
        ends = time.monotonic() + 60
        while calm.sim.bill().total.requests < 100 and time.monotonic() < ends:
            time.sleep(0.02)
        running.send_signal(number)
        status = running.wait(30)
    finally:
        running.kill()
        out, err = running.communicate()
    assert status == 130, err
    assert "Fatal" not in err
    said = json.loads(out)
    assert said["reserved_usd"] == "0"
    assert 0 < said["unknown"] <= 64, "what was on the wire is settled"
    calm.sim.script({"latency_ms": 1})
    done = subprocess.run(
        command,
        cwd=calm.folder,
        env=calm.environ,
        input=lines,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    again = json.loads(done.stdout)
    assert (again["records"], again["pending"], again["waiting"]) == (300, 0, {})


WITHIN = """
import io, sys
from roadworthy.__main__ import main
sys.stdin = io.TextIOWrapper(io.BytesIO(b'{"id": "1", "say": "fine"}'))
sys.argv = ["roadworthy", "run", "stuck.py", "-", "--job", "within", "--json"]
main()
"""


def test_standard_input_may_be_no_file(tmp_path: Path) -> None:
    """A program that runs the command within itself, and gives it text to read, would end in a traceback."""
    (tmp_path / "stuck.py").write_text(HANGS.replace("TIMEOUT_S", "60"))
    ran = subprocess.run(
        [sys.executable, "-c", WITHIN], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["accepted"] == 1


@pytest.mark.timeout(60)
def test_a_duplicate_shares_a_fate_and_a_new_body_is_asked(calm: Bench) -> None:
    """A record twice in a file would be paid twice, or an edited record keep its old answer."""
    place = messages(calm.folder, 10)
    lines = place.read_text().splitlines()
    place.write_text("\n".join([*lines, lines[0], lines[3]]) + "\n")
    first = calm.run(APP, "messages.jsonl", "-o", "out.jsonl")
    assert (first["records"], first["accepted"]) == (12, 12)
    assert calm.sim.bill().total.requests == 10
    rows = calm.rows("out.jsonl")
    assert (rows[10]["value"], rows[10]["reason"]) == (rows[0]["value"], "duplicate of an earlier line")
    edited = json.loads(lines[0]) | {"text": "Where is my new card, please?"}
    place.write_text("\n".join([json.dumps(edited), *lines[1:]]) + "\n")
    second = calm.run(APP, "messages.jsonl")
    assert (second["records"], second["accepted"]) == (10, 10)
    assert calm.sim.bill().total.requests == 11


SWALLOWS = """
import asyncio
from roadworthy import App, Function, Prompt
app = App("deaf")

async def answer(prompt: str) -> str:
    print("asked", flush=True)
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        pass
    return '{"value": "x"}'

@app.step(models=[Function(answer, usd_per_call="0.001")])
def ask(note: dict) -> Prompt[str]:
    return Prompt("What is it?", note)
"""


@pytest.mark.timeout(60)
def test_an_interrupt_ends_a_run_whose_code_swallows_it(tmp_path: Path) -> None:
    """A library that loses a cancellation on the way would make Ctrl-C hang for ever."""
    (tmp_path / "deaf.py").write_text(SWALLOWS)
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"id": str(n), "n": n}) + "\n" for n in range(20)))
    running = subprocess.Popen(
        [sys.executable, "-m", "roadworthy", "run", "deaf.py", "in.jsonl", "--concurrency", "4"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == b"asked\n"
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
    finally:
        running.kill()
        running.communicate()


HANGS = """
import os
import threading
from roadworthy import App, Function, Prompt
tries = {"attempts_max": 1, "park_rounds_max": 0, "park_pause_s": 0.05, "attempt_timeout_s": TIMEOUT_S}
app = App("stuck", settings={**tries, "lane_concurrency_start": 64, "breaker_failures": 1_000})

def answer(prompt: str) -> str:
    if "stuck" in prompt:
        os.write(1, b"asked\\n")
        threading.Event().wait()
    return '{"value": "x"}'

@app.step(models=[Function(answer, usd_per_call="0.001")])
def ask(note: dict) -> Prompt[str]:
    return Prompt("What is it?", note)
"""


def stuck(folder: Path, hanging: int, timeout_s: float) -> "subprocess.Popen[str]":
    """A run whose function hangs for so many records, and returns at once for as many that come after them."""
    (folder / "stuck.py").write_text(HANGS.replace("TIMEOUT_S", str(timeout_s)))
    rows = [{"id": str(n), "say": f"{'stuck' if n < hanging else 'fine'} {n}"} for n in range(2 * hanging)]
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return subprocess.Popen(
        [sys.executable, "-m", "roadworthy", "run", "stuck.py", "in.jsonl", "--json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.timeout(90)
def test_a_function_that_hangs_is_the_fate_of_its_own_records_and_the_run_ends(tmp_path: Path) -> None:
    """A client without a timeout would take every other record with it, charge for calls that nobody made, and never end."""
    running = stuck(tmp_path, 40, 2.0)
    try:
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 3, err
    said = json.loads(out.splitlines()[-1])
    assert (said["accepted"], said["waiting"]) == (40, {"provider": 40})
    assert said["attempts"] - said["unknown"] == 40, "what did not hang was asked once each"
    assert said["unknown"] == out.count("asked"), "what was called may be billed, and nothing else is charged"


@pytest.mark.timeout(60)
def test_an_interrupt_ends_a_run_whose_function_hangs(tmp_path: Path) -> None:
    """Ctrl-C would wait for a thread that never returns."""
    running = stuck(tmp_path, 40, 300.0)
    try:
        assert running.stdout is not None
        for _ in range(40):
            assert running.stdout.readline() == "asked\n"
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 130
    finally:
        running.kill()
        running.communicate()
