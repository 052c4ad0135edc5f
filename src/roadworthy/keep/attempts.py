"""Attempts and their money: intent before the wire, settlement after it, never more than the caps allow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from roadworthy._failpoints import failpoint
from roadworthy._quick import quick
from roadworthy.call.meter import RECORD_SCOPE, Ask, Busy, NoMoney, Opened, Settlement
from roadworthy.call.reply import Ending, Reply
from roadworthy.keep.row import RowOf
from roadworthy.keep.transaction import (
    Account,
    Again,
    Row,
    Transaction,
    Value,
    as_bytes,
    as_int,
    as_text,
    damaged,
)


@quick(frozen=True, slots=True)
class Pin:
    """The question of an attempt: where it is kept, or what is to be pinned with the first attempt.

    Attributes:
        examples: numbers of the records that it shows as examples.
    """

    record_id: int
    step: str
    version: str
    fixed: bytes
    body: str
    question_id: int = 0
    sample: int = 0
    examples: tuple[int, ...] = ()

    def kept(self, question_id: int) -> Pin:
        """The same, kept under a number."""
        if question_id == self.question_id:
            return self
        return Pin(
            self.record_id,
            self.step,
            self.version,
            self.fixed,
            self.body,
            question_id,
            self.sample,
            self.examples,
        )


@quick(frozen=True, slots=True)
class Payer:
    """Who asks and whose money it is.

    Attributes:
        scopes: the accounts a reservation is promised from; all of them must have room.
        period: the app's budget period at the time, such as `2026-11-24`; "" for one without end.
    """

    scopes: tuple[str, ...]
    period: str
    run_id: int
    owner: int


@quick(frozen=True, slots=True)
class Charge:
    """What settled attempts add to their record's account."""

    attempts: int = 0
    cost_pico: int = 0


NO_CHARGE = Charge()
Opener: TypeAlias = "Callable[[Transaction, Ask, Pin, Payer], Opened | Reply | Busy | NoMoney]"
"""Notes the intent of an attempt: one that is sent at once, or one for a batch."""


def scopes_of(app: str, period: str, job_id: int, record_id: int = 0) -> tuple[str, ...]:
    """The accounts of an attempt: the job's first (its tick orders the history), the app's for the period.

    Args:
        app: who pays; of a candidate's job the app that it would change.
        record_id: the record, where records have caps of their own; 0 where they have none.
    """
    own = (f"{RECORD_SCOPE}{record_id}",) if record_id else ()
    return f"job:{job_id}", f"app:{app}:{period}", *own


def promised_from(
    tx: Transaction, app: str, period: str, job_id: int, record_id: int, promised_pico: int
) -> tuple[str, ...]:
    """The accounts that hold the promise of an attempt which this process did not open.

    The record's own is one of them where it holds so much: its cap may have been switched on or off since.
    """
    scope = f"{RECORD_SCOPE}{record_id}"
    own = tx.row("budget", scope=scope) is not None and tx.account(scope).reserved_pico >= promised_pico
    return scopes_of(app, period, job_id, record_id if own else 0)


def key64(key: bytes) -> int:
    """The indexed prefix of a request key, as a signed 64-bit number."""
    return int.from_bytes(key[:8], "big", signed=True)


def find_reply(tx: Transaction, key: bytes) -> Reply | None:
    """The reply to a request, if it was ever bought."""
    row = tx.row("reply_by_key", key64=key64(key), key=key)
    return None if row is None else reply_of(row)


