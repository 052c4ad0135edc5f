"""Calls in a provider's batches: queued with their intent, put into a batch before it is sent, settled once each.

The attempt of such a call belongs to no process: it stands open as long as the provider works, whoever died
meanwhile. So it is opened under `BATCH_OWNER`, which has no lease and is never taken for dead.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace

from roadworthy._failpoints import failpoint
from roadworthy._quick import quick
from roadworthy.call.meter import BATCH_OWNER, Ask, Busy, NoMoney, Opened, Settlement
from roadworthy.call.reply import Ending, Reply
from roadworthy.keep.attempts import (
    Charge,
    Payer,
    Pin,
    charge_record,
    key64,
    open_attempt,
    promised_from,
    settle_attempt,
)
from roadworthy.keep.jobs import note
from roadworthy.keep.transaction import (
    Again,
    Row,
    Transaction,
    as_bytes,
    as_float,
    as_int,
    as_text,
    text_or_none,
)

_KEY_BYTES = 20
_CHANCE_BYTES = 6
_PAGE = 1_000
CANCELLED = "cancelled before it was sent"


@quick(frozen=True, slots=True)
class Batch:
    """A batch that has not ended.

    Attributes:
        tag: what the provider is told, where it keeps such words, so that the batch is found again.
        state: `planned`: here alone, or created and nobody has seen it; `submitted`: the provider has it.
        sent_at: when it was about to be created, seconds since 1970; None where it provably was not.
        cancelled_at: when someone asked to stop it.
    """

    id: int
    tag: str
    app: str
    model: str
    state: str
    provider_id: str
    calls: int
    detail: str
    planned_at: float
    sent_at: float | None
    submitted_at: float | None
    cancelled_at: float | None


@quick(frozen=True, slots=True)
class Call:
    """One call of a batch as it is sent."""

    custom_id: str
    body: bytes


@quick(frozen=True, slots=True)
class InBatch:
    """One call that is not settled, with what must be known to settle it.

    Attributes:
        erased: its record was forgotten meanwhile: what it costs is kept, what it says is not.
    """

    attempt_id: int
    record_id: int
    reserved_pico: int
    period: str
    run_id: int
    opened_at: float
    job_id: int
    payer: str
    step: str
    model: str
    erased: bool


# -- queueing --


def queue_attempt(
    tx: Transaction, ask: Ask, pin: Pin, payer: Payer, *, app: str, body: bytes
) -> Opened | Reply | Busy | NoMoney:
    """The intent of a call that goes into the next batch, with its words: as `open_attempt`, all or nothing."""
    opened = open_attempt(tx, ask, pin, replace(payer, owner=BATCH_OWNER))
    if isinstance(opened, Opened):
        tx.add(
            "add_batch_call",
            attempt_id=opened.attempt_id,
            app=app,
            model=ask.model,
            step=pin.step,
            custom_id=custom_id(ask.key),
            body=body,
        )
    return opened


def custom_id(key: bytes) -> str:
    """What a call is called at the provider: 160 bits of its request's key, and 48 of chance.

    At most 64 letters, digits and `-` (Anthropic's limit). The chance tells apart what is asked again, and what another
    ledger asks of the same account.
    """
    return f"{key[:_KEY_BYTES].hex()}-{secrets.token_hex(_CHANCE_BYTES)}"


def tries_of(tx: Transaction, key: bytes) -> list[tuple[Ending, str]]:
    """How the calls of a request that went through batches ended, oldest first: (ending, what was said)."""
    rows = tx.rows("batch_tries", key64=key64(key), key=key)
    return [(Ending(as_text(ending)), as_text(detail)) for ending, detail in rows]


def rounds_of(tx: Transaction, record_id: int) -> int:
    """How many calls of a record have been through batches."""
    row = tx.row("batch_rounds", record_id=record_id)
    return as_int(row[0]) if row else 0


# -- batches --


def queued(tx: Transaction, app: str) -> dict[str, int]:
    """How many calls of each model wait for a batch."""
    return {as_text(model): as_int(count) for model, count in tx.rows("queued_models", app=app)}


def plan_batch(
    tx: Transaction, app: str, model: str, owner: int, *, calls_max: int, bytes_max: int, overhead: int
) -> int:
    """Put the next queued calls of a model into a new batch; 0 where there are none.

    Args:
        overhead: bytes that a call's envelope adds to its body.

    Raises:
        Again: another process has put some of them into a batch of its own since they were looked up.
    """
    rows = tx.rows("queued_calls", app=app, model=model, count=calls_max)
    size = 0
    taken: list[int] = []
    for attempt_id, length in rows:
        size += as_int(length) + overhead
        if taken and size > bytes_max:
            break
        taken.append(as_int(attempt_id))
    if not taken:
        return 0
    tag = f"roadworthy-{secrets.token_hex(12)}"
    batch_id = tx.add("add_batch", tag=tag, app=app, model=model, calls=len(taken), owner=owner, now=tx.now)
    span = {"first": taken[0], "last": taken[-1]}
    if tx.change("take_calls", batch_id=batch_id, app=app, model=model, **span) != len(taken):
        raise Again
    failpoint("batch_planned_written")
    return batch_id


def calls_of(tx: Transaction, batch_id: int) -> list[Call]:
    """The calls of a batch as they are sent; those whose record was forgotten are left out."""
    found: list[Call] = []
    after = 0
    while rows := tx.rows("calls_of_batch", batch_id=batch_id, after=after, count=_PAGE):
        found += [Call(as_text(name), as_bytes(body)) for _, name, body in rows]
        after = as_int(rows[-1][0])
    return found


def submitted(tx: Transaction, batch_id: int, provider_id: str, detail: str = "") -> None:
    """The provider has the batch; its words need not be kept any longer."""
    tx.change(
        "submitted_batch", batch_id=batch_id, provider_id=provider_id, detail=detail or None, now=tx.now
    )
    tx.change("drop_words", batch_id=batch_id)
    failpoint("batch_submitted_written")


def unplan(tx: Transaction, batch: Batch) -> None:
    """The batch was never created: its calls are queued again; those of one that was cancelled are taken back."""
    held = tx.row("hold_batch", batch_id=batch.id)  # it may have been cancelled while it was on its way out
    cancelled = held is not None and held[0] is not None
    while cancelled and (names := left_open(tx, batch.id, _PAGE)):
        for name in names:
            if (call := find_call(tx, batch.id, name)) is not None:
                _take_back(tx, call, CANCELLED)
    tx.change("unplan_calls", batch_id=batch.id)
    tx.change("drop_batch", batch_id=batch.id)


def open_batches(tx: Transaction, app: str) -> list[Batch]:
    """Batches of an app that have not ended, oldest first."""
    return [_batch(row) for row in tx.rows("open_batches", app=app)]


def claim_batches(tx: Transaction, app: str, owner: int) -> list[Batch]:
    """Those of them that this process may see to: no living one does."""
    return [
        batch for batch in open_batches(tx, app) if tx.change("claim_batch", batch_id=batch.id, owner=owner)
    ]


def cancel_batches(tx: Transaction, app: str) -> tuple[int, int]:
    """Ask for every batch of an app to be stopped, and take back what is queued: (batches, calls)."""
    calls = drop_queued(tx, app, CANCELLED)
    return tx.change("cancel_batches", app=app, now=tx.now), calls


def drop_queued(tx: Transaction, app: str, why: str, *, erased: bool = False) -> int:
    """Take back calls that no batch has: they were never sent and cost nothing.

    Args:
        erased: those alone whose words were erased.
    """
    count = 0
    while rows := tx.rows("queued_of_app", app=app, erased=int(erased), count=_PAGE):
        for row in rows:
            _take_back(tx, _in_batch(row), why)
        count += len(rows)
    return count


def _take_back(tx: Transaction, call: InBatch, why: str) -> None:
    """A call that was never sent costs nothing, and nobody needs its words any more."""
    unsent = Settlement(call.attempt_id, call.reserved_pico, "unsent", Ending.UNSENT, 0, 0.0, detail=why)
    settle_call(tx, call, unsent)
    tx.change("drop_call_words", attempt_id=call.attempt_id)


def release(tx: Transaction, app: str) -> int:
    """Records that have nothing left in a batch go on."""
    return tx.change("release_records", app=app)


# -- importing --


def find_call(tx: Transaction, batch_id: int, name: str) -> InBatch | None:
    """The call of this id, unless it is settled already or is none of the batch's."""
    row = tx.row("batch_call", batch_id=batch_id, custom_id=name)
    return None if row is None else _in_batch(row)


def is_of_batch(tx: Transaction, batch_id: int, name: str) -> bool:
    """Whether a batch has a call of this id, settled or not."""
    return tx.row("has_call", batch_id=batch_id, custom_id=name) is not None


def left_open(tx: Transaction, batch_id: int, count: int) -> list[str]:
    """The next calls of a batch that are not settled."""
    return [as_text(name) for (name,) in tx.rows("open_calls", batch_id=batch_id, count=count)]


def settle_call(tx: Transaction, call: InBatch, settlement: Settlement) -> bool:
    """Settle one call and charge its record; once, whoever imports it how often."""
    if call.erased:
        settlement = replace(settlement, text=None)
    whose = call.payer, call.period, call.job_id, call.record_id
    scopes = promised_from(tx, *whose, call.reserved_pico)
    if not settle_attempt(tx, settlement, scopes):
        return False
    charge_record(tx, call.record_id, Charge(1, settlement.cost_pico))
    if settlement.cost_pico > settlement.reserved_pico:
        words = f"billed {settlement.cost_pico}, reserved {settlement.reserved_pico}"
        said = f"attempt {call.attempt_id} {words}"
        note(tx, "overrun", said, run_id=call.run_id, record_id=call.record_id)
    return True


def end_batch(tx: Transaction, batch_id: int, app: str, state: str, detail: str) -> int:
    """Everything that came of a batch is imported; returns how many records go on."""
    tx.change("ended_batch", batch_id=batch_id, state=state, detail=detail or None, now=tx.now)
    failpoint("batch_ended_written")
    return release(tx, app)


def settled_of(tx: Transaction, batches: Iterable[Batch]) -> int:
    """How many calls of these batches are settled."""
    rows = [tx.row("settled_calls", batch_id=batch.id) for batch in batches]
    return sum(as_int(row[0]) for row in rows if row is not None)


def unknown_batches(tx: Transaction, provider_ids: Sequence[str]) -> list[str]:
    """Those of a provider's ids that no batch of this ledger has."""
    return [name for name in provider_ids if tx.row("known_batch", provider_id=name) is None]


def _batch(row: Row) -> Batch:
    number, tag, app, model, state, provider_id, calls, detail, planned, sent, submitted_at, cancelled = row[
        :12
    ]
    return Batch(
        id=as_int(number),
        tag=as_text(tag),
        app=as_text(app),
        model=as_text(model),
        state=as_text(state),
        provider_id=text_or_none(provider_id) or "",
        calls=as_int(calls),
        detail=text_or_none(detail) or "",
        planned_at=as_float(planned),
        sent_at=None if sent is None else as_float(sent),
        submitted_at=None if submitted_at is None else as_float(submitted_at),
        cancelled_at=None if cancelled is None else as_float(cancelled),
    )


def _in_batch(row: Row) -> InBatch:
    attempt_id, record_id, reserved, period, run_id, opened_at, job_id, payer, step, model, erased = row
    return InBatch(
        as_int(attempt_id),
        as_int(record_id),
        as_int(reserved),
        as_text(period),
        as_int(run_id),
        as_float(opened_at),
        as_int(job_id),
        as_text(payer),
        as_text(step),
        as_text(model),
        bool(erased),
    )
