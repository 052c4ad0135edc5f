"""How far two readers of the same answers agree, beyond what chance alone would bring."""

from __future__ import annotations

import math
from collections.abc import Mapping

from roadworthy._quick import quick

PAIRS_MIN = 30  # below this the interval of kappa is not stated
RARER_MIN = 5  # nor while either verdict was given to fewer pairs than this
_Z = 1.959964


@quick(frozen=True, slots=True)
class Agreement:
    """What two readers said of the same audits: right, or not.

    Attributes:
        both_right, first_only, second_only, neither: pairs by who called the answer right.
    """

    both_right: int
    first_only: int
    second_only: int
    neither: int

    @classmethod
    def of(cls, pairs: Mapping[tuple[bool, bool], int]) -> Agreement:
        """Counted pairs of (first reader says right, second reader says right)."""
        return cls(
            *(pairs.get(key, 0) for key in ((True, True), (True, False), (False, True), (False, False)))
        )

    @property
    def pairs(self) -> int:
        """Audits on which both have ruled."""
        return self.both_right + self.first_only + self.second_only + self.neither

    @property
    def observed(self) -> float:
        """The share of pairs in which both say the same."""
        return (self.both_right + self.neither) / self.pairs if self.pairs else 0.0

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa (1960): agreement beyond chance over what was possible; None where chance alone gives 1."""
        by_chance = self._by_chance()
        return None if by_chance is None else (self.observed - by_chance) / (1 - by_chance)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of kappa by the large-sample variance (Fleiss, Cohen, Everitt 1969, equation 13).

        Assumes independent pairs. None where there are too few for a large sample: below `PAIRS_MIN` pairs, or a
        verdict that fewer than `RARER_MIN` pairs hold.
        """
        by_chance, kappa = self._by_chance(), self.kappa
        rarer = min(self.pairs - self.neither, self.pairs - self.both_right)
        if by_chance is None or kappa is None or self.pairs < PAIRS_MIN or rarer < RARER_MIN:
            return None
        total = self.pairs
        cells = ((self.both_right, self.first_only), (self.second_only, self.neither))
        first = [sum(row) / total for row in cells]
        second = [sum(column) / total for column in zip(*cells, strict=True)]
        spread = -((kappa - by_chance * (1 - kappa)) ** 2)
        for i in (0, 1):
            spread += cells[i][i] / total * (1 - (first[i] + second[i]) * (1 - kappa)) ** 2
            spread += (1 - kappa) ** 2 * cells[i][1 - i] / total * (second[i] + first[1 - i]) ** 2
        width = _Z * math.sqrt(max(0.0, spread) / total) / (1 - by_chance)
        return max(-1.0, kappa - width), min(1.0, kappa + width)

    @property
    def sentence(self) -> str:
        """In words."""
        said = f"two readers agree on {self.both_right + self.neither} of {self.pairs} audits"
        if self.kappa is None:
            return f"{said}; kappa says nothing while both give one and the same verdict to all of them"
        found = self.interval
        if found is None:
            return (
                f"{said}, kappa {self.kappa:.2f}; too few for an interval: it takes {PAIRS_MIN} pairs, and "
                f"{RARER_MIN} with the rarer verdict"
            )
        return f"{said}, kappa {self.kappa:.2f} (95 %: {found[0]:.2f} to {found[1]:.2f})"

    def as_json(self) -> dict[str, object]:
        """Flat JSON."""
        kappa, found = self.kappa, self.interval
        return {
            "pairs": self.pairs,
            "agree": self.both_right + self.neither,
            "kappa": None if kappa is None else round(kappa, 6),
            "low": None if found is None else round(found[0], 6),
            "high": None if found is None else round(found[1], 6),
            "sentence": self.sentence,
        }

    def _by_chance(self) -> float | None:
        """How often both would say the same if neither looked; None where that is always, or there is no pair."""
        if not self.pairs:
            return None
        first = (self.both_right + self.first_only) / self.pairs
        second = (self.both_right + self.second_only) / self.pairs
        found = first * second + (1 - first) * (1 - second)
        return None if math.isclose(found, 1) else found
