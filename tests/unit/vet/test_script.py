"""What befalls a request is a pure function: rates are met, streaks are short, the latency keeps its law."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from pathlib import Path
from statistics import median

import pytest

from roadworthy._errors import WrongUse
from roadworthy.vet.kind import IN_CONTENT, MIXED
from roadworthy.vet.script import Script, read_spec


def _digest(number: int) -> bytes:
    return blake2b(b"%d" % number, digest_size=16).digest()


def test_mixed_shares_its_rate_evenly() -> None:
    """A road test at 10 % would be one at another rate, or leave kinds out."""
    script = Script(seed=1).changed(read_spec("mixed:0.42"))
    seen: Counter[str] = Counter()
    for number in range(20_000):
        plan = script.plan("m", _digest(number), 0, 0, streamed=False)
        seen.update(kind for kind in (plan.in_transit, plan.in_content) if kind)
        assert plan.standing is None
    assert set(seen) == set(MIXED)
    assert all(300 < count < 500 for count in seen.values()), "0.02 of 20,000 each, five sigma"


def test_content_is_drawn_from_the_bytes_alone() -> None:
    """Asking again would change the answer's content."""
    script = Script(seed=1).changed({"faults": dict.fromkeys(IN_CONTENT, 0.1)})
    for number in range(50):
        plans = [script.plan("m", _digest(number), arrival, 0, streamed=False) for arrival in range(5)]
        assert len({(plan.in_content, plan.chance) for plan in plans}) == 1


def test_the_third_time_gets_through() -> None:
    """A client with three attempts would lose requests to chance."""
    script = Script().changed({"faults": {"429": 1}})
    assert script.plan("m", _digest(1), 1, 1, streamed=False).in_transit == "429"
    assert script.plan("m", _digest(1), 2, 2, streamed=False).in_transit is None


def test_faults_keep_to_their_stretch_of_requests() -> None:
    """An outage would not begin or end where the script says, so that no test could tell before from after."""
    script = Script().changed({"faults": {"500": 1, "no_usage": 1, "empty": 1}, "first": 3, "last": 4})
    struck = []
    for number in range(1, 7):
        plan = script.plan("m", _digest(number), 0, 0, streamed=False, number=number)
        struck.append(tuple(kind is not None for kind in (plan.in_transit, plan.standing, plan.in_content)))
    assert struck == [(number in {3, 4},) * 3 for number in range(1, 7)]
    endless = script.changed({"last": 0})
    assert endless.plan("m", _digest(1), 0, 0, streamed=False, number=99).standing == "no_usage"


def test_latency_has_its_median_and_its_spread() -> None:
    """Load figures would be those of another provider."""
    script = Script(seed=3).changed({"latency_ms": 100, "latency_spread": 0.5})
    drawn = sorted(script.plan("m", _digest(n), 0, 0, streamed=False).latency_s for n in range(4_000))
    assert 0.095 < median(drawn) < 0.105
    assert 0.14 < drawn[int(4_000 * 0.8413)] < 0.19, "one sigma above the median is e^0.5 times it"
    assert drawn[-1] <= 2.0
    assert (
        len(
            {
                script.changed({"latency_spread": 0}).plan("m", _digest(n), 0, 0, streamed=False).latency_s
                for n in range(9)
            }
        )
        == 1
    )


def test_a_spread_beyond_all_measure_is_bounded_too() -> None:
    """A connection would break off without an answer, for a spread that was meant in milliseconds."""
    behaviour = Script().changed({"latency_ms": 100, "latency_spread": 1_000}).every
    assert behaviour.latency(0.999) == pytest.approx(2.0)
    assert behaviour.latency(0.001) == 0.0


def test_a_script_file_without_faults_is_no_answer_to_faults(tmp_path: Path) -> None:
    """The simulator would break off without saying what is wrong."""
    path = tmp_path / "slow.json"
    path.write_text('{"latency_ms": 50}')
    with pytest.raises(WrongUse, match="names no faults"):
        Script().changed({"faults": f"@{path}"})
    assert Script().changed(read_spec(f"@{path}")).every.latency_s == 0.05


def test_what_a_change_does_not_name_stays() -> None:
    """Switching faults off would switch the latency off as well."""
    script = Script().changed({"seed": 9, "latency_ms": 50, "faults": "429=0.5"})
    later = script.changed({"faults": {}, "models": {"gpt-4": {"latency_ms": 900}}})
    assert later.told() == {
        "batches": {"delay_s": 0.0, "expired": (), "full": (), "lost": (), "shuffled": True},
        "seed": 9,
        "in_a_row_max": 2,
        "faults": {},
        "latency_ms": 50.0,
        "latency_spread": 0.0,
        "first": 0,
        "last": 0,
        "revoked": [],
        "watched": [],
        "models": {"gpt-4": {"faults": {}, "latency_ms": 900.0, "latency_spread": 0.0}},
    }
    assert Script().changed(later.told()) == later


@pytest.mark.parametrize(
    "change",
    [
        {"fault": {}},
        {"faults": []},
        {"faults": {"429": True}},
        {"faults": {"429": -1}},
        {"faults": "429"},
        {"latency_ms": "fast"},
        {"latency_ms": float("inf")},
        {"seed": 1.5},
        {"first": "soon"},
        {"revoked": "sk-old"},
        {"models": []},
        {"models": {"m": {"seed": 1}}},
        {"batches": {"shuffled": "no"}},
        {"batches": {"shuffled": 0}},
    ],
)
def test_a_change_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    """A slip in a script would run a road test without its faults."""
    with pytest.raises(WrongUse):
        Script().changed(change)


@pytest.mark.parametrize("faults", ["429", "429=2", "nope=0.1", "429=0.6,500=0.6", "@nowhere.json", "429=x"])
def test_a_spec_that_makes_no_sense_is_refused(faults: str) -> None:
    """A typing error would run a road test without its faults."""
    with pytest.raises(WrongUse):
        Script().changed(read_spec(faults))
