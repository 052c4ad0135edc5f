"""Working on one record: run its entry, and write where it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar

from roadworthy._edge import is_interrupted
from roadworthy._errors import Failed, Fault, LedgerUnavailable, Rejected, Waiting
from roadworthy._events import Noted, RecordBegan, RecordEnded
from roadworthy._failpoints import failpoint
from roadworthy._secret import struck_out
from roadworthy._whence import kind_and_place
from roadworthy.accept.record import Json
from roadworthy.ask.part import storable
from roadworthy.decide.verdict import Accept, Hold, Review, Verdict
from roadworthy.keep.held import Held
from roadworthy.keep.jobs import note
from roadworthy.keep.record import Fate, Kept, json_text
from roadworthy.keep.records import keep
from roadworthy.keep.reviews import Doubt, ask_person, is_put, withdraw
from roadworthy.keep.transaction import Change, Transaction
from roadworthy.run.auditor import Draw
from roadworthy.run.bug import bugs_told
from roadworthy.run.desk import Desk
from roadworthy.run.entry import Entry, Step, Workflow
from roadworthy.run.follow import follow, under_way
from roadworthy.run.runtime import Runtime
from roadworthy.run.session import Session, Witnessed
from roadworthy.run.split import ask_step
from roadworthy.run.subject import head_of
from roadworthy.run.tail import Tail
from roadworthy.run.watch import LOOKED_AT_BYTES

R = TypeVar("R")
T = TypeVar("T")
_Fated: TypeAlias = "tuple[Fate, Doubt | None, Draw | None, Verdict[Any] | None]"
"""A record's fate, the question to a person, the audit coin, and what was answered, where a model answered."""


def begin(
    runtime: Runtime,
    kept: Kept,
    run_id: int,
    *,
    offline: bool = False,
    seconds: float | None = None,
    held: Held | None = None,
    tail: Tail | None = None,
) -> Session:
    """A session for one record.

    Args:
        tail: who waits for the outcome to be durable; None for whoever runs the record.
        held: what the ledger holds of it, where that was looked up already.
        seconds: how long whoever asks has; at most the setting `record_deadline_s`, which is the default.
    """
    most = runtime.settings.record_deadline_s
    deadline = runtime.clock.monotonic() + (most if seconds is None else min(seconds, most))
    payer, namespace = runtime.payer(kept.job_id, run_id, kept.id), runtime.namespace(kept.job_id)
    learned = runtime.states.for_record(kept, offline=offline)
    return Session(runtime, kept, payer, offline, deadline, namespace, learned, held=held, tail=tail)


def run_record(entry: Entry[R, T], value: R, session: Session) -> Awaitable[Fate]:
    """Run one record through its entry and write where it stands. Never raises for what a record or model does.

    In a session with a tail it returns once the outcome is handed to the ledger; the tail waits until it is durable.

    Raises:
        WouldAsk: in a session that may not buy.
        LedgerUnavailable: the outcome could not be written.
    """
    runtime = session.runtime
    if runtime.traced and not session.offline:
        runtime.tell(RecordBegan(session.kept.id, session.payer.run_id, session.kept.key, entry.name))
    if session.kept.deaths >= runtime.settings.crash_loop_deaths:
        return _give_up(session)
    if isinstance(entry, Step):
        return _run_single(entry, value, session)
    assert isinstance(entry, Workflow)
    return _run_workflow(entry, value, session)


async def _give_up(session: Session) -> Fate:
    fate = Fate("failed", reason=f"crash_loop: in flight when {session.kept.deaths} processes died")
    await _write(session, None, fate, None)
    return _told(fate, session)


