"""Fifty seeds of the swarm in each run of the tests; a thousand in `make soak`."""

import json
import subprocess
import sys

import pytest
from tests.crash.swarm import draw
from tests.crash.trial import PROJECT

SEEDS = 50


@pytest.mark.timeout(300)
def test_fifty_seeds_hold_every_invariant() -> None:
    """A mixture of faults, limits, budgets and kills that nobody thought of would lose a record or money (P1 to P5)."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.swarm", "--count", str(SEEDS), "--workers", "2"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    summary = json.loads(done.stdout.splitlines()[-1])
    print(summary)
    assert (summary["seeds"], summary["violations"]) == (SEEDS, 0)
    assert summary["kills"] >= SEEDS // 3, "the swarm has become harmless"


def test_a_seed_is_a_scenario_and_no_two_are_alike() -> None:
    """A failing seed could not be replayed, or a thousand of them would be one."""
    assert [draw(seed) for seed in range(50)] == [draw(seed) for seed in range(50)]
    assert len({repr(draw(seed)) for seed in range(200)}) == 200
