"""Gates in the ledger: one row for each paired test of a candidate, its use of delta, and how it ended."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from roadworthy._quick import quick
from roadworthy.keep.jobs import note
from roadworthy.keep.transaction import Again, Row, Transaction, as_float, as_int, as_text, text_or_none

INCUMBENT, GO_ON, PROMOTE, REJECT = "incumbent", "go on", "promote", "reject"


@quick(frozen=True, slots=True)
class Test:
    """What is tested: the same again is the same gate.

    Attributes:
        old: the version of the step that runs.
        new: the candidate's.
        judged: the fields of the answer that count, as a comma-separated list; "" for the whole answer.
        margin: how much worse the new one may be, as a share of records.
    """

    app: str
    step: str
    old: str
    new: str
    judged: str
    margin: float


@quick(frozen=True, slots=True)
class KeptGate:
    """A gate as the ledger holds it.

    Attributes:
        number: 1 for the first candidate against this old version; 0 for the row that notes what ran first.
        delta: the chance of a wrong ruling that it spends.
        ruling: `go on`, `promote` or `reject`; `incumbent` for the version that ran first.
        figures: what it was ruled from, as JSON text; "{}" while it goes on.
        applied: the state that made the candidate the one that runs; 0 for none.
    """

    id: int
    test: Test
    number: int
    delta: float
    ruling: str
    figures: str
    applied: int
    opened_at: float


def open_gate(tx: Transaction, test: Test, spend: Callable[[int], float]) -> KeptGate:
    """The gate of a test, opened the first time; that uses some of delta, and an event says so.

    Args:
        spend: the delta of the j-th candidate against the same old version.

    Raises:
        Again: another process opened it, or took its number, since that was looked up.
    """
    found = find_gate(tx, test)
    if found is not None:
        return found
    row = tx.row("gates_against", app=test.app, step=test.step, old=test.old)
    number = 1 + (as_int(row[0]) if row is not None and row[0] is not None else 0)
    delta = spend(number)
    if not _add(tx, test, number, delta, GO_ON):
        raise Again
    said = {
        "use": "gate",
        "app": test.app,
        "step": test.step,
        "new": test.new,
        "number": number,
        "delta": delta,
    }
    note(tx, "delta_spent", orjson.dumps(said).decode())
    opened = find_gate(tx, test)
    assert opened is not None
    return opened


def note_incumbent(tx: Transaction, app: str, step: str, version: str) -> None:
    """Note which version of a step ran first, unless something is known of the step."""
    if not gates(tx, app, step):
        _add(tx, Test(app, step, "", version, "", 0.0), 0, 0.0, INCUMBENT)


def find_gate(tx: Transaction, test: Test) -> KeptGate | None:
    """The gate of a test, if it was ever opened."""
    return next((gate for gate in gates(tx, test.app, test.step) if gate.test == test), None)


def gates(tx: Transaction, app: str, step: str = "") -> list[KeptGate]:
    """The gates of an app, or of one step of it, newest first."""
    return [_gate(row, app) for row in tx.rows("gates", app=app, step=step)]


def decide_gate(tx: Transaction, gate_id: int, ruling: str, figures: str) -> bool:
    """Write how a gate ended; the first ruling stands. False where another process wrote it."""
    return bool(tx.change("decide_gate", gate_id=gate_id, ruling=ruling, figures=figures, now=tx.now))


def apply_gate(tx: Transaction, gate_id: int, state: int) -> None:
    """Note which state made the candidate the one that runs."""
    tx.change("apply_gate", gate_id=gate_id, state=state)


def _add(tx: Transaction, test: Test, number: int, delta: float, ruling: str) -> int:
    return tx.change(
        "add_gate",
        app=test.app,
        step=test.step,
        old=test.old,
        new=test.new,
        judged=test.judged,
        margin=test.margin,
        number=number,
        delta=delta,
        ruling=ruling,
        now=tx.now,
    )


def _gate(row: Row, app: str) -> KeptGate:
    number, step, old, new, judged, margin, place, delta, ruling, figures, applied, opened_at = row
    return KeptGate(
        as_int(number),
        Test(app, as_text(step), as_text(old), as_text(new), as_text(judged), as_float(margin)),
        as_int(place),
        as_float(delta),
        as_text(ruling),
        text_or_none(figures) or "{}",
        as_int(applied),
        as_float(opened_at),
    )
