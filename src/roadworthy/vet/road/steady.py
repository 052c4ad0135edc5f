"""Records whose answer depends on more than themselves: the same records in another order tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from roadworthy.vet.road.bench import Bench
from roadworthy.vet.road.trial import Ran

UNSTEADY_ALL: Final = "Every record's answer depends on the order of records; see `alone`."
_RECORDS: Final = 24
_ONE_BY_ONE: Final = ("--concurrency", "1")


def unsteady(bench: Bench) -> Mapping[str, tuple[Any, Any]]:
    """By key: the answers of records that differ when the same records come the other way round, one by one.

    Found once a bench. Stages that compare with a calm day leave these out: chance alone would tell them apart.
    """
    return bench.memo.once("steady", lambda: _find(bench))


def calm_day(bench: Bench) -> Ran:
    """What becomes of the records when nothing is wrong, and they come one by one. Run once a bench."""
    return bench.memo.once("calm", lambda: _one_by_one(bench, _lines(bench)))


def _find(bench: Bench) -> Mapping[str, tuple[Any, Any]]:
    there, back = (_fates(ran) for ran in (calm_day(bench), _one_by_one(bench, _lines(bench)[::-1])))
    return {key: (fate, back.get(key)) for key, fate in there.items() if fate != back.get(key)}


def _lines(bench: Bench) -> list[bytes]:
    return [sample.line for sample in bench.take(count_of(bench))]


def _one_by_one(bench: Bench, lines: Sequence[bytes]) -> Ran:
    with bench.trial(lines) as trial:
        return trial.run(*_ONE_BY_ONE)


def _fates(ran: Ran) -> dict[str, tuple[Any, Any]]:
    return {str(row["key"]): (row["outcome"], row["value"]) for row in ran.rows}


def count_of(bench: Bench) -> int:
    """How many records are looked at: as many as any stage compares."""
    return min(bench.count(_RECORDS, least=8, most=200), len(bench.samples))
