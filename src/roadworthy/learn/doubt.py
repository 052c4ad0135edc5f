"""How doubtful the best answer is, given what each model of the ladder said: learned from labels as they come.

Each opinion is a model's answer with the support it gives to answers. What a model's answers have meant so far (how
often "a" was right, and what was right when it was not) is counted with shrinkage, and a small logistic regression
weighs the models. It orders and predicts; it promises nothing, so it may be as bold as it likes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from roadworthy._quick import quick
from roadworthy.learn.logistic import Logistic, fit_logistic, logit

SHRINK = 3.0  # how many labels the average of a model's answers weighs beside those of one answer
EDGE = 0.01  # support below or above is not told apart
GROWTH = 1.35  # labels grow by this factor between two fits
ROWS_MAX = 2_500  # newest rows that a fit uses
PENALTY = 2.0
SETTLED = 1e-3


@quick(frozen=True, slots=True)
class Opinion:
    """What one model said.

    Attributes:
        answer: its answer.
        support: its chance of each answer, where it has any; answers that are not named have none.
    """

    answer: str
    support: Mapping[str, float]


@quick(frozen=True, slots=True)
class Proposal:
    """The best answer so far, and the chance that it is wrong."""

    answer: str
    doubt: float


class Doubt:
    """Learns from labels, proposes an answer with its doubt; one model a number of opinions."""

    def __init__(self, start: float = 0.5) -> None:
        """With `start` as the doubt of everything before the first label."""
        self.start = start
        self.labels: Counter[int] = Counter()
        self._said: dict[int, dict[str, Counter[str]]] = {}
        self._right: Counter[int] = Counter()
        self._heard: Counter[int] = Counter()
        self._rows: dict[int, list[tuple[tuple[float, ...], bool, float]]] = {}
        self._fits: dict[int, Logistic] = {}
        self._due: dict[int, int] = {}

    def propose(self, opinions: Sequence[Opinion]) -> Proposal:
        """The least doubtful of the answers that were given or have support."""
        fit = self._fits.get(len(opinions))
        if fit is None:
            return Proposal(opinions[-1].answer, self.start)
        scored = [(fit.chance(self._row(opinions, answer)), answer) for answer in candidates(opinions)]
        chance, answer = max(scored)
        return Proposal(answer, 1 - chance)

    def learn(
        self, opinions: Sequence[Opinion], truth: str, *, weight: float = 1.0, refit: bool = True
    ) -> bool:
        """The right answer to a record; whether a fit was made, after which doubts are other than before.

        It teaches what is known of any number of its opinions, from the first on. Give an audited answer the weight
        1 / its audit share: it stands for those that were not audited.
        """
        fitted = False
        for count in range(1, len(opinions) + 1):
            part = opinions[:count]
            rows = self._rows.setdefault(count, [])
            rows += [(self._row(part, answer), answer == truth, weight) for answer in candidates(part)]
            self.labels[count] += 1
            if refit and self.labels[count] >= self._due.get(count, 20):
                fitted |= self._fit(count)
        for place, opinion in enumerate(opinions):
            self._said.setdefault(place, {}).setdefault(opinion.answer, Counter())[truth] += 1
            self._heard[place] += 1
            self._right[place] += opinion.answer == truth
        return fitted

    def _fit(self, count: int) -> bool:
        rows = self._rows[count][-ROWS_MAX:]
        self._due[count] = math.ceil(self.labels[count] * GROWTH)
        self._fits[count] = fit_logistic(
            [row for row, _, _ in rows],
            [right for _, right, _ in rows],
            weights=[weight for _, _, weight in rows],
            penalty=PENALTY,
            settled=SETTLED,
        )
        return True

    def _row(self, opinions: Sequence[Opinion], answer: str) -> tuple[float, ...]:
        """The signals for one answer; made before its own label is counted, so it is not its own witness."""
        columns: list[float] = []
        for place, opinion in enumerate(opinions):
            columns += [
                logit(opinion.support.get(answer, 0.0), EDGE),
                self._meaning(place, opinion.answer, answer),
            ]
        agreeing = sum(opinion.answer == answer for opinion in opinions)
        rivals = max(
            (c for opinion in opinions for a, c in opinion.support.items() if a != answer), default=0.0
        )
        return (*columns, float(agreeing == len(opinions)), float(agreeing), logit(rivals, EDGE))

    def _meaning(self, place: int, said: str, answer: str) -> float:
        """How likely `answer` is when the model says `said`, from labels so far."""
        average = (self._right[place] + 1) / (self._heard[place] + 2)
        prior = average if said == answer else (1 - average) / 20
        counts = self._said.get(place, {}).get(said)
        total, hits = (counts.total(), counts[answer]) if counts else (0, 0)
        return logit((hits + SHRINK * prior) / (total + SHRINK), EDGE)


def candidates(opinions: Sequence[Opinion]) -> list[str]:
    """Every answer that was given, and the two best supported ones of each opinion; in a stable order."""
    found = {opinion.answer: None for opinion in opinions}
    for opinion in opinions:
        best = sorted(opinion.support.items(), key=lambda pair: (-pair[1], pair[0]))[:2]
        found |= {answer: None for answer, chance in best if chance > EDGE}
    return sorted(found)