async def _fated(asking: Awaitable[_Fated], session: Session, desk: Desk | None = None) -> _Fated:
    """The worker's edge: whatever comes of a record is its fate. An interrupt alone goes on, and a ledger that is away."""
    try:
        return await asking
    except (Waiting, Rejected, Failed) as stop:
        fate = _stopped(stop, session)
    except LedgerUnavailable:
        if desk is not None:  # where a look failed, a reply that came is kept once the ledger is back
            with suppress(LedgerUnavailable):
                await desk.finish()
        raise
    except asyncio.CancelledError as stop:
        if is_interrupted():
            if desk is not None:
                await asyncio.shield(desk.finish())  # a reply that came is kept, whatever stops us
            raise
        fate = _broken(stop, session)  # a task of the team's own was cancelled and awaited
    except Exception as bug:  # noqa: BLE001 - a bug in the team's code: kept as the record's reason, with its place
        fate = _broken(bug, session)
    return fate, None, None, None


async def _run_single(step: Step[R, T], value: R, session: Session) -> Fate:
    desk = Desk(session, step.name, value)
    fate, doubt, draw, found = await _fated(_judged(step, value, desk), session, desk)
    writing = _write(session, desk, fate, doubt, draw)
    full = found is not None and _saw(step, value, desk, found)
    if session.tail is None:
        await writing
    else:
        session.tail.add(_ended(fate, session, writing))
    if full:
        await _keep_reading(step, session.runtime)
    return fate if session.tail is not None else _told(fate, session)


async def _judged(step: Step[R, T], value: R, desk: Desk) -> _Fated:
    session, auditor = desk.session, desk.session.runtime.auditor
    found = await ask_step(step, value, desk)
    verdict, draw = auditor.judge(step, desk, found)
    session.certified.append(auditor.is_certified(step))
    return _fate(verdict, session), _doubt(verdict, desk), draw, found


async def _ended(fate: Fate, session: Session, writing: Awaitable[None]) -> None:
    """The outcome is durable, and whoever listens hears of it."""
    await writing
    _told(fate, session)


async def _run_workflow(workflow: Workflow[R, T], value: R, session: Session) -> Fate:
    fate, *_ = await _fated(_followed(workflow, value, session), session)
    await _write(session, None, fate, None)
    return _told(fate, session)


async def _followed(workflow: Workflow[R, T], value: R, session: Session) -> _Fated:
    answer = await follow(workflow, value, session)
    fate = Fate(
        "accepted",
        value=json_text(_plain(answer)),
        confidence=min(session.confidences, default=None),
        certified=bool(session.certified) and all(session.certified),
        model=", ".join(dict.fromkeys(session.models)),
        mended=", ".join(dict.fromkeys(session.mended)),
        state=session.learned.number,
    )
    return fate, None, None, None


def _told(fate: Fate, session: Session) -> Fate:
    """The fate of a record that is written: counted, and told to whoever listens."""
    if fate.waiting_for == "batch":
        return fate  # it comes round again with what the batch brings
    runtime, asked = session.runtime, session.asked
    if asked or session.late:
        runtime.tally.escalated += session.escalated
        if (session.repaired or session.mended) and fate.outcome == "accepted":
            runtime.tally.repaired += 1
    spent_pico = runtime.tally.cost_pico
    runtime.tell(RecordEnded(session.kept.key, fate.outcome, not asked, fate.waiting_for, spent_pico))
    return fate


async def step_in_workflow(step: Step[R, T], value: R, session: Session) -> T:
    """One step inside a workflow: its answer, or the exception that suspends or ends the record."""
    with under_way(session, step.name):
        return await _step_in_workflow(step, value, session)


