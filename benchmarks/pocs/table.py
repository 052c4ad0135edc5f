"""The table of what each proof of concept passes and fails, from the reports of `roadworthy vet --json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import orjson

from roadworthy.vet.road.finding import Finding, Grade
from roadworthy.vet.road.report import Report, read_report

NAMES = (
    "openai_sdk",
    "with_instructor",
    "with_pydantic_ai",
    "with_litellm",
    "with_langchain",
    "with_roadworthy",
)
TITLES = {
    "openai_sdk": "openai",
    "with_instructor": "instructor",
    "with_pydantic_ai": "Pydantic AI",
    "with_litellm": "LiteLLM",
    "with_langchain": "LangChain",
    "with_roadworthy": "Roadworthy",
}
MARKS = {Grade.PASS: "pass", Grade.FAIL: "**fail**", Grade.NOT_TESTED: "-"}
TEXT = """# Five proofs of concept on the road

One task, sorting a shop's mail into a queue with an urgency and the words that decided it, written with five libraries
the way each one's own guide shows it, with the retries and the validation it comes with. The sixth is the same task as a
Roadworthy app with one model, called as a function. Each was tested by `roadworthy vet FILE.py:triage`, which sees a plain
function and knows nothing of what is inside.

{stamp}{missing}

Do it again: `make pocs`. The code is in [benchmarks/pocs](../benchmarks/pocs). [The road test](vet.md) says what is tried.

## How to read it

`pass` and `fail` are about the promises that Roadworthy makes, so this is a yardstick that Roadworthy was built for. A
library that does not set out to keep work, to clean input or to cap a cost fails there by design, and a team can add
each of these by hand. What the table shows is what is left to add. `-` was not tested; the reason is below the tables.

Roadworthy does not pass everything either. It pays for a text of white space, for `min_length=1` lets that in. Called as
a function it is given a typed record, and a type takes no half letter; `roadworthy run` cleans the line before. One attempt
may take 300 seconds (`attempt_timeout_s`), for a model that reasons is silent for minutes, and `hang` and `trickle` ask for 60.
What only an app can declare, such as its budget, is not in this test: see the budget stage of an app's.

{counts}

## What each does

{tables}

## What was not tested, and why

{untested}

## The failures in their own words

{failures}
"""


def write_page(reports: Path, code: Path, page: Path) -> None:
    """Write the page from every report there is."""
    found = {
        name: read_report(orjson.loads(place.read_bytes()))
        for name in NAMES
        if (place := reports / f"{name}.json").exists()
    }
    text = TEXT.format(
        stamp=_stamp(found, code),
        missing=_missing(found),
        counts=_counts(found),
        tables=_tables(found),
        untested=_untested(found),
        failures=_failures(found),
    )
    page.write_text(text, encoding="utf-8")


def _stamp(found: Mapping[str, Report], code: Path) -> str:
    first = next(iter(found.values()))
    pins = [
        ", ".join((code / name / "requirements.txt").read_text(encoding="utf-8").split())
        for name in found
        if (code / name / "requirements.txt").exists()
    ]
    return (
        f"Tested on {min(report.began[:10] for report in found.values())}, seed {first.seed}, with {'; '.join(pins)}; "
        f"roadworthy {version('roadworthy')}. The same simulated provider, messages and recorded answers for all."
    )


def _missing(found: Mapping[str, Report]) -> str:
    absent = [TITLES[name] for name in NAMES if name not in found]
    return f"\n\nWritten, but not measured for this page yet: {', '.join(absent)}." if absent else ""


def _counts(found: Mapping[str, Report]) -> str:
    rows = [
        (TITLES[name], "go" if report.is_go else "no-go", *map(str, report.counts().values()))
        for name, report in found.items()
    ]
    return _table(("", "verdict", "pass", "fail", "not tested"), rows)


def _tables(found: Mapping[str, Report]) -> str:
    parts = []
    for stage in next(iter(found.values())).stages:
        graded = {name: _findings(report, stage.name) for name, report in found.items()}
        names = list(dict.fromkeys(finding for findings in graded.values() for finding in findings))
        rows = [
            (
                f"`{name}`",
                *(MARKS[findings[name].grade] if name in findings else "-" for findings in graded.values()),
            )
            for name in names
        ]
        parts.append(
            f"### {stage.title}\n\n{stage.question}\n\n{_table(('', *map(TITLES.get, found)), rows)}"
        )
    return "\n\n".join(parts)


def _findings(report: Report, stage: str) -> dict[str, Finding]:
    return {finding.name: finding for at, finding in report.findings if at.name == stage}


def _untested(found: Mapping[str, Report]) -> str:
    reasons: dict[tuple[str, str], list[str]] = {}
    for name, report in found.items():
        for stage, finding in report.with_grade(Grade.NOT_TESTED):
            reasons.setdefault((f"{stage.name}/{finding.name}", finding.happened), []).append(TITLES[name])
    return _table(
        ("what", "who", "why"),
        [(f"`{what}`", _who(names, found), _cell(why)) for (what, why), names in reasons.items()],
    )


def _failures(found: Mapping[str, Report]) -> str:
    parts = []
    for name, report in found.items():
        lines = [
            f"- `{stage.name}/{finding.name}`: {_cell(finding.happened)}"
            for stage, finding in report.with_grade(Grade.FAIL)
        ]
        parts.append(f"### {TITLES[name]}\n\n" + ("\n".join(lines) or "None."))
    return "\n\n".join(parts)


def _who(names: Sequence[str], found: Mapping[str, Report]) -> str:
    return "all" if len(names) == len(found) else ", ".join(names)


def _cell(text: str) -> str:
    plain = " ".join(text.split()).replace("|", "/").replace("<", "&lt;").replace("[", "(").replace("]", ")")
    return plain if len(plain) <= 200 else plain[:199] + "…"


def _table(head: Sequence[str | None], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
