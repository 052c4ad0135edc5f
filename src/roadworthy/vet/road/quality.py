"""Stage `quality`: wrong and cut-off answers are not accepted, and accepted ones are held against right ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from roadworthy.observe.report import wilson
from roadworthy.vet.road.cause import gone_alone, unchecked
from roadworthy.vet.road.explanation import number_of
from roadworthy.vet.road.faithful import Faithful, same_answer, variants
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.label import Wrong, is_right
from roadworthy.vet.road.live import run_live
from roadworthy.vet.road.stage import Stage
from roadworthy.vet.road.unfit import is_free
from roadworthy.vet.stand_in import stand_in

if TYPE_CHECKING:
    from roadworthy.vet.road.bench import Bench, Sample
    from roadworthy.vet.road.declared import DeclaredStep
    from roadworthy.vet.road.faithful import Variant
    from roadworthy.vet.road.picture import Picture
    from roadworthy.vet.road.trial import Attempt, Ran

_RECORDS: Final = 24
_LABELLED: Final = 200
_LIVE: Final = 60
_SHOWN: Final = 5
_ELSEWHERE: Final = "words that stand in no record of this input"
_WRONG: Final = "A valid answer that belongs to another record is not accepted."
_CUT: Final = "An answer that was cut off is not accepted, and never mended into a whole one."
_RIGHT: Final = "No more accepted answers are wrong than the app promises."


def _trial(bench: Bench) -> Iterator[Finding | Picture]:
    samples = bench.take(bench.count(_RECORDS, least=4))
    if not samples:
        for name, promise in (("wrong", _WRONG), ("cut-off", _CUT)):
            yield not_tested(name, promise, "The input holds no usable record.")
    else:
        yield _wrong(bench, samples)
        yield _cut_off(bench, samples)
    yield _against_labels(bench)
    if bench.live_usd:
        yield _live(bench)


def _wrong(bench: Bench, samples: Sequence[Sample]) -> Finding:
    faithful = Faithful(bench, bench.options)
    entries = list(variants(bench, samples, ()))
    right = [faithful.row(entry) for entry in entries]
    free = any(is_free(step.schema) for step in bench.declared.steps)
    wrong = (
        _others(entries, right, faithful.fixed, free=free)
        if faithful.has_answers
        else _from_nowhere(bench, entries)
    )
    pairs = [(entry, row) for entry, row in zip(entries, wrong, strict=True) if row is not None]
    if not pairs:
        return not_tested(
            "wrong",
            _WRONG,
            "No answer could be made that is valid and wrong: none was recorded (--answers), and the schema alone, or "
            "several steps, leave nothing to get wrong.",
        )
    lines = [entry.line for entry, _ in pairs]
    with bench.provider(answers=right, loose=True) as sim, bench.trial(lines, sim=sim) as trial:
        calm = trial.run()
    with (
        bench.provider(answers=[row for _, row in pairs], loose=True) as sim,
        bench.trial(lines, sim=sim) as trial,
    ):
        ran = trial.run()
    taken: list[tuple[Variant, Any]] = []
    given: dict[str, Mapping[str, object]] = {}
    for (entry, swapped), before, after in zip(pairs, calm.rows, ran.rows, strict=False):
        is_own = before["outcome"] == "accepted" and same_answer(
            before["value"], after["value"], entry.text, entry.text
        )
        if after["outcome"] == "accepted" and not is_own:
            taken.append((entry, after["value"]))
            given[entry.of] = swapped or {}
    checks = sum(len(step.checks) for step in bench.declared.steps)
    tried = f"{len(pairs)} records, each answered with a valid answer that belongs to another one; {checks} checks are declared"
    said = f"{len(taken)} of {len(pairs)} wrong answers were accepted"
    if taken and (reason := untold(bench.declared.steps)):
        return not_tested("wrong", _WRONG, f"{said}. {reason}", tried=tried, advice=_SAY)
    whole = len(ran.rows) == len(pairs)
    good = whole and not taken
    return Finding(
        name="wrong",
        promise=_WRONG,
        tried=tried,
        times=len(pairs),
        happened=f"{said}." if whole else f"The run ended with status {ran.status}: {ran.said[-200:]}",
        grade=Grade.PASS if good else Grade.FAIL,
        evidence=tuple(f"{entry.of}: {value!r} was accepted"[:300] for entry, value in taken[:_SHOWN]),
        reproduce=bench.again("quality"),
        advice="" if good else _SAY,
        clues=(
            *unchecked(bench),
            *gone_alone(
                [entry for entry, _ in taken], lambda entry: _is_held_back(bench, entry, given[entry.of])
            ),
        )
        if taken
        else (),
    )


def _is_held_back(bench: Bench, entry: Variant, swapped: Mapping[str, object]) -> bool:
    """Whether the wrong answer is not accepted where the record is asked in a process of its own."""
    with bench.provider(answers=[swapped], loose=True) as sim, bench.trial([entry.line], sim=sim) as trial:
        ran = trial.run()
    return bool(ran.rows) and ran.rows[0]["outcome"] != "accepted"


def untold(steps: Sequence[DeclaredStep]) -> str:
    """Why wrong answers that were accepted are no broken promise; "" where they are one.

    A text that an answer takes from its record can be held against it, and whoever does not accepts anything. A choice
    from a list cannot: no check tells the wrong queue from the right one. Then doubt, audits and labels are what there
    is, and this test, which changes answers and not models, sees none of them at work.
    """
    if any(step.max_error is not None for step in steps):
        return (
            "The app promises a share of wrong answers (max_error=), and only its audits and labels can tell whether "
            "they stay below it."
        )
    if any(is_free(step.schema) for step in steps):
        return ""
    if any(step.review_below is not None for step in steps):
        return (
            "Its answers are choices from lists, which no check can hold against the record, and it asks people where it "
            "doubts. Whether its doubts are where its errors are, labels alone tell (--labels)."
        )
    return (
        "Its answers are choices from lists, which no check can hold against the record, and the app says nothing of how "
        "many may be wrong or when a person is asked. So no promise is broken, and none is made."
    )


_SAY: Final = (
    "Declare what tells a wrong answer: a check that holds it against its record (@step.check), a doubt from which on a "
    "person is asked (review_below=), or the share that may be wrong (max_error=), which audits then keep."
)


def _others(
    entries: Sequence[Variant], rows: Sequence[Mapping[str, object]], fixed: frozenset[str], *, free: bool
) -> list[dict[str, object] | None]:
    """Each row with the answers of the next one that has others; None where no row has.

    Where answers hold free texts, one of them is not in the record: what fits the record as well as its own answer does,
    no check could tell.
    """
    found: list[dict[str, object] | None] = []
    for place, (entry, row) in enumerate(zip(entries, rows, strict=True)):
        ring = (rows[(place + step) % len(rows)]["answers"] for step in range(1, len(rows)))
        fitting = (
            answers
            for answers in ring
            if answers and answers != row["answers"] and (not free or _strange(answers, entry.text, fixed))
        )
        other = next(fitting, None)
        found.append(None if other is None or not row["answers"] else {**row, "answers": other})
    return found


def _strange(answer: Any, text: str, fixed: frozenset[str]) -> bool:
    """Whether a free text of the answer does not stand in this text."""
    if isinstance(answer, Mapping):
        return any(_strange(inner, text, fixed) for inner in answer.values())
    if isinstance(answer, list):
        return any(_strange(inner, text, fixed) for inner in answer)
    return isinstance(answer, str) and answer not in fixed and len(answer) > 2 and answer not in text


def _from_nowhere(bench: Bench, entries: Sequence[Variant]) -> list[dict[str, object] | None]:
    """Made-up answers whose free texts stand in no record; None where the app has not exactly one step with such a text."""
    steps = bench.declared.steps
    plain, strange = (
        [orjson.dumps(stand_in(step.schema, words=words)).decode() for step in steps]
        for words in ("", _ELSEWHERE)
    )
    if len(steps) != 1 or plain == strange:
        return [None for _ in entries]
    said = dict.fromkeys((model.id for model in bench.declared.models if model.id), strange[0])
    return [
        {"id": entry.key or entry.text, "text": entry.text, "answers": said} if said else None
        for entry in entries
    ]


def _cut_off(bench: Bench, samples: Sequence[Sample]) -> Finding:
    lines = [sample.line for sample in samples]
    with bench.trial(lines, {"faults": {"truncated": 1.0}}) as trial:
        ran = trial.run()
    cut = sum("truncated" in row.fault for row in ran.requests)
    if not cut:
        return not_tested("cut-off", _CUT, "No answer was cut off: the app asked the provider nothing.")
    taken = [row for row in ran.rows if row["outcome"] == "accepted"]
    return Finding(
        name="cut-off",
        promise=_CUT,
        tried=f"{len(lines)} records whose every answer is cut off in the middle",
        times=len(lines),
        happened=f"{len(taken)} of {len(lines)} were accepted.",
        grade=Grade.FAIL if taken else Grade.PASS,
        evidence=tuple(f"{row['key']}: {row['value']!r}"[:300] for row in taken[:_SHOWN]),
        reproduce=bench.again("quality"),
        advice="Look at the finish reason before the text; never repair what was cut off." if taken else "",
    )


def _against_labels(bench: Bench) -> Finding:
    labelled = [sample for sample in bench.samples if sample.key in bench.labels]
    labelled = labelled[: bench.count(_LABELLED, least=20)]
    if not labelled:
        return not_tested(
            "labels",
            _RIGHT,
            "There are no right answers to hold against: none in --labels, in the ledger, or beside recorded answers.",
        )
    if not Faithful(bench, bench.options).has_answers:
        return not_tested(
            "labels", _RIGHT, "Answers are made up, not recorded, so they say nothing of the model's quality."
        )
    with bench.trial([sample.line for sample in labelled]) as trial:
        ran = trial.run()
        made_up = _made_up(ran, trial.attempts())
    return judged(
        bench,
        {
            str(row["key"]): row["value"]
            for row in ran.rows
            if row["outcome"] == "accepted" and row["key"] not in made_up
        },
        len(labelled),
    )


def _made_up(ran: Ran, attempts: Sequence[Attempt]) -> set[str]:
    """The records that a model answered for which nothing was recorded: the simulator made something up."""
    unknown = {row.n for row in ran.requests if row.question is None}
    return {one.key for one in attempts if number_of(one) in unknown}


def _live(bench: Bench) -> Finding:
    """The real provider's answers against right ones."""
    labelled = [sample for sample in bench.samples if sample.key in bench.labels]
    labelled = labelled[: bench.count(_LIVE, least=10)]
    if not labelled:
        return not_tested(
            "live-labels", _RIGHT, "There are no right answers to hold the real provider's against."
        )
    ran = run_live(bench, [sample.line for sample in labelled])
    accepted = {str(row["key"]): row["value"] for row in ran.rows if row["outcome"] == "accepted"}
    found = judged(bench, accepted, len(labelled), "live-labels")
    return replace(found, measured=(f"it cost {ran.cost_usd:f} USD; status {ran.status}",))