async def _step_in_workflow(step: Step[R, T], value: R, session: Session) -> T:
    desk = Desk(session, step.name, value)
    auditor = session.runtime.auditor
    seen = Witnessed(step.name, value)
    if session.witness is not None:
        session.witness.append(seen)
    judged: tuple[Verdict[T], Draw | None] | None = None
    try:
        found = await ask_step(step, value, desk)
        judged = auditor.judge(step, desk, found)
    finally:
        if judged is None:  # after an interrupt too: a reply that came is kept
            await desk.finish()
    verdict, draw = judged
    if session.offline:
        return _answered(step, verdict, session, seen)  # whoever only looks writes nothing
    doubt = _doubt(verdict, desk)
    record_id = session.kept.id
    draw = draw if session.fresh else _undrawn(draw, session)

    def change(tx: Transaction) -> None:
        if doubt is not None:
            ask_person(tx, record_id, doubt)
        if draw is not None:
            draw.write(tx)

    await desk.finish(change=change if doubt is not None or draw is not None else None)
    if draw is not None:
        draw.committed()
    if _saw(step, value, desk, found):
        await _keep_reading(step, session.runtime)
    return _answered(step, verdict, session, seen)


def _answered(step: Step[R, T], verdict: Verdict[T], session: Session, seen: Witnessed) -> T:
    """The step's answer, or the exception that suspends or ends the record."""
    session.certified.append(session.runtime.auditor.is_certified(step))
    match verdict:
        case Accept(valid, confidence, _):
            seen.answer, seen.model = valid.body.decode(), valid.reply.model
            session.models.append(valid.reply.model)
            session.mended += valid.mended
            session.confidences += [] if confidence is None else [confidence]
            return valid.value
        case Review(grounds) | Hold(grounds):
            raise Waiting("review", f"{step.name}: {grounds}")
        case _:
            raise Failed(session.kept.key, f"{step.name}: {verdict.grounds}")


def _saw(step: Step[R, T], value: R, desk: Desk, found: Verdict[T]) -> bool:
    """Count a first answer; one that came from the ledger was counted when it was bought. Whether a reading is full."""
    session = desk.session
    if not (desk.asked or session.late):
        return False
    return session.runtime.watch.see(step, head_of(value, LOOKED_AT_BYTES), found, desk.since)


async def _keep_reading(step: Step[R, T], runtime: Runtime) -> None:
    for words in await runtime.watch.keep(step.name):
        runtime.auditor.look_again()
        runtime.tell(Noted(f"warning: {words}"))


def _fate(verdict: Verdict[T], session: Session) -> Fate:
    if isinstance(verdict, Accept):  # by place, and by no pattern: every record comes by here
        valid, mended = verdict.valid, ", ".join(verdict.valid.mended)
        answer, certified = valid.body.decode(), any(session.certified)
        session.mended += valid.mended
        session.answer = valid.value
        state, model = session.learned.number, valid.reply.model
        return Fate("accepted", "", "", answer, verdict.confidence, certified, model, mended, 0, state)
    if isinstance(verdict, Review | Hold):
        return Fate("waiting", waiting_for="review", reason=verdict.grounds)
    return Fate("failed", reason=verdict.grounds, question_id=session.question_id)


def _doubt(verdict: Verdict[T], desk: Desk) -> Doubt | None:
    if not isinstance(verdict, Review):
        return None
    suggestion = None if verdict.suggestion is None else verdict.suggestion.decode()
    return Doubt(desk.step, desk.subject, "doubt", verdict.grounds, suggestion, verdict.confidence)


def _stopped(stop: Waiting | Rejected | Failed, session: Session) -> Fate:
    match stop:
        case Waiting():
            return Fate("waiting", waiting_for=stop.waiting_for, reason=storable(str(stop.detail)))
        case Rejected():
            return Fate("rejected", reason=storable(str(stop.reason)))
        case _:
            return Fate("failed", reason=storable(str(stop.reason)), question_id=session.question_id)


def _broken(bug: BaseException, session: Session) -> Fate:
    """A bug in the team's code: the record fails, and the reason says where in their file."""
    what = struck_out(str(bug.message) if isinstance(bug, Fault) else str(bug))
    # A file's name that is no UTF-8 comes as lone surrogates, in what an error says and in the place alike.
    reason = storable(f"{kind_and_place(bug)}: {what[:500]}")
    return Fate("failed", reason=reason, question_id=session.question_id)


