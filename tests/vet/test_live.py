"""`--live`: a provider outside the road test's walls, within a budget."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from tests.vet.stands import GOOD, answers, drive, notes, stand

from roadworthy.vet.process import RunningSimulator, start_simulator
from roadworthy.vet.road.consistency import CONSISTENCY
from roadworthy.vet.road.finding import Grade
from roadworthy.vet.road.quality import QUALITY

PRICES = {"small": "0.1,0.4", "large": "2,8"}


@contextmanager
def real(monkeypatch: pytest.MonkeyPatch, *, loose: bool) -> Iterator[RunningSimulator]:
    """A provider at the address that the environment names, as the user's own would be."""
    with start_simulator(prices=PRICES, answers=answers(notes(12)), loose=loose, stand_in="copied") as sim:
        monkeypatch.setenv("OPENAI_BASE_URL", sim.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-real-one")
        yield sim


def test_a_live_test_asks_the_real_provider_within_its_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real provider would never be asked, or asked for more than was allowed."""
    with real(monkeypatch, loose=True) as sim, stand(tmp_path, GOOD) as bench:
        live = replace(
            bench, live_usd="0.05", labels={sample.key: {"mood": "glad"} for sample in bench.samples}
        )
        findings, _ = drive(CONSISTENCY, live)
        assert findings["model"].times >= 10
        assert "real provider" in findings["model"].tried
        spent = sim.bill().total.cost_usd
        assert spent is not None
        assert 0 < spent <= Decimal("0.025")
        findings, _ = drive(QUALITY, live)
        assert findings["live-labels"].times > 0
        assert "the real provider" in findings["live-labels"].tried


def test_a_budget_that_is_too_small_tests_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three answers would stand for a model; or the budget would be exceeded to get more."""
    with real(monkeypatch, loose=True) as sim, stand(tmp_path, GOOD) as bench:
        findings, _ = drive(CONSISTENCY, replace(bench, live_usd="0.0000001"))
        assert findings["model"].grade is Grade.NOT_TESTED
        assert sim.bill().total.requests == 0


def test_without_being_asked_nothing_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A road test would cost money that nobody agreed to."""
    with real(monkeypatch, loose=False) as sim, stand(tmp_path, GOOD, minutes=0.5) as bench:
        findings, _ = drive(CONSISTENCY, bench)
        drive(QUALITY, bench)
        assert findings["model"].grade is Grade.NOT_TESTED
        assert sim.bill().total.requests == 0
