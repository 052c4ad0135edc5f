"""What explains a failure in another stage, and what must have been observed before a stage may say so.

One mistake shows in many places: an answer cache of an app's own answers wrongly under load, after a crash and in an
outage. A stage that fails looks whether what failed there is the same thing seen again. It says so only where each
record that it looked at bears it out; what is not borne out stands for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from roadworthy.vet.road.finding import Clue

if TYPE_CHECKING:
    from roadworthy.vet.road.bench import Bench
    from roadworthy.vet.road.trial import Ran

INVENTED: Final = "endings/invented"
"""Nothing holds an answer against its record."""
ALONE: Final = "intake/alone"
"""The app remembers something from one record to the next."""
RETRIES: Final = "endings/retries"
"""Something inside an attempt tries again on its own."""
_LOOKED_MAX: Final = 6
"""So many of the records that failed are looked at, each in a process of its own."""
T = TypeVar("T")


def unchecked(bench: Bench) -> tuple[Clue, ...]:
    """Why an answer of the right form that is wrong was accepted, where no step of the app declares a check."""
    if any(step.checks for step in bench.declared.steps):
        return ()
    because = "No step declares a check: whatever has the right form is accepted, as made-up answers were."
    return (Clue(cause=INVENTED, because=because),)


def resent(ran: Ran, attempts: int, extra: int) -> tuple[Clue, ...]:
    """Why so many answers more were billed than there should be, where requests were sent that no attempt knows of.

    Args:
        attempts: attempts of the run that were sent, by the ledger.
        extra: answers that were billed again, or that the ledger does not know.
    """
    if not extra or len(ran.requests) - attempts < extra:
        return ()
    because = (
        "More requests arrived than the ledger holds attempts, by as many at least as were paid for too often: they were "
        "sent from inside an attempt."
    )
    return (Clue(cause=RETRIES, because=because),)


def remembered(bench: Bench, calm: Ran, after: Ran, keys: Iterable[str]) -> tuple[Clue, ...]:
    """Why these records fared otherwise in two runs, where each one that is looked at was given another record's answer.

    What a record gets in a process of its own, with nothing before it, is its own. A record bears the explanation out if
    it got something else on the calm day already; or if the reply that it was given is not its own, and was another's.
    """
    looked = list(dict.fromkeys(keys))[:_LOOKED_MAX]
    lines = {sample.key: sample.line for sample in bench.samples}
    if not looked or any(key not in lines for key in looked):
        return ()
    for key in looked:
        own = solo(bench, lines[key])
        if _fate(calm, key) == _fate(own, key) and not _is_anothers(after, own, key):
            return ()
    because = "Each record looked at, asked in a process of its own, gets its own answer; here it was given another record's."
    return (Clue(cause=ALONE, because=because),)


def gone_alone(failed: Sequence[T], holds: Callable[[T], bool]) -> tuple[Clue, ...]:
    """Why these failed, where each one that is looked at holds when it is done in a process of its own.

    Args:
        holds: does one of them alone, and says whether the promise holds then.
    """
    if not failed or not all(holds(one) for one in failed[:_LOOKED_MAX]):
        return ()
    because = "The same, each in a process of its own with nothing before it, does not fail: what came before it does it."
    return (Clue(cause=ALONE, because=because),)


def solo(bench: Bench, line: bytes) -> Ran:
    """What becomes of one record in a process and on a ledger of its own. Found once."""

    def find() -> Ran:
        with bench.trial([line]) as trial:
            return trial.run("--concurrency", "1")

    return bench.memo.once(f"solo {line!r}", find)


def _is_anothers(ran: Ran, own: Ran, key: str) -> bool:
    """The record was given what is not its own, and was given to another record."""
    given, should = ran.replies.get(key), own.replies.get(key)
    if given is not None:
        return given != should and given in {reply for other, reply in ran.replies.items() if other != key}
    value, wanted = _fate(ran, key)[1], _fate(own, key)[1]  # it was not even asked
    others = [row["value"] for row in ran.rows if str(row["key"]) != key]
    return value is not None and value != wanted and value in others


def _fate(ran: Ran, key: str) -> tuple[object, object]:
    row = next((row for row in ran.rows if str(row["key"]) == key), None)
    return (None, None) if row is None else (row["outcome"], row["value"])