def _write(
    session: Session, desk: Desk | None, fate: Fate, doubt: Doubt | None, draw: Draw | None = None
) -> Awaitable[None]:
    """Settlements, outcome, question to a person and audit coin: one commit; nothing where nothing changed."""
    kept = session.kept
    same = kept.outcome != "pending" and fate.is_of(kept) and not kept.stale_run
    session.changed = session.asked or not same
    if not session.changed:
        doubt, draw = _unput(doubt, session), _undrawn(draw, session)
        if doubt is None and draw is None and not session.recounts:
            return session.runtime.durable(None, 0)  # nobody was asked, so nothing is owed either
    change = None
    if doubt is not None or draw is not None or kept.outcome != "pending":
        change = _besides(session, desk, doubt, draw, was_accepted=not same and kept.outcome == "accepted")
    if desk is None:
        return _keep(session, fate, change)
    finishing = desk.finish(fate if session.changed else None, change)
    return finishing if draw is None else _drawn(finishing, draw)


def _besides(
    session: Session, desk: Desk | None, doubt: Doubt | None, draw: Draw | None, *, was_accepted: bool
) -> Change[None] | None:
    """What is written with an outcome, besides it; None for nothing, as for nearly every record."""
    kept = session.kept
    withdrawn = doubt is None and kept.waiting_for == "review" and session.changed
    if doubt is None and draw is None and not was_accepted and not (withdrawn and desk is not None):
        return None

    def change(tx: Transaction) -> None:
        if doubt is not None:
            ask_person(tx, kept.id, doubt)
        elif withdrawn and desk is not None:
            withdraw(tx, kept.id, desk.step, desk.subject)
        if draw is not None:
            draw.write(tx)
        if was_accepted:
            note(tx, "changed", f"was accepted: {kept.value}", run_id=session.payer.run_id, record_id=kept.id)

    return change


async def _drawn(finishing: Awaitable[None], draw: Draw) -> None:
    await finishing
    draw.committed()


async def _keep(session: Session, fate: Fate, change: Change[None] | None) -> None:
    """The outcome of a workflow, whose steps have written what they owed."""
    if not session.changed:
        return

    def write(tx: Transaction) -> None:
        keep(tx, session.kept.id, fate)
        if change is not None:
            change(tx)
        session.look_after(tx)

    await session.runtime.store.write(write)
    failpoint("outcome_committed")


def _unput(doubt: Doubt | None, session: Session) -> Doubt | None:
    """The question to a person, unless the ledger holds it as it is."""
    if doubt is None:
        return None
    asked, record_id = doubt, session.kept.id
    return None if session.runtime.store.read(lambda tx: is_put(tx, record_id, asked)) else doubt


def _undrawn(draw: Draw | None, session: Session) -> Draw | None:
    """The coin, unless the ledger holds it: an answer that stands is looked up and not written again."""
    return None if draw is None or session.runtime.store.read(draw.is_known) else draw


async def look(entry: Entry[R, T], value: R, session: Session) -> str:
    """The outcome that the record would have without asking anybody, as a run would write it; writes nothing.

    Raises:
        WouldAsk: it would not end.
        LedgerUnavailable: nobody can tell.
    """
    assert session.offline
    with bugs_told(session, entry.name, "would fail"):
        try:
            if isinstance(entry, Step):
                return _fate(await ask_step(entry, value, Desk(session, entry.name, value)), session).outcome
            assert isinstance(entry, Workflow)
            await follow(entry, value, session)
        except (Waiting, Rejected, Failed) as stop:
            return _stopped(stop, session).outcome
        return "accepted"
    return "failed"  # a bug, which was told


def _plain(value: object) -> Json:
    from pydantic_core import to_jsonable_python  # noqa: PLC0415 - with the first workflow's answer

    plain: Json = to_jsonable_python(value, inf_nan_mode="null")
    return plain
