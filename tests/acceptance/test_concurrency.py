"""How many records may be worked on at the same time: what no lane can use, and no process can open, is refused."""

import asyncio
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from tests.acceptance.small import call


def within(files: int, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command in a process that may open so many files."""
    return subprocess.run(
        [sys.executable, "-m", "roadworthy", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (files, files)),
    )


@pytest.mark.parametrize("command", [("run", "app.py", "in.jsonl"), ("work", "app.py")])
def test_more_at_once_than_a_lane_can_send_is_refused(folder: Path, command: tuple[str, ...]) -> None:
    """A zero too many would take all memory for workers that wait for each other, until the machine ends the process."""
    if command[0] == "work":
        assert call(folder, "run", "app.py", "in.jsonl").returncode == 0
    (folder / "paid").unlink(missing_ok=True)
    done = call(folder, *command, "--concurrency", "64000")
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "64,000 records at the same time" in done.stderr
    assert "1,000" in done.stderr
    assert "lane_concurrency_max" in done.stderr
    assert not (folder / "paid").exists()


@pytest.mark.parametrize(("wanted", "word"), [("0", "concurrency is 0"), ("64000", "64,000 records")])
def test_the_setting_is_bounded_like_the_option(
    folder: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, word: str
) -> None:
    """A run with nobody to work on its records would end with all of them pending, and not say why."""
    monkeypatch.setenv("ROADWORTHY_CONCURRENCY", wanted)
    done = call(folder, "run", "app.py", "in.jsonl")
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert word in done.stderr
    assert not (folder / "paid").exists()


def test_whoever_lets_a_lane_send_more_may_work_on_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound would be ours and not that of the provider whose limits are higher."""
    monkeypatch.setenv("ROADWORTHY_LANE_CONCURRENCY_MAX", "1500")
    assert within(4_096, folder, "run", "app.py", "in.jsonl", "--concurrency", "1500").returncode == 0


def test_more_at_once_than_the_process_may_open_files_is_refused(folder: Path) -> None:
    """Calls would fail for want of a file, be tried again, and close the lane as if the provider were down."""
    done = within(200, folder, "run", "app.py", "in.jsonl", "--concurrency", "190")
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "190 records at the same time" in done.stderr
    assert "ulimit -n" in done.stderr
    assert not (folder / "paid").exists()
    assert within(200, folder, "run", "app.py", "in.jsonl", "--concurrency", "100").returncode == 0


@pytest.mark.parametrize("command", [("run", "app.py:feel", "in.jsonl"), ("work", "app.py")])
def test_the_parts_of_a_record_are_counted_among_the_files(folder: Path, command: tuple[str, ...]) -> None:
    """Records that are asked in parts would open eight times as many files as a run was refused for."""
    assert call(folder, "run", "app.py:feel", "in.jsonl").returncode == 0
    (folder / "paid").unlink()
    app = (folder / "app.py").read_text()
    assert app.count("@app.step(") == 1
    (folder / "app.py").write_text(
        app.replace("@app.step(", '@app.step(split="text", ')
        + "\n@feel.merge\ndef first(moods: list[Mood], note: Note) -> Mood:\n    return moods[0]\n"
    )
    done = within(400, folder, *command, "--concurrency", "50")
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "50 records at the same time, each asked in up to 8 parts at once" in done.stderr
    assert "Give concurrency 45 at most" in done.stderr
    assert not (folder / "paid").exists()
    assert within(400, folder, *command, "--concurrency", "45").returncode == 0


POSTS = """
import asyncio, collections, sys
from roadworthy._settings import DEFAULTS
from roadworthy.call.transport import PyreqwestTransport

async def main():
    transport = PyreqwestTransport(DEFAULTS)
    found = await asyncio.gather(*(transport.post(sys.argv[1], {}, b"{}", 20.0) for _ in range(200)))
    await transport.close()
    print(sorted(collections.Counter((one.status, one.error, one.detail) for one in found).items()))

asyncio.run(main())
"""


def test_calls_beyond_the_files_of_a_process_wait_for_one(folder: Path) -> None:
    """A workflow that asks many steps at once would run out of files, and close the lane as if the provider were down."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(2)
            await asyncio.sleep(0.3)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

    async def scenario() -> str:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=300)
        async with server:
            port = server.sockets[0].getsockname()[1]
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", POSTS, f"http://127.0.0.1:{port}/"),
                cwd=folder,
                stdout=subprocess.PIPE,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100)),
            )
            said, _ = await asyncio.wait_for(process.communicate(), 60)
            return said.decode()

    assert asyncio.run(scenario()).strip() == "[((200, '', ''), 200)]"
