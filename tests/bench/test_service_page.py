"""The page of the service under load: what it says is what was measured, and a peer that broke is said to have."""

from benchmarks.service_page import page

STAMP: dict[str, object] = {
    "section": "service stamp", "date": "today", "cores": 2, "cpu": "some", "system": "Linux", "load": [0.1],
    "python": "3", "sqlite": "3", "tree": "abc",
}  # fmt: skip


def row(subject: str, phase: str, **figures: object) -> dict[str, object]:
    """One phase of the first round."""
    return {"section": "service", "subject": subject, "phase": phase, "round": 0, **figures}


def shown(broke: bool) -> str:  # noqa: FBT001 - a parameter of the test
    """The page of one round."""
    ours = {"ok_p50_ms": 212.0, "ok_p99_ms": 260.0, "cpu_us_a_record": 1250.0, "rss_mb": 90.0}
    statuses = {"statuses": {"200": 600, "429": 400}, "refused_p99_ms": 3.0, "rate": 1600.0}
    rows = [
        STAMP,
        row("no service", "half", ok_p50_ms=202.0, ok_p99_ms=210.0),
        row("roadworthy, records", "400 callers", **ours),
        row("roadworthy, records", "tried", sustained=False, answered_per_s=990.0, **ours),
        row("roadworthy, records", "tried", sustained=True, answered_per_s=700.0, **ours),
        row("roadworthy, records", "tried", sustained=True, answered_per_s=800.0, **ours),
        row("roadworthy, records", "half", **ours),
        row("roadworthy, records", "twice", answered_per_s=790.0, **ours, **statuses),
        row(
            "roadworthy, records", "slow", callers=1000, asked=300, healthz_p50_ms=1.0, healthz_p99_ms=5.0,
            healthz_max_ms=9.0, closed_at_end=500,
        ),
    ]  # fmt: skip
    if broke:
        rows.append(row("litellm proxy", "broke", error="the proxy did not start"))
    return page(rows)


def test_the_page_says_what_was_measured() -> None:
    """A rate that was tried and not held would pass for one that is sustained, or what was added would hold the provider's own time."""
    said = shown(broke=False)
    assert "| roadworthy, records | 800 | 1,250 | 800 | 10 | 50 |" in said
    assert "| roadworthy, records | 1,600 | 600 | 400 | 0 | 790 | 260 | 3 | 90 |" in said
    assert "hung up on 500 of them" in said


def test_a_peer_that_broke_is_said_to_have() -> None:
    """A peer that did not run would vanish from the page, or its dashes would pass for figures."""
    assert "litellm proxy broke in round 1: `the proxy did not start`" in shown(broke=True)
    assert "broke" not in shown(broke=False)
