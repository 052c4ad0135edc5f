"""What `learn` proposes for each step, from the labels that are there."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest
from typing import Any

import orjson

from roadworthy._errors import LedgerUnavailable
from roadworthy._quick import quick
from roadworthy.decide.confidence import STUDENT
from roadworthy.keep.states import Proof, note_proof, proofs
from roadworthy.keep.students import KeptStudent, find_student
from roadworthy.keep.transaction import Transaction
from roadworthy.learn.certificate import percent
from roadworthy.learn.learned import Learned, StepLearned
from roadworthy.learn.lesson import GAUGE_LABELS_MIN, Aim, Case, Lesson, Parted, part, teach
from roadworthy.learn.threshold import Spending
from roadworthy.run.entry import Step
from roadworthy.run.lessons import Labelled, case_of, labelled
from roadworthy.run.runtime import Runtime
from roadworthy.run.schooling import School, examined, school_of, train
from roadworthy.run.showing import example_of, example_within
from roadworthy.run.within import labelled_within


@quick(frozen=True, slots=True)
class Proposal:
    """What is learned of one step.

    Attributes:
        learned: what the next state would hold of it.
        lines: the same in words.
        facts: the same in figures.
    """

    step: str
    learned: StepLearned
    lines: tuple[str, ...]
    facts: dict[str, Any]


async def propose(runtime: Runtime, step: Step[Any, Any], now: Learned, *, apply: bool) -> Proposal:
    """Everything that labels teach of a step. It notes each use of delta.

    Args:
        apply: train a student where one is due; it answers nothing before labels have certified it.
    """
    labels = [*labelled(runtime, step), *await labelled_within(runtime, step)]
    found = [(one, await case_of(runtime, step, one)) for one in labels]
    school = await school_of(runtime, step)
    learned, lines, facts = _ladder(runtime, step, found, now.of(step.name), school)
    if school is not None:
        trained = train(runtime, step, school, labels) if apply and school.due else None
        lines += [school.words] if trained is None else [_trained(trained)]
        facts["student"] = {"joined": learned.student, "due": school.due and trained is None}
    if step.examples:
        learned = replace(learned, examples=_examples(runtime, step, found))
        facts["examples"] = len(learned.examples)
        lines.append(
            f"  examples: {len(learned.examples)} corrections, of which {step.examples} at most are shown"
        )
    said = f"{step.name}: {len(found)} labels"
    return Proposal(step.name, learned, (said, *lines), {"labels": len(found), **facts})


def _examples(
    runtime: Runtime, step: Step[Any, Any], found: list[tuple[Labelled, Case | None]]
) -> tuple[int, ...]:
    """Corrections that can be shown, the newest of each right answer in turn; one to spare for its own record."""
    by_answer: dict[str, list[int]] = {}
    for one, case in reversed(found):
        if case is None or not any(heard.wrong for heard in case.heard):
            continue
        if one.within:
            shown = runtime.store.read(lambda tx: example_within(tx, step, one.kept, runtime.settings))  # noqa: B023 - read at once
        else:
            shown = example_of(step, one.kept, one.judgement, runtime.settings, runtime.store)
        if shown is not None:
            by_answer.setdefault(shown.text.rpartition("\nOutput:\n")[2], []).append(shown.record)
    rounds = zip_longest(*(records for _, records in sorted(by_answer.items())))
    return tuple(record for turn in rounds for record in turn if record is not None)[: step.examples + 1]


def _trained(kept: KeptStudent) -> str:
    return (
        f"  student {kept.version}: trained on {len(kept.trained)} records; labels of other records may certify it, "
        "and until then it is not asked"
    )


def _ladder(
    runtime: Runtime,
    step: Step[Any, Any],
    found: list[tuple[Labelled, Case | None]],
    before: StepLearned,
    school: School | None,
) -> tuple[StepLearned, list[str], dict[str, Any]]:
    """The threshold of the ladder with the newest student, with the one that answers now, or with none."""
    if step.promise is None:
        return before, ["  no threshold: the step does not say how many may be wrong, max_error=0.03"], {}
    own = f"{STUDENT}{step.name}"
    ladder = tuple(model.name for model in step.models)
    students = [] if school is None or school.kept is None else [school.kept]
    if before.student and before.student not in {kept.id for kept in students}:
        older = runtime.store.read(lambda tx: find_student(tx, before.student))
        students += [] if older is None else [older]
    for kept in students:
        cases = examined(runtime, step, kept, found, () if school is None else school.answers)
        if sum(heard.model == own for case in cases for heard in case.heard) < 2 * GAUGE_LABELS_MIN:
            continue
        after, lines, facts = _threshold(runtime, step, ladder, cases, before)
        if facts["threshold"]["cap"] is not None and after.trust is not None and own in after.trust.gauges:
            joined = (
                f"  student {kept.version} joins the ladder, proved on records that it did not learn from"
            )
            return replace(after, student=kept.id), [*lines, joined], facts
    plain = tuple(name for name in ladder if name != own)
    cases = [case for _, case in found if case is not None]
    after, lines, facts = _threshold(runtime, step, plain, cases, before)
    proved = facts["threshold"]["cap"] is not None
    return replace(after, student=0) if proved else after, lines, facts


def _threshold(
    runtime: Runtime, step: Step[Any, Any], ladder: tuple[str, ...], cases: list[Case], before: StepLearned
) -> tuple[StepLearned, list[str], dict[str, Any]]:
    assert step.promise is not None
    aim = Aim(step.name, ladder, step.rule.source is not None, step.promise.max_error)
    parted = part(aim, cases)
    delta, number = _delta(runtime, step, aim, parted)
    later = Spending(1 - runtime.settings.threshold_confidence, number).next()
    lesson = teach(aim, parted, delta, later)
    note_use(runtime, step, aim, parted, lesson, Proof(number, "", delta, ""))
    facts = {
        "max_error": aim.max_error,
        "cap": None if lesson.trust is None else lesson.trust.cap,
        "tuned_on": lesson.tune,
        "tested_on": lesson.test,
        "kind": parted.kind,
        "accepted": lesson.found.accepted,
        "wrong": lesson.found.wrong,
        "missing": lesson.missing,
        "unjudged": dict(lesson.unjudged),
        "wanted": lesson.wanted,
        "delta": delta,
        "uses_of_delta": number,
    }
    after = before if lesson.trust is None else replace(before, trust=lesson.trust)
    return after, list(_words(aim, parted, lesson, facts, before)), {"threshold": facts}


def _subject(aim: Aim, parted: Parted) -> str:
    return f"{aim.max_error} {parted.subject}"


def _delta(runtime: Runtime, step: Step[Any, Any], aim: Aim, parted: Parted) -> tuple[float, int]:
    """The delta of this test and its number: that of the same test where it was made before, else the next one."""
    known = runtime.store.read(lambda tx: proofs(tx, runtime.plan.name, step.name))
    for proof in known:
        if proof.subject == _subject(aim, parted):
            return proof.delta, proof.number
    spending = Spending(1 - runtime.settings.threshold_confidence, known[0].number if known else 0)
    return spending.next(), spending.events


def note_use(
    runtime: Runtime, step: Step[Any, Any], aim: Aim, parted: Parted, lesson: Lesson, proof: Proof
) -> None:
    """Count the use of delta; a test that tested nothing used none.

    Raises:
        LedgerUnavailable: someone else's test took its number meanwhile, and with it its delta.
    """
    if not lesson.found.tested:
        return
    found = {"cap": lesson.found.cap, "accepted": lesson.found.accepted, "wrong": lesson.found.wrong}
    used = replace(proof, subject=_subject(aim, parted), found=orjson.dumps(found).decode())

    def change(tx: Transaction) -> None:
        known = proofs(tx, runtime.plan.name, step.name)
        mine = any(one.subject == used.subject for one in known)
        if not mine and not note_proof(tx, runtime.plan.name, step.name, used):
            raise LedgerUnavailable(
                f"Somebody else has tested what labels teach of {step.name} meanwhile, which was use {used.number} of "
                "delta. Nothing was changed; run the command again."
            )

    runtime.store.write_now(change)


def _words(aim: Aim, parted: Parted, lesson: Lesson, facts: dict[str, Any], before: StepLearned) -> list[str]:
    lines = []
    if lesson.trust is not None:
        share = lesson.found.accepted / lesson.test
        lines.append(
            f"  threshold: an answer is accepted where the chance that it is wrong is at most {lesson.trust.cap:.4f}; "
            f"proved on {lesson.test} labels, of which it accepts {share:.0%}, {lesson.found.wrong} of those wrong"
        )
    else:
        lines.append(
            f"  threshold: nothing proves {percent(aim.max_error)} yet, on {lesson.test} labels ({parted.kind})"
        )
        if lesson.wanted > 0:
            lines.append(
                f"  about {lesson.wanted} labels more are wanted, if they are like those that are there"
            )
        elif lesson.test:
            lines.append(
                "  more labels will not help: no threshold tells right answers from wrong ones well enough"
            )
        if before.trust is not None:
            lines.append(f"  the threshold of {before.trust.cap:.4f} stays")
    for model, count in lesson.unjudged.items():
        lines.append(f"  {model}: {count} labelled answers are too few to judge it")
    if lesson.missing:
        lines.append(f"  {lesson.missing} labelled records were not put to every model; they count as wrong")
    if lesson.found.tested:
        lines.append(
            f"  this is use {facts['uses_of_delta']} of delta; it may be wrong with a chance of {facts['delta']:.4f}"
        )
    return lines
