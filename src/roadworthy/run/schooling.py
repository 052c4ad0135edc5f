"""The student's schooling: when one is trained, and its answers to labelled records that it never learned from."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

from roadworthy._quick import quick
from roadworthy.accept.reason import WrongRecord
from roadworthy.call.reply import Ending, Reply
from roadworthy.check.checked import Valid
from roadworthy.decide.confidence import STUDENT
from roadworthy.keep.students import KeptStudent, newest_student, put_student
from roadworthy.learn.lesson import Case, Heard
from roadworthy.learn.student import Student
from roadworthy.run.entry import Step
from roadworthy.run.lessons import Labelled
from roadworthy.run.pupil import StudentRung, accepted, label_of, text_of, wants_student, why_not
from roadworthy.run.revive import revived
from roadworthy.run.runtime import Runtime
from roadworthy.run.subject import subject_of
from roadworthy.run.within import Answered, accepted_within

RECORDS_MIN = 50  # fewer teach nothing worth a test
GROWTH = 2  # times as many records as the last one learned from, before another one is trained


@quick(frozen=True, slots=True)
class School:
    """What there is of a step's student.

    Attributes:
        kept: the newest student; None where none is trained.
        due: whether another one is to be trained.
        words: what a person should know.
        answers: accepted ones to learn from, but for students' own.
    """

    kept: KeptStudent | None
    due: bool
    words: str
    answers: tuple[Answered, ...]


async def school_of(runtime: Runtime, step: Step[Any, Any]) -> School | None:
    """How it stands with a step's student; None where its ladder names none."""
    if not wants_student(step):
        return None
    if why := why_not(step):
        return School(None, False, f"  no student: {why}", ())
    app = runtime.plan.name
    kept = runtime.store.read(lambda tx: newest_student(tx, app, step.name))
    answers = [*_alone(runtime, step), *await accepted_within(runtime, step)]
    count = len({one.record for one in answers})
    least = RECORDS_MIN if kept is None else GROWTH * len(kept.trained)
    due = count >= least
    if kept is None and not due:
        words = f"  no student yet: {count} accepted records, {least} are wanted to train one"
    elif kept is None:
        words = f"  student: `learn --apply` trains one on {count} accepted records"
    else:
        words = f"  student {kept.version}: learned from {len(kept.trained)} records" + (
            f"; `learn --apply` trains another one on {count}" if due else ""
        )
    return School(kept, due, words, tuple(answers))


def _alone(runtime: Runtime, step: Step[Any, Any]) -> list[Answered]:
    """The accepted answers of a step where it runs alone."""
    app, found = runtime.plan.name, []
    for kept in runtime.store.read(lambda tx: list(accepted(tx, app, step.name))):
        with contextlib.suppress(WrongRecord):
            found.append(
                Answered(kept.id, revived(step.record_schema, kept, runtime.store), kept.value or "null")
            )
    return found


def train(
    runtime: Runtime, step: Step[Any, Any], school: School, found: list[Labelled]
) -> KeptStudent | None:
    """Train a student on accepted answers and on what people said is right; keep it. None where all is one answer."""
    right = {
        subject_of(step.name, one.value): one.judgement.right
        for one in found
        if one.judgement.right is not None
    }
    app = runtime.plan.name
    texts, labels, trained = [], [], set()
    for one in school.answers:
        text = text_of(step, one.value, runtime.settings)
        if text is not None:
            texts.append(text)
            labels.append(label_of(step, right.get(subject_of(step.name, one.value), one.answer)))
            trained.add(one.record)
    if len(set(labels)) < 2:
        return None
    student = Student.train(texts, labels)
    file = student.to_bytes()
    return runtime.store.write_now(
        lambda tx: put_student(tx, app, step.name, student.version, file, sorted(trained))
    )


def examined(
    runtime: Runtime,
    step: Step[Any, Any],
    kept: KeptStudent,
    found: list[tuple[Labelled, Case | None]],
    answers: tuple[Answered, ...],
) -> list[Case]:
    """Labelled records that the student did not learn from, with its answer before those of the other models.

    What it learned from under another number, because the same input came again in another job, is left out as well.

    Args:
        answers: accepted ones, those that it learned from among them.
    """
    learned = {subject_of(step.name, one.value) for one in answers if one.record in kept.trained}
    name = f"{STUDENT}{step.name}"
    rung = StudentRung(name, kept, step.apart, runtime.lane_of_student(step))
    cases = []
    for one, case in found:
        text = text_of(step, one.value, runtime.settings)
        if case is None or text is None or one.kept.id in kept.trained:
            continue
        if subject_of(step.name, one.value) in learned:
            continue
        said, chance = rung.answer(text)
        checked = step.prepared.checker.check(Reply(0, name, Ending.OK, said, "stop"), one.value)
        others = tuple(heard for heard in case.heard if heard.model != name)
        if isinstance(checked, Valid):
            right = one.judgement.of(checked.body.decode())
            others = (Heard(name, chance, None if right is None else not right), *others)
        cases.append(replace(case, heard=others, asked=(name, *(m for m in case.asked if m != name))))
    return cases
