"""What the benchmarks stand on: a provider that answers as it should, ratios within a round, a page that hides nothing."""

import time
import urllib.request
from pathlib import Path

import orjson
from benchmarks import report, task
from benchmarks.child import here, rounds
from benchmarks.provider import start_provider
from benchmarks.results import Results


def test_the_provider_answers_after_its_delay() -> None:
    """Every figure would be taken against a provider that answers wrongly, or too early."""
    with start_provider(50) as provider:
        began = time.perf_counter()
        body = orjson.dumps(task.request(1))
        with urllib.request.urlopen(f"{provider.url}/json/v1/chat/completions", body, timeout=10) as response:
            said = response.read()
        took = time.perf_counter() - began
    assert 600 <= len(said) <= 900
    assert (
        task.Triage.model_validate_json(orjson.loads(said)["choices"][0]["message"]["content"]).urgency == 3
    )
    assert took >= 0.05
    assert provider.process.returncode is not None


def test_a_subject_that_breaks_is_a_line_and_the_others_go_on() -> None:
    """A peer that fails would vanish from the tables, or take the whole run with it."""
    with start_provider() as provider:
        specs = [here("peer nobody", provider.url, 4), here("raw", provider.url, 4)]
        rows = list(rounds(specs, 2, 50))
    assert [(row["subject"], "error" in row) for row in rows] == [
        ("peer nobody", True),
        ("raw", False),
        ("raw", False),
    ]
    assert "ModuleNotFoundError" in rows[0]["error"]
    assert all(row["cpu_us"] > 1 and row["p99_ms"] >= row["p50_ms"] > 0 for row in rows[1:])


def line(subject: str, number: int, cpu_us: float) -> dict[str, object]:
    """A result line of the table of 64 in flight."""
    figures = {
        "cpu_us": cpu_us,
        "calls_per_s": 1e6 / cpu_us,
        "p50_ms": 1.0,
        "p99_ms": 2.0,
        "peak_rss_mb": 50.0,
    }
    return {
        "section": "calls",
        "cell": "cpu 64",
        "subject": subject,
        "loop": "asyncio",
        "round": number,
        **figures,
    }


def test_ratios_are_taken_within_a_round() -> None:
    """A busy minute would fall on one subject alone and look like a difference."""
    costs = [(100, 200), (900, 1_800), (100, 210)]
    pairs = enumerate(costs)
    rows = [line(name, n, cost[at]) for n, cost in pairs for at, name in enumerate(("aiohttp", "roadworthy"))]
    assert Results(rows).cell("cpu 64").ratio(("roadworthy", "asyncio")) == 2.0


def test_the_page_says_what_could_not_be_measured(tmp_path: Path) -> None:
    """A reader would take a table with a gap for the whole truth."""
    rows = [line("aiohttp", 0, 100), line("roadworthy", 0, 250)]
    broken = {
        "section": "peers",
        "what": "install",
        "peer": "dspy",
        "error": "no such\n/a/b/c/setup.py: version",
    }
    written = report.write([*rows, broken], tmp_path / "performance.md")
    page = written[0].read_text()
    assert "| CPU a call, 64 in flight | <= 2 x aiohttp + pydantic | - | not measured |" in page
    assert "| the same on asyncio's own loop | <= 2 x aiohttp + pydantic | 2.50 | no |" in page
    assert "- peers install dspy: `setup.py: version`" in page
    assert "not measured" in page
    assert (tmp_path / "performance-cpu.svg").read_text().startswith("<svg")
