"""Fifty seeds of the swarm in each run of the tests; a thousand in `make soak`."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from tests.crash.swarm import VARIANT, draw
from tests.crash.trial import PROJECT

SEEDS = 50


def swarm(count: int, status: int, **environ: str) -> tuple[dict[str, Any], str]:
    """Play seeds from 0 on; the summary and everything that was said."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.swarm", "--count", str(count), "--workers", "2"],
        cwd=PROJECT,
        env=dict(os.environ) | environ,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == status, done.stdout[-5000:] + done.stderr[-2000:]
    summary: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return summary, done.stdout


@pytest.mark.timeout(300)
def test_fifty_seeds_hold_every_invariant() -> None:
    """A mixture of faults, limits, budgets and kills that nobody thought of would lose a record or money (P1 to P5)."""
    summary, _ = swarm(SEEDS, status=0)
    print(summary)
    assert (summary["seeds"], summary["violations"]) == (SEEDS, 0)
    assert summary["kills"] >= SEEDS // 3, "the swarm has become harmless"


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("variant", "seen"),
    [("give_back", "every_request_has_a_row"), ("check_then_increment", "caps_hold_at_every_tick")],
)
def test_the_swarm_sees_what_is_wrong_and_says_how_to_see_it_again(variant: str, seen: str) -> None:
    """The swarm would pass a ledger that loses money, or leave whoever reads its report with nothing to replay."""
    summary, said = swarm(20, status=1, **{VARIANT: variant})
    assert summary["failing_seeds"], "no seed of twenty saw it"
    assert seen in said
    assert f"replay: .venv/bin/python -m tests.crash.swarm --seed {summary['failing_seeds'][0]}" in said


def test_a_seed_is_a_scenario_and_no_two_are_alike() -> None:
    """A failing seed could not be replayed, or a thousand of them would be one."""
    assert [draw(seed) for seed in range(50)] == [draw(seed) for seed in range(50)]
    assert len({repr(draw(seed)) for seed in range(200)}) == 200
