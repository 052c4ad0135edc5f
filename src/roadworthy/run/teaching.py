"""What `learn` proposes for each step, from the labels that are there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import orjson

from roadworthy.keep.states import Proof, note_proof, proofs
from roadworthy.keep.transaction import Transaction
from roadworthy.learn.learned import Learned, StepLearned
from roadworthy.learn.lesson import Aim, Lesson, Parted, part, teach
from roadworthy.learn.threshold import Spending
from roadworthy.run.entry import Step
from roadworthy.run.lessons import Labelled, case_of, labelled
from roadworthy.run.runtime import Runtime


@dataclass(frozen=True, slots=True)
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


async def propose(runtime: Runtime, step: Step[Any, Any], now: Learned) -> Proposal:
    """Everything that labels teach of a step. It notes each use of delta, and changes nothing else."""
    found = list(labelled(runtime, step))
    learned, lines, facts = await _threshold(runtime, step, found, now.of(step.name))
    return Proposal(
        step.name, learned, (f"{step.name}: {len(found)} labels", *lines), {"labels": len(found), **facts}
    )


async def _threshold(
    runtime: Runtime, step: Step[Any, Any], found: list[Labelled], before: StepLearned
) -> tuple[StepLearned, list[str], dict[str, Any]]:
    if step.promise is None:
        return before, ["  no threshold: the step does not say how many may be wrong, max_error=0.03"], {}
    cases = [case for one in found if (case := await case_of(runtime, step, one)) is not None]
    ladder = tuple(model.name for model in step.models)
    aim = Aim(step.name, ladder, step.rule.source is not None, step.promise.max_error)
    parted = part(aim, cases)
    delta, number = _delta(runtime, step, aim, parted)
    later = Spending(1 - runtime.settings.threshold_confidence, number).next()
    lesson = teach(aim, parted, delta, later)
    _note(runtime, step, aim, parted, lesson, Proof(number, "", delta, ""))
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


def _note(
    runtime: Runtime, step: Step[Any, Any], aim: Aim, parted: Parted, lesson: Lesson, proof: Proof
) -> None:
    """Count the use of delta; a test that tested nothing used none."""
    if not lesson.found.tested:
        return
    found = {"cap": lesson.found.cap, "accepted": lesson.found.accepted, "wrong": lesson.found.wrong}
    used = replace(proof, subject=_subject(aim, parted), found=orjson.dumps(found).decode())

    def change(tx: Transaction) -> None:
        if all(one.subject != used.subject for one in proofs(tx, runtime.plan.name, step.name)):
            note_proof(tx, runtime.plan.name, step.name, used)

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
            f"  threshold: nothing proves {aim.max_error:.1%} yet, on {lesson.test} labels ({parted.kind})"
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
