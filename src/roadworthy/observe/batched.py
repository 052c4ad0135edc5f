"""What is said of providers' batches."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from roadworthy._quick import quick
from roadworthy.call.price import usd
from roadworthy.keep.transaction import Transaction, Value, as_float, as_int, as_text, text_or_none

_BATCHES_MAX = 20


@quick(frozen=True, slots=True)
class Open:
    """Calls of a job that a batch will bring.

    Attributes:
        batch: its number in the ledger; 0 while the calls are queued for one.
        provider_id: what the provider calls it; "" while it does not have it, or nobody has seen that it has.
        at: when the provider took it, seconds since 1970; None where it has not.
    """

    batch: int
    model: str
    state: str
    provider_id: str
    at: float | None
    calls: int
    reserved_usd: Decimal

    def line(self) -> str:
        """A line of the report."""
        held = f"{self.calls} calls to {self.model}, {self.reserved_usd:f} USD reserved"
        if not self.batch:
            return f"queued for a batch: {held}"
        return f"batch {self.batch}, {_standing(self.state, self.provider_id, self.at)}: {held}"


def open_in_batches(tx: Transaction, job_id: int) -> tuple[Open, ...]:
    """What of a job is queued for batches and in them, oldest first."""
    return tuple(
        Open(
            batch=0 if number is None else as_int(number),
            model=as_text(model),
            state=text_or_none(state) or "",
            provider_id=text_or_none(provider_id) or "",
            at=None if at is None else as_float(at),
            calls=as_int(calls),
            reserved_usd=usd(as_int(reserved)),
        )
        for number, model, state, provider_id, at, calls, reserved in tx.rows(
            "open_in_batches", job_id=job_id, count=_BATCHES_MAX
        )
    )


def batch_words(tx: Transaction, attempt_id: int) -> str:
    """The batch that an attempt went through, in words; "" for none."""
    row = tx.row("batch_of_attempt", attempt_id=attempt_id)
    if row is None:
        return ""
    number, state, provider_id, at = row
    if number is None:
        return "queued for a batch"
    return f"in batch {as_int(number)}, {_standing(as_text(state), text_or_none(provider_id) or '', at)}"


def _standing(state: str, provider_id: str, at: Value) -> str:
    if not provider_id:
        return "planned; the provider is not known to have it" if state == "planned" else state
    when = (
        "" if at is None else f" since {dt.datetime.fromtimestamp(as_float(at), dt.UTC):%Y-%m-%d %H:%M} UTC"
    )
    return f"with the provider as {provider_id}{when}" if state == "submitted" else f"{provider_id}, {state}"
