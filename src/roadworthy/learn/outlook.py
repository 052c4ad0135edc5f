"""How long a gate is likely to go on: it is run on from what was seen so far."""

from __future__ import annotations

import copy
import math
import random
import statistics
from collections.abc import Sequence

from roadworthy._quick import quick
from roadworthy.learn.gate import Gate, Ruling

RUNS = 21
RECORDS_MAX = 20_000  # as far as one looks ahead
DIFFERENCES_MAX = 2_000
STRIDE = 25  # agreements told at once


@quick(frozen=True, slots=True)
class Outlook:
    """What a gate likely still wants: medians over runs from what was seen; None where it is farther than one looks.

    Attributes:
        rulings: differences that a person has to rule on.
        records: records that both answer, those included.
        promotes: the share of runs that ended in a promotion.
    """

    rulings: int | None
    records: int | None
    promotes: float


def outlook(gate: Gate, records: int, differences: Sequence[int]) -> Outlook:
    """Run a gate on, with differences drawn from those that were ruled on.

    An estimate, not a promise: it takes what comes for being like what came. One difference for either side is
    assumed beforehand, so that "never seen in 10" is not taken for "never".

    Args:
        records: how many records both answered so far.
        differences: (new is wrong) - (old is wrong), of each difference that was ruled on.
    """
    drawn_from = [*differences, 1, -1]
    share = min(1.0, (len(differences) + 1) / (records + 2))
    chance = random.Random(records * 1_000_003 + len(differences))  # noqa: S311 - a repeatable draw, not a secret
    ended = [_run_on(gate, share, drawn_from, chance) for _ in range(RUNS)]
    rulings, seen = (sorted(run[place] for run in ended) for place in (0, 1))
    farthest = seen[RUNS // 2] >= RECORDS_MAX or rulings[RUNS // 2] >= DIFFERENCES_MAX
    return Outlook(
        rulings=None if farthest else round(statistics.median(rulings)),
        records=None if farthest else round(statistics.median(seen)),
        promotes=sum(run[2] for run in ended) / RUNS,
    )


def _run_on(
    gate: Gate, share: float, drawn_from: Sequence[int], chance: random.Random
) -> tuple[int, int, bool]:
    """(rulings, records, whether it promoted) of one run."""
    trial = copy.deepcopy(gate)
    rulings = records = 0
    while records < RECORDS_MAX and rulings < DIFFERENCES_MAX:
        gap = min(_gap(share, chance), RECORDS_MAX - records)
        while gap and trial.ruling is Ruling.GO_ON:
            alike = min(gap, STRIDE)
            trial.agree(alike)
            gap, records = gap - alike, records + alike
        if trial.ruling is Ruling.GO_ON and records < RECORDS_MAX:
            difference = chance.choice(drawn_from)
            trial.differ(new_wrong=difference > 0, old_wrong=difference < 0)
            rulings, records = rulings + 1, records + 1
        if trial.ruling is not Ruling.GO_ON:
            break
    return rulings, records, trial.ruling is Ruling.PROMOTE


def _gap(share: float, chance: random.Random) -> int:
    """Records on which both say the same, until they differ."""
    if share >= 1:
        return 0
    return int(math.log(1 - chance.random()) / math.log1p(-share))
