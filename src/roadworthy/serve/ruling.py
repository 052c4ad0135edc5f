"""A person's word on a record: it answers the question that waits, or becomes a label."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

import orjson

from roadworthy.keep.record import Kept
from roadworthy.keep.reviews import Label, Waiter, open_reviews, put_label
from roadworthy.keep.rulings import GATE, choose, rule
from roadworthy.run.auditor import stamp_all
from roadworthy.run.choice import possible
from roadworthy.run.correction import fault_of, refusal
from roadworthy.run.entry import Step
from roadworthy.serve.problem import Problem
from roadworthy.serve.service import Service
from roadworthy.serve.standing import Feedback

_RULINGS: Final = ("right", "wrong", "reject")


async def take_feedback(service: Service, kept: Kept, given: Feedback, by: str) -> None:
    """Rule on what waits for a person about this record, else keep a label.

    Raises:
        Problem: 409 where somebody else ruled or may not; 422 where the answer is not valid.
    """
    store = service.runtime.store
    if (given.ruling == "wrong") != (given.answer is not None):
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, "`wrong` needs the right `answer`, and only `wrong` does."
        )
    answer = None if given.answer is None else _written(given.answer)
    rows = store.read(lambda tx: tx.rows("open_reviews_of_record", record_id=kept.id))
    if not rows:
        await _label(service, kept, given, answer)
        return
    for number in [int(str(row[0])) for row in rows]:
        waiter = find_waiter(service, number, by)
        if waiter is not None:
            await rule_on(service, waiter, given.ruling, answer, by, given.note)
            return
    raise Problem(
        HTTPStatus.CONFLICT, f"Somebody else's ruling is awaited: {by} has ruled on this answer before."
    )


def _written(answer: object) -> str:
    try:
        return orjson.dumps(answer).decode()
    except TypeError as error:  # half a surrogate pair, which JSON can escape and no text holds
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"The answer cannot be kept: {error}.") from error


def find_waiter(service: Service, number: int, by: str) -> Waiter | None:
    """The open question of this number, where this person may rule on it."""
    app = service.runtime.plan.name
    page = service.runtime.store.read(lambda tx: open_reviews(tx, app, number - 1, 1, by))
    return page[0] if page and page[0].id == number else None


async def rule_on(
    service: Service, waiter: Waiter, ruling: str, answer: str | None, by: str, note: str
) -> None:
    """Decide one question.

    Raises:
        Problem: 409 where somebody else was first; 422 where the ruling does not fit or the answer is not valid.
    """
    store = service.runtime.store
    if waiter.kind == GATE:
        if ruling not in possible(waiter):
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, f"Say which is right: {', '.join(possible(waiter))}."
            )
        if not await store.write(lambda tx: choose(tx, waiter.id, ruling, by, note)):
            raise Problem(HTTPStatus.CONFLICT, "Somebody else has ruled on it meanwhile.")
        return
    if ruling not in _RULINGS:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"Rule {', '.join(_RULINGS)}.")
    if ruling == "right" and waiter.suggestion is None:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "No answer was suggested that could be right. Give the right one.",
        )
    result = waiter.suggestion if ruling == "right" else answer
    _refuse_invalid(service, waiter, ruling, result)
    if not await store.write(lambda tx: rule(tx, waiter.id, ruling, answer, by, note)):
        raise Problem(HTTPStatus.CONFLICT, "Somebody else has ruled on it meanwhile.")
    await state_anew(service)
    service.look_now()


async def state_anew(service: Service) -> None:
    """A ruling moved the certificates: what they cover is marked, and alarms are raised, as `review` does."""
    runtime = service.runtime
    name, promises = runtime.plan.name, runtime.plan.promises
    await asyncio.to_thread(lambda: stamp_all(runtime.store, name, promises, runtime.settings))


async def _label(service: Service, kept: Kept, given: Feedback, answer: str | None) -> None:
    """Nobody was asked: what a person says all the same is a label, of the very answer that stands.

    Raises:
        Problem: 422 where no answer stands that could be right or wrong, or where it does not pass the step's checks.
    """
    stands = kept.value if kept.outcome == "accepted" else None
    if answer is None and stands is None:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"There is no answer that could be {'right' if given.ruling == 'right' else 'rejected'}: the record is "
            f'{kept.outcome}. Give the right one: {{"ruling": "wrong", "answer": …}}.',
        )
    row = service.runtime.store.read(lambda tx: tx.row("job_of_record", record_id=kept.id))
    assert row is not None
    entry = str(row[1])
    result = stands if given.ruling == "right" else answer
    if result is not None:
        _refuse(service, entry, entry, kept.id, given.ruling, result)
    correct = None if answer is not None else given.ruling == "right"
    judged = None if answer is not None else stands
    label = Label(service.runtime.plan.name, entry, kept.key, "feedback", answer, correct, judged, kept.id)
    await service.runtime.store.write(lambda tx: put_label(tx, label))


def _refuse_invalid(service: Service, waiter: Waiter, ruling: str, answer: str | None) -> None:
    """What a ruling makes the result passes the step's schema and checks; an approval's subject is no answer."""
    if answer is not None and waiter.kind != "approval":
        _refuse(service, waiter.step, waiter.entry, waiter.record_id, ruling, answer)


def _refuse(service: Service, step_name: str, entry: str, record_id: int, ruling: str, answer: str) -> None:
    """The same for an answer of a step; a workflow's own result has no checks.

    Raises:
        Problem: 422 where it does not pass them.
    """
    step = service.entries.get(step_name)
    if not isinstance(step, Step):
        return
    runtime = service.runtime
    fault = fault_of(step, entry, record_id, answer, runtime.store, runtime.settings)
    if fault is not None:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, refusal(ruling, fault))
