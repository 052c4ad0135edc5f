"""The failpoints: every one is named, explained and placed, and each does what it is armed for."""

import ast
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from roadworthy import App
from roadworthy._errors import WrongUse
from roadworthy._failpoints import POINTS, VARIABLE, arm, failpoint

SOURCE = Path(__file__).parents[2] / "src" / "roadworthy"
PASS_THRICE = (
    "from roadworthy._failpoints import arm, failpoint\n"
    "import sys\n"
    "arm(sys.argv[1])\n"
    "for number in range(3):\n"
    "    failpoint('before_send')\n"
    "    failpoint('after_send')\n"
    "    print(number, flush=True)\n"
)


def placed() -> set[str]:
    """The name in every call of `failpoint` in the source; a call without a plain name is an error."""
    names = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "failpoint":
                (name,) = node.args
                assert isinstance(name, ast.Constant), f"{path}:{node.lineno}"
                names.add(str(name.value))
    return names


def test_every_point_in_the_code_is_registered_and_every_registered_one_is_in_the_code() -> None:
    """The sweep would leave a commit or a send out, or arm a point that nothing passes."""
    assert placed() == {point.name for point in POINTS}
    assert max(Counter(point.name for point in POINTS).values()) == 1
    assert all(point.meaning.endswith(".") for point in POINTS)


@pytest.mark.parametrize("text", ["nowhere:1", "before_send:x", "before_send:1:sleep", ":1"])
def test_what_cannot_be_armed_is_refused_when_work_starts(text: str) -> None:
    """A misspelt point would never be reached and its kill be counted as survived."""
    with pytest.raises(WrongUse, match=VARIABLE):
        App("armed").start({VARIABLE: text})
    assert not Path("armed.db").exists()


@pytest.mark.parametrize(
    ("text", "passes"), [("before_send:2", 1), ("after_send", 0), ("before_send:3:kill", 2), ("", 3)]
)
def test_the_process_is_killed_at_the_count(text: str, passes: int) -> None:
    """A kill would come early, late or never."""
    done = subprocess.run(
        [sys.executable, "-c", PASS_THRICE, text], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout.split() == [str(number) for number in range(passes)]
    assert done.returncode == (0 if passes == 3 else -signal.SIGKILL)


def test_the_process_stops_once_and_goes_on_when_it_is_told_to() -> None:
    """A stopped process could not be told from a dead one, or would stop for ever."""
    child = subprocess.Popen(
        [sys.executable, "-c", PASS_THRICE, "before_send:2:stop"], stdout=subprocess.PIPE, text=True
    )
    try:
        _, status = os.waitpid(child.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        child.send_signal(signal.SIGCONT)
        said, _ = child.communicate(timeout=30)
    finally:
        child.kill()
    assert said.split() == ["0", "1", "2"]


def test_arming_the_same_again_goes_on_counting() -> None:
    """A second app in the process would put off a kill that was asked for."""
    arm("before_send:3")
    try:
        failpoint("before_send")
        arm("before_send:3")
        failpoint("before_send")
    finally:
        arm("")
    failpoint("before_send")
