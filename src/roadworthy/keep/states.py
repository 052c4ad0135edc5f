"""What an app has learned, as numbered states, and each use of delta.

A state is never changed and never removed. Going back is a new state with an old one's content, so that the number
only grows, every record's number means one thing for ever, and the way back can be gone back on.
"""

from __future__ import annotations

from roadworthy._errors import LedgerUnavailable
from roadworthy._quick import quick
from roadworthy.keep.transaction import Row, Transaction, as_float, as_int, as_text


@quick(frozen=True, slots=True)
class State:
    """One state of an app.

    Attributes:
        number: 1 for the first; 0 is the app before it learned anything, and is not kept.
        origin: the number of the state whose content it brought back; -1 for content of its own.
        why: what advanced it, in words.
        content: what is learned, as JSON text.
        at: seconds since 1970, UTC.
    """

    number: int
    origin: int
    why: str
    content: str
    at: float = 0.0


BEFORE = State(0, -1, "before anything was learned", "{}")


@quick(frozen=True, slots=True)
class Proof:
    """One use of delta: a threshold tested on labels.

    Attributes:
        number: 1 for a step's first.
        subject: hash of the labels and of what was tested on them; the same test again uses nothing.
        found: what came of it, as JSON text.
    """

    number: int
    subject: str
    delta: float
    found: str
    at: float = 0.0


def newest_number(tx: Transaction, app: str) -> int:
    """The number of an app's newest state; 0 where it has none."""
    row = tx.row("newest_state", app=app)
    return 0 if row is None or row[0] is None else as_int(row[0])


def find_state(tx: Transaction, app: str, number: int) -> State | None:
    """One state of an app."""
    row = tx.row("state", app=app, number=number)
    if row is None:
        return BEFORE if number == 0 else None
    return _state(row)


def states(tx: Transaction, app: str, count: int) -> list[State]:
    """The newest states of an app, newest first."""
    return [_state(row) for row in tx.rows("states", app=app, count=count)]


def advance(tx: Transaction, app: str, state: State) -> None:
    """Make `state` the app's newest one.

    Raises:
        LedgerUnavailable: someone else advanced it meanwhile; what was proposed was made from an older one.
    """
    newest = newest_number(tx, app)
    if newest + 1 != state.number or not tx.change(
        "add_state",
        app=app,
        number=state.number,
        origin=state.origin,
        why=state.why,
        content=state.content,
        now=tx.now,
    ):
        raise LedgerUnavailable(
            f"State {state.number} was made from state {state.number - 1}, and state {newest} is there by now. "
            "Someone else advanced it. Nothing was changed; run the command again."
        )


def proofs(tx: Transaction, app: str, step: str) -> list[Proof]:
    """Every use of delta for a step, newest first."""
    return [
        Proof(as_int(number), as_text(subject), as_float(delta), as_text(found), as_float(at))
        for number, subject, delta, found, at in tx.rows("proofs", app=app, step=step)
    ]


def note_proof(tx: Transaction, app: str, step: str, proof: Proof) -> bool:
    """Keep a use of delta; False where another process took its number first."""
    return bool(
        tx.change(
            "add_proof",
            app=app,
            step=step,
            number=proof.number,
            subject=proof.subject,
            delta=proof.delta,
            found=proof.found,
            now=tx.now,
        )
    )


def _state(row: Row) -> State:
    number, origin, why, content, at = row
    return State(as_int(number), as_int(origin), as_text(why), as_text(content), as_float(at))
