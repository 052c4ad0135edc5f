"""The pages of the console as one file: no script, nothing fetched, readable where no service runs."""

from __future__ import annotations

from typing import Final

from roadworthy.observe.story import stories
from roadworthy.serve.console import contents, view
from roadworthy.serve.console.look import Look
from roadworthy.serve.console.page import render, style, style_hash
from roadworthy.serve.console.trace import Trace
from roadworthy.serve.console.view import Wanted

ROWS_MAX: Final = 500
STORIES_MAX: Final = 60
_FIRST: Final = ("failed", "waiting", "rejected", "pending")


def sheet(look: Look, job_id: int, now: str) -> str:
    """The report of one job, with the pages of its app, as one HTML file.

    Records that are not accepted come first, with their stories; then others up to `ROWS_MAX` rows and `STORIES_MAX`
    stories.

    Args:
        now: when it was written, for a reader.
    """
    found = _records(look, job_id)
    records = contents.records(look, Wanted(job=job_id)) | {"records": found}
    parts = [
        ("today", contents.today(look) | {"in_work": 0, "lanes": []}),
        ("job", {"report": contents.report_of(look, job_id)}),
        ("records", records),
        ("stories", {"traces": _traces(look, found)}),
        ("quality", contents.quality(look)),
        ("cost", contents.cost(look)),
        ("versions", contents.versions(look) | {"said": ""}),
        ("runs", contents.runs(look)),
    ]
    # The templates escaped whatever a record or a model said in them; they are joined here, and nothing else is.
    sections = [
        render(name, app=look.app, frame="section.html.j2", live=False, **shown) for name, shown in parts
    ]
    return render(
        "sheet",
        app=look.app,
        now=now,
        sections=sections,
        names=[name for name, _ in parts],
        style=style(),
        style_hash=style_hash(),
    )


def _records(look: Look, job_id: int) -> list[view.RecordRow]:
    """Those that are not accepted first."""
    found: list[view.RecordRow] = []
    for outcome in (*_FIRST, "accepted"):
        room = ROWS_MAX - len(found)
        wanted = Wanted(job=job_id, outcome=outcome)
        found += look.read(lambda tx: view.records(tx, look.app, wanted, room))  # noqa: B023 - read at once
    return found


def _traces(look: Look, found: list[view.RecordRow]) -> list[Trace]:
    traces = []
    for row in found[:STORIES_MAX]:
        told = look.read(lambda tx: stories(tx, look.app, row.key))  # noqa: B023 - read at once
        traces += [contents.trace(look, story) for story in told if story.record.id == row.id]
    return traces
