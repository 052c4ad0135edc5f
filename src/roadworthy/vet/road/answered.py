"""Whether anything is answered on a calm day: where nothing is, no stage can test what it asks, and the app is no go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from roadworthy.vet.road.bench import Bench
from roadworthy.vet.road.finding import Finding, Grade, not_tested
from roadworthy.vet.road.picture import Picture
from roadworthy.vet.road.stage import Stage
from roadworthy.vet.road.steady import calm_day
from roadworthy.vet.road.trial import Ran

S = TypeVar("S")
NAME: Final = "answered"
PROMISE: Final = "On a calm day, when the provider answers at once and well, something is answered."
_SEARCHED: Final = 200
"""So many records are tried before it is said that none is accepted: an app may rightly reject the first ones."""
_REASONS: Final = 5
_REASON_CHARS: Final = 300
_ADVICE: Final = (
    "Mend what the records' reasons name. Where it is the provider's answers that the app turns away, give some that it "
    "accepts: --answers FILE."
)


def guarded(
    stages: Sequence[Stage[S]], find: Callable[[S], Finding], home: str = "endings"
) -> tuple[Stage[S], ...]:
    """The same stages, none of which tries anything where nothing is answered on a calm day.

    Args:
        find: says whether anything is; asked by each stage.
        home: the stage that says so. Where it is not among them the first one does; for the others it is the reason why
            nothing was tested.
    """
    names = [stage.name for stage in stages]
    teller = home if home in names else names[0]
    return tuple(replace(stage, trial=_guard(stage, find, teller)) for stage in stages)


def _guard(
    stage: Stage[S], find: Callable[[S], Finding], teller: str
) -> Callable[[S], Iterable[Finding | Picture]]:
    def trial(subject: S) -> Iterator[Finding | Picture]:
        found = find(subject)
        if found.grade is not Grade.FAIL:
            yield from stage.trial(subject)
        elif stage.name == teller:
            yield found
        else:
            yield not_tested(NAME, stage.question, found.happened, tried=found.tried)

    return trial


def find_answered(bench: Bench) -> Finding:
    """Whether the app answers anything on a calm day. Found once a bench."""
    return bench.memo.once(NAME, lambda: _find(bench))


def _find(bench: Bench) -> Finding:
    if not bench.samples:
        return not_tested(NAME, PROMISE, "The input holds no usable record.")
    ran = calm_day(bench)
    if not _is_answered(ran) and len(ran.rows) < len(bench.samples):
        with bench.trial([sample.line for sample in bench.take(_SEARCHED)]) as trial:
            ran = trial.run()
    tried = "the input on a provider without faults"
    if ran.status is None:
        return not_tested(NAME, PROMISE, "The run had to be ended before its time.", tried=tried)
    count = ran.count("records")
    if ran.count("accepted"):
        return _judged(bench, count, f"{ran.fates} of {count} records.", Grade.PASS)
    if _for_people(ran):
        said = f"Every answer waits for a person: {ran.fates} of {count} records."
        return not_tested(NAME, PROMISE, said, tried=tried)
    return replace(
        _judged(bench, max(1, count), _refusal(ran), Grade.FAIL), evidence=reasons(_said(ran)), advice=_ADVICE
    )


def _judged(bench: Bench, times: int, happened: str, grade: Grade) -> Finding:
    return Finding(
        name=NAME,
        promise=PROMISE,
        tried="the input on a provider without faults",
        times=times,
        happened=happened,
        grade=grade,
        reproduce=bench.again("endings"),
    )


def _is_answered(ran: Ran) -> bool:
    return bool(ran.count("accepted")) or _for_people(ran) or ran.status is None


def _for_people(ran: Ran) -> bool:
    waiting = ran.summary.get("waiting", {})
    return bool(waiting.get("review"))


def _said(ran: Ran) -> list[tuple[str, str]]:
    """Each record's key and why it is where it is."""
    return [(str(row["key"]), str(row["reason"] or row["outcome"])) for row in ran.rows]


def _refusal(ran: Ran) -> str:
    """Why nothing is accepted, with the reason that most records have."""
    said = _said(ran)
    if not said:
        told = ran.said[-_REASON_CHARS:].strip() or "nothing was said"
        return f"Even on a calm day nothing is accepted: the run ended with status {ran.status}: {told}"
    return f"Even on a calm day nothing is accepted: {ran.fates}. {commonest(said)}"


def commonest(said: Sequence[tuple[str, str]]) -> str:
    """The reason that most records have, with how many they are."""
    reason, count = Counter(reason for _, reason in said).most_common(1)[0]
    return f"{count} of {len(said)}: {reason[:_REASON_CHARS]}"


def reasons(said: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Each different reason, the commonest first, with a record that has it."""
    first: dict[str, str] = {}
    for key, reason in said:
        first.setdefault(reason, key)
    counted = Counter(reason for _, reason in said).most_common(_REASONS)
    return tuple(f"{first[reason]}: {reason[:_REASON_CHARS]} ({count} in all)" for reason, count in counted)