def open_attempt(tx: Transaction, ask: Ask, pin: Pin, payer: Payer) -> Opened | Reply | Busy | NoMoney:
    """Look up, claim, check every cap and note the intent, in one transaction."""
    accounts = tx.accounts(payer.scopes)
    full = without_room(accounts, ask.worst_pico)
    prefix = key64(ask.key)
    pinned = pin.question_id > 0
    if full is not None or pinned:
        known = _look_up(tx, prefix, ask.key)
        if known is not None:
            return known
    if full is not None:
        return _no_money(full, ask)
    values: dict[str, Value] = {
        "key64": prefix,
        "key": ask.key,
        "record_id": pin.record_id,
        "step": pin.step,
        "version": pin.version,
        "fixed": pin.fixed,
        "body": pin.body,
        "sample": pin.sample,
        "run_id": payer.run_id,
        "owner": payer.owner,
        "period": payer.period,
        "model": ask.model,
        "words": ask.words or None,
        "output_cap": ask.output_cap,
        "reserved_pico": ask.worst_pico,
        "now": tx.now,
        "tick": tx.next_tick(accounts[0]),
    }
    claim = _claim if pinned else _claim_at_once if tx.concurrent else _claim_first
    found = claim(tx, pin, values)
    if isinstance(found, Opened):
        _promise(accounts, ask.worst_pico)
        if tx.concurrent:
            tx.claimed(ask.key)
        failpoint("intent_written")
    return found


def without_room(accounts: Iterable[Account], amount_pico: int) -> Account | None:
    """The first of these accounts in which so much more cannot be promised."""
    for account in accounts:
        limit = account.limit_pico
        if limit is not None and account.spent_pico + account.reserved_pico + amount_pico > limit:
            return account
    return None


def _promise(accounts: Iterable[Account], amount_pico: int) -> None:
    for account in accounts:
        account.reserved_pico += amount_pico
        account.tick += 1


def _settle(accounts: Iterable[Account], promised_pico: int, cost_pico: int) -> None:
    """Put what was spent in the place of a promise."""
    overrun_pico = cost_pico - promised_pico
    for account in accounts:
        account.reserved_pico -= promised_pico
        account.spent_pico += cost_pico
        if overrun_pico > 0:
            account.overrun_pico += overrun_pico
        account.tick += 1


def _look_up(tx: Transaction, prefix: int, key: bytes) -> Reply | Busy | None:
    """What is known of a request. Hardly ever is anything, and an index alone tells that; the whole look-up is a join."""
    if tx.row("key_seen", key64=prefix) is None:
        return None
    row = tx.row("request", key64=prefix, key=key)
    return None if row is None else _known(row)


def _claim(tx: Transaction, pin: Pin, values: dict[str, Value]) -> Opened:
    """The intent of a request whose question is pinned already."""
    values["question_id"] = pin.question_id
    return Opened(tx.add("add_attempt", values), pin.question_id)


def pin_question(tx: Transaction, pin: Pin) -> int:
    """Pin a question whose reply another record has bought; its number."""
    question_id = tx.add(
        "add_question",
        record_id=pin.record_id,
        step=pin.step,
        version=pin.version,
        fixed=pin.fixed,
        body=pin.body,
        sample=pin.sample,
        now=tx.now,
    )
    _show_examples(tx, pin, question_id)
    return question_id


def opened_in(tx: Transaction, found: Sequence[object], key: bytes, record_id: int) -> Opened | None:
    """What a change before this one opened for a request, as it said in `found`; None where that was not committed."""
    opened = found[0] if found else None
    if not isinstance(opened, Opened):
        return None
    row = tx.row("attempt_is_of", attempt_id=opened.attempt_id, key=key, record_id=record_id)
    return None if row is None else opened


def _claim_first(tx: Transaction, pin: Pin, values: dict[str, Value]) -> Opened | Reply | Busy:
    """The same with its question, which is pinned in the very statement that finds nothing known of the request."""
    question_id = tx.add("add_first_question", values)
    if not question_id:
        known = _look_up(tx, as_int(values["key64"]), as_bytes(values["key"]))
        if known is not None:
            return known
        question_id = tx.add("add_question", values)
    _show_examples(tx, pin, question_id)
    values["question_id"] = question_id
    return Opened(tx.add("add_attempt", values), question_id)


def _claim_at_once(tx: Transaction, pin: Pin, values: dict[str, Value]) -> Opened | Reply | Busy:
    """The same in one round trip to a server: look up, pin the question, claim."""
    row = tx.row("ask", values)
    assert row is not None
    attempt_id, question_id, *known = row
    if attempt_id is None and known[0] is None:
        raise Again  # the same request went on the wire since the look
    if attempt_id is None:
        return _known(tuple(known))
    _show_examples(tx, pin, as_int(question_id))
    return Opened(as_int(attempt_id), as_int(question_id))


