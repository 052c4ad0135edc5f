"""Records whose answer depends on more than themselves: the same records in another order tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from roadworthy.vet.road.bench import Bench

_RECORDS: Final = 24
_ONE_BY_ONE: Final = ("--concurrency", "1")


def unsteady(bench: Bench) -> Mapping[str, tuple[Any, Any]]:
    """By key: the answers of records that differ when the same records come the other way round, one by one.

    Found once a bench. Stages that compare with a calm day leave these out: chance alone would tell them apart.
    """
    return bench.memo.once("steady", lambda: _find(bench))


def _find(bench: Bench) -> Mapping[str, tuple[Any, Any]]:
    lines = [sample.line for sample in bench.take(count_of(bench))]
    answers = []
    for order in (lines, lines[::-1]):
        with bench.trial(order) as trial:
            ran = trial.run(*_ONE_BY_ONE)
        answers.append({str(row["key"]): (row["outcome"], row["value"]) for row in ran.rows})
    there, back = answers
    return {key: (fate, back.get(key)) for key, fate in there.items() if fate != back.get(key)}


def count_of(bench: Bench) -> int:
    """How many records are looked at: as many as any stage compares."""
    return min(bench.count(_RECORDS, least=8, most=200), len(bench.samples))
