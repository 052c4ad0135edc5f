"""A hundred hostile texts in every field, before a real browser: none runs, nobody else is asked, nothing breaks."""

import csv
import io
import json
import sqlite3
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from tests.browser.eyes import browsing, find_browser
from tests.browser.payloads import PAYLOADS
from tests.browser.stage import Stage

if TYPE_CHECKING:
    from playwright.sync_api import Browser

from roadworthy.vet.process import start_simulator

pytestmark = pytest.mark.timeout(400)  # a busy machine draws slowly; nothing here waits for a clock
PAGES = ("/", "/runs", "/records", "/desk", "/quality", "/cost", "/versions", "/docs", "/login")
APP = """
from pydantic import BaseModel
from roadworthy import App, Model, Price, Prompt

app = App("shop", budget_usd=1)
small = Model("openai:small", price=Price(input="0.1", output="0.4"), max_output_tokens=64)

class Note(BaseModel):
    id: str
    text: str
    extra: dict[str, str] = {}

class Mood(BaseModel):
    mood: str
    sure: float = 0.9

@app.step(models=[small], confidence="field:sure", review_below=0.5, max_error=0.05, audit_share=0.2)
def feel(note: Note) -> Prompt[Mood]:
    return Prompt("Glad or sad?", note.text)
"""
# Every column of words that a page shows, and what a payload becomes in it: the text itself, or JSON around it.
PLAIN = {
    "record": ("reason", "model", "mended"),
    "question": ("version",),
    "attempt": ("model", "words", "served_model", "provider_id", "detail"),
    "reply": ("text",),
    "review": ("grounds", "note", "ruled_by", "step"),
    "job": ("name",),
    "run": ("cancelled_by",),
    "event": ("data",),
}
SHAPED = {
    "record": {"value": '{{"mood": {0}, {0}: [{0}]}}', "body": '{{"id": {0}, "text": {0}, {0}: {{{0}: {0}}}}}',
               "cleanings": '[{{"kind": {0}, "where": {0}, "before": {0}, "after": {0}}}]'},
    "question": {"body": '[{{"role": "system", "text": {0}}}, {{"role": {0}, "text": {0}}}]'},
    "review": {"suggestion": '{{"mood": {0}, {0}: {0}}}', "correction": '{{"mood": {0}}}'},
}  # fmt: skip
ROWS = (
    ("alarm", "app, step, kind, what, words, raised_at", "('shop', :p, 'alarm', :n, :p, 1.0)"),
    ("alarm", "app, step, kind, what, words, raised_at", "('shop', :p, 'warning', :n, :p, 1.0)"),
    ("state", "app, number, origin, why, content, at", "('shop', :i, -1, :p, :state, 1.0)"),
    (
        "gate",
        "app, step, old, new, judged, margin, number, delta, ruling, applied, opened_at",
        "('shop', :p, :p, :p, :p, 0.01, :i, 0.01, 'promote', 0, 1.0)",
    ),
    (
        "app_version",
        "app, step, version, spec, first_seen",
        "('shop', :p, :p, :spec, :i)",
    ),
    (
        "forecast",
        "app, entry, job, at, to_ask, low_pico, likely_pico, high_pico, spent_pico",
        "('shop', :p, :p, 1.0, 1, 1, 1, 1, 0)",
    ),
    (
        "reading",
        "app, step, version, began_at, ended_at, answers, accepted, counts, served",
        "('shop', :p, :p, 1.0, 2.0, 9, 8, '{}', :served)",
    ),
    ("job", "app, entry, name, created_at, payer", "('shop', :p, :p, 1.0, 'shop')"),
    ("run", "job_id, owner, started_at, cancelled_by", "((SELECT max(id) FROM job), 0, 1.0, :p)"),
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A service over records that say the payloads, and a ledger in which every other column says them too."""
    find_browser()
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "triage.py").write_text(APP, "utf-8")
    rows = [
        {"id": f"k{number} {payload[:150]}", "text": payload or "-", "extra": {payload[:100]: payload}}
        for number, payload in enumerate(PAYLOADS)
    ]
    name = '"><img src=x onerror=alert(1)>.jsonl'
    (folder / name.replace("/", "")).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    doubt = json.dumps({"mood": "<script>alert(1)</script>", "sure": 0.2})
    with start_simulator(answers=[], prices={"small": "0.1,0.4"}, default_answer=doubt) as sim:
        stage = Stage(folder, sim)
        stage.command("run", "triage.py", name.replace("/", ""))
        spoil(folder / "triage.db")
        with stage.served():
            yield stage


def spoil(place: Path) -> None:
    """Put the payloads into every column that a page shows."""
    ledger = sqlite3.connect(place)
    number = 0
    for table, columns in PLAIN.items():
        key = "attempt_id" if table == "reply" else "id"
        for (row,) in ledger.execute(f"SELECT {key} FROM {table} ORDER BY 1").fetchall():
            for column in columns:
                number += 1
                ledger.execute(
                    f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (_stored(PAYLOADS[number % 100]), row)
                )
            for column, shape in SHAPED.get(table, {}).items():
                number += 1
                text = shape.format(json.dumps(PAYLOADS[number % 100]))
                ledger.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (text, row))
    for (row,) in ledger.execute("SELECT id FROM review WHERE id % 5 = 1").fetchall():
        a, b = (json.dumps(PAYLOADS[(row + add) % 100]) for add in (0, 1))
        pair = f'{{"a": {{"mood": {a}, {a}: {b}}}, "b": {{"mood": {b}}}}}'
        ledger.execute("UPDATE review SET kind = 'gate', suggestion = ? WHERE id = ?", (pair, row))
    ledger.execute("UPDATE review SET ruling = 'wrong', ruled_at = 2.0 WHERE id % 3 = 0")
    ledger.execute(
        "UPDATE record SET outcome = 'accepted', waiting_for = NULL, confidence = 0.9 WHERE id % 4 = 0"
    )
    for number, payload in enumerate(PAYLOADS):
        said = json.dumps(payload)
        values = {
            "p": _stored(payload),
            "n": f"{number}",
            "i": number + 1,
            "state": f'{{"steps": {{{said}: {{"since": 1, "examples": [], "student": 0, "promoted": {said}}}}}}}',
            "spec": f'{{"instructions": {said}, "models": [{said}]}}',
            "served": f"{{{said}: [{said}]}}",
        }
        for table, names, cells in ROWS:
            ledger.execute(f"INSERT INTO {table} ({names}) VALUES {cells}", values)
    ledger.commit()
    ledger.close()


def _stored(text: str) -> str:
    """As the ledger's own door makes text storable."""
    return text.replace("\x00", "\\x00")


def keys(stage: Stage) -> Sequence[str]:
    """Every key as it was kept."""
    with sqlite3.connect(stage.folder / "triage.db") as ledger:
        return [row[0] for row in ledger.execute("SELECT key FROM record ORDER BY id")]


def test_a_hundred_hostile_texts_in_every_field(browser: "Browser", hostile: Stage) -> None:
    """What a record, a model, a file's name or a reviewer says could run a script before somebody's eyes."""
    known, began = keys(hostile), time.monotonic()
    assert len(known) == 100
    visited, asked, pairs, wide = 0, 0, 0, []
    with browsing(browser, hostile.url) as eyes:
        stories = [f"/records/{_place(key)}" for key in known[::4]]
        desk = [f"/desk?after={number}" for number in range(0, 100, 10)]
        for path in (*PAGES, "/records?words=%3Cscript%3E&key=k", *stories, *desk):
            assert eyes.go(path) == 200, path
            visited += 1
            asked += eyes.page.locator(".ask h2").count()
            pairs += eyes.page.locator(".ask .badge", has_text="two versions").count()
            if eyes.overflow > 0:
                wide.append((path, eyes.overflow))
        eyes.page.set_viewport_size({"width": 390, "height": 800})
        for path in (*PAGES, *stories[::5]):
            assert eyes.go(path) == 200, path
            visited += 1
            if eyes.overflow > 0:
                wide.append((path, eyes.overflow))
        live = eyes.page.evaluate(
            "document.querySelectorAll('img, iframe, object, embed, base, [onload], [onerror], [onclick], [style]').length"
        )
        assert eyes.clean, (eyes.ran[:5], eyes.outside[:5], eyes.policy[:5], eyes.told[:5])
        assert live == 0
    assert asked > 5, "the desk showed questions"
    assert pairs > 1, "the desk showed pairs"
    assert wide == []
    print(
        f"{visited} pages with {len(PAYLOADS)} payloads: 0 scripts, 0 requests to others, 0 breaches of the policy, "
        f"{time.monotonic() - began:.0f} s"
    )


def test_the_report_in_a_file_runs_nothing(browser: "Browser", hostile: Stage) -> None:
    """A report that is sent on could run what a record says at whoever reads it, or would need a network to be read."""
    place = hostile.folder / "report.html"
    with sqlite3.connect(hostile.folder / "triage.db") as ledger:
        job = ledger.execute("SELECT name FROM job ORDER BY id LIMIT 1").fetchone()[0]
    hostile.command("report", "triage.py", f"--job={job}", "--html", str(place))
    text = place.read_text("utf-8")
    assert "<script" not in text
    with browsing(browser, "file://") as eyes:
        eyes.go(str(place))
        assert eyes.page.locator("main section.sheet").count() == 8
        assert eyes.page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "flex", (
            "it has its style"
        )
        assert eyes.overflow <= 0
        assert eyes.clean, (eyes.ran[:5], eyes.outside[:5], eyes.policy[:5], eyes.told[:5])


def test_a_table_for_a_spreadsheet_has_no_formulas(hostile: Stage) -> None:
    """A reviewer who opens the exported table would run what a record says."""
    with urllib.request.urlopen(f"{hostile.url}/records.csv", timeout=30) as answer:
        text = answer.read().decode()
        assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == 101
    live = [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert live == []
    assert any(cell.startswith("'=") for row in rows for cell in row), "there was something to escape"


def _place(key: str) -> str:
    return quote(key, safe="") if key.strip(".") else "".join(f"%{byte:02X}" for byte in key.encode())