def _known(row: Row) -> Reply | Busy:
    """What a row of `request` says."""
    return Busy(as_int(row[-1])) if row[2] is None else reply_of(row[:-1])


def _no_money(account: Account, ask: Ask) -> NoMoney:
    limit = account.limit_pico or 0
    return NoMoney(account.scope, limit, account.spent_pico, account.reserved_pico, ask.worst_pico)


def _show_examples(tx: Transaction, pin: Pin, question_id: int) -> None:
    for record_id in pin.examples:
        tx.change("add_example", record_id=record_id, question_id=question_id)


def settle_attempt(tx: Transaction, settlement: Settlement, scopes: tuple[str, ...]) -> bool:
    """Turn a promise into cost, and keep the reply; the record's own account is the caller's to charge.

    False if the attempt was no longer open.
    """
    accounts = tx.accounts(scopes)
    usage = settlement.usage
    values: dict[str, Value] = {
        "attempt_id": settlement.attempt_id,
        "state": settlement.state,
        "ending": settlement.ending._value_,  # `value` takes two Python calls
        "cost_pico": settlement.cost_pico,
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "cached_tokens": usage.cached_tokens if usage else None,
        "reasoning_tokens": usage.reasoning_tokens if usage else None,
        "served_model": settlement.served_model or None,
        "provider_id": settlement.provider_id or None,
        "detail": settlement.detail or None,
        "latency_s": settlement.latency_s,
        "tick": tx.next_tick(accounts[0]),
        "finish": settlement.finish,
        "token_probability": settlement.token_probability,
        "text": settlement.text,
    }
    replied = settlement.text is not None
    at_once = replied and tx.concurrent
    if not tx.change("settle_with_reply" if at_once else "settle_attempt", values):
        return False
    _settle(accounts, settlement.reserved_pico, settlement.cost_pico)
    if replied and not at_once:
        tx.add("add_reply", values)
    failpoint("settlement_written")
    return True


def charge_record(tx: Transaction, record_id: int, charge: Charge) -> None:
    """Add settled attempts to their record's account."""
    tx.change("charge_record", record_id=record_id, attempts=charge.attempts, cost_pico=charge.cost_pico)


def reap(tx: Transaction, gone: Sequence[int]) -> None:
    """Charge every intent of processes that are gone, at its worst case, and end their leases.

    Giving the promise back instead was measured unsafe: a call may have been made and billed.
    """
    for owner in gone:
        in_flight = set()
        for attempt_id, record_id, reserved, period, job_id, payer in tx.rows("open_of_owner", owner=owner):
            whose = as_text(payer), as_text(period), as_int(job_id), as_int(record_id)
            charged = settle_attempt(
                tx,
                Settlement(
                    attempt_id=as_int(attempt_id),
                    reserved_pico=as_int(reserved),
                    state="unknown",
                    ending=Ending.UNKNOWN,
                    cost_pico=as_int(reserved),
                    latency_s=0.0,
                    detail="the process that sent it died before the answer was kept",
                ),
                promised_from(tx, *whose, as_int(reserved)),
            )
            if charged:  # else another process found it at the same moment, and was faster
                charge_record(tx, as_int(record_id), Charge(1, as_int(reserved)))
                in_flight.add(as_int(record_id))
        for record_id in in_flight:
            tx.change("add_death", record_id=record_id)
        tx.change("end_lease", owner=owner, now=tx.now)
        failpoint("reap_written")


def _reply(
    attempt: int,
    model: str,
    ending: str,
    text: str,
    finish: str,
    served_model: str,
    probability: float | None,
) -> Reply:
    if ending not in _ENDINGS:
        raise damaged("an ending", ending)
    return Reply(attempt, model, _ENDINGS[ending], text, finish, served_model, probability, reused=True)


_ENDINGS = {ending.value: ending for ending in Ending}
_REPLY = RowOf(_reply, int, str, str, str, str, str, float | int | None)
reply_of = _REPLY.read
"""The reply in a row of `reply_by_key`."""