def judged(bench: Bench, accepted: Mapping[str, Any], asked: int, name: str = "labels") -> Finding:
    """Accepted answers against right ones, with Wilson's interval, against what the app promises."""
    labels = bench.labels
    known = [
        (key, value)
        for key, value in accepted.items()
        if key in labels and is_right(value, labels[key]) is not None
    ]
    if not known:
        return not_tested(name, _RIGHT, f"None of the {asked} records with a label was accepted.")
    wrong = [(key, value) for key, value in known if not is_right(value, labels[key])]
    right = len(known) - len(wrong)
    low, high = wilson(right, len(known))
    promises = [step.max_error for step in bench.declared.steps if step.max_error is not None]
    said = f"{right} of {len(known)} labelled accepted answers are right ({right / len(known):.1%}; 95 %: {low:.1%} to {high:.1%})"
    if not promises:
        grade, more = (
            Grade.NOT_TESTED,
            "; the app promises no share (max_error=), so nothing says whether that is enough.",
        )
    elif 1 - high > min(promises):
        grade, more = Grade.FAIL, f"; at most {min(promises):.1%} may be wrong."
    elif 1 - low <= min(promises):
        grade, more = Grade.PASS, f"; at most {min(promises):.1%} may be wrong."
    else:
        grade, more = Grade.NOT_TESTED, f"; too few to say whether at most {min(promises):.1%} are wrong."
    return Finding(
        name=name,
        promise=_RIGHT,
        tried=f"{asked} records whose right answer is known; answers: {bench.answers if name == 'labels' else 'the real provider'}",
        times=len(known),
        happened=said + more,
        grade=grade,
        evidence=tuple(_told(key, value, labels[key])[:300] for key, value in wrong[:_SHOWN]),
        reproduce=bench.again("quality"),
        advice=""
        if grade is Grade.PASS
        else "Say what may be wrong (max_error=), label more, or hold more answers back.",
    )


def _told(key: str, value: Any, label: Any) -> str:
    if isinstance(label, Wrong):
        return f"{key}: {value!r}, which a person called wrong"
    return f"{key}: {value!r}, right is {label!r}"


QUALITY: Final[Stage[Bench]] = Stage("quality", "Quality", "Are wrong answers held back?", _trial)
