"""Alarms: an e-detector on audited labels, and early warnings that need no label."""

from __future__ import annotations

import bisect
import math
from dataclasses import field

from roadworthy._quick import quick

RATIOS = (1.5, 2.0, 4.0, 8.0)  # error rates that are watched for, as multiples of the one that is allowed
FALSE_ALARM_EVERY = 5_000  # audited labels between false alarms, on average at least
CEILING = 1e280  # a sum of evidence stays a finite number
REFERENCE_MAX = 5_000  # values an early warning compares with


class Drift:
    """Alarm that the error rate of audited answers is above `max_error`.

    Theorem: Shiryaev-Roberts e-detector (Shin, Ramdas, Rinaldo 2024): R = (R + 1) * likelihood ratio, averaged over
    the ratios, grows by at most 1 a label on average while the rate is at most `max_error`; stopping at
    `false_alarm_every` gives false alarms no more often than that on average.
    Assumes: labels are of audited answers in the order of acceptance; while all is well each is wrong with a chance of
    at most `max_error` given the past.
    Does not promise: how soon an alarm comes (median 86 labels for a fourfold rate at .02, measured), nor that there
    is none by chance.
    """

    def __init__(self, max_error: float, false_alarm_every: float = FALSE_ALARM_EVERY) -> None:
        if not 0 < max_error < 1:
            raise ValueError(f"max_error is {max_error!r}. Give a share above 0 and below 1.")
        self.false_alarm_every = false_alarm_every
        self.labels = 0
        rates = [min((1 + max_error) / 2, ratio * max_error) for ratio in RATIOS]
        self._wrong = [rate / max_error for rate in rates]
        self._right = [(1 - rate) / (1 - max_error) for rate in rates]
        self._sums = [0.0] * len(rates)

    def see(self, *, wrong: bool) -> bool:
        """One more label; whether the alarm is on."""
        factors = self._wrong if wrong else self._right
        self._sums = [min(CEILING, (s + 1) * f) for s, f in zip(self._sums, factors, strict=True)]
        self.labels += 1
        return self.alarm

    @property
    def evidence(self) -> float:
        """The detector's value; the alarm is on from `false_alarm_every` on."""
        return math.fsum(self._sums) / len(self._sums)

    @property
    def alarm(self) -> bool:
        """Whether the evidence reached the limit."""
        return self.evidence >= self.false_alarm_every

    def restart(self) -> None:
        """Begin anew, after the cause was dealt with."""
        self._sums = [0.0] * len(self._sums)


class Shift:
    """Warning that a number (score, length, accepted or not) is no longer distributed as it was. Needs no label.

    Theorem: conformal p-values of an exchangeable stream are independent and uniform (Vovk, Gammerman, Shafer 2005);
    the Shiryaev-Roberts sum of bets on small, large and extreme p-values is an e-detector with an average run length
    of at least `false_alarm_every`.
    Assumes: exchangeable values while all is well, ties broken by `chance`, drawn uniformly and independently; after
    `REFERENCE_MAX` values the reference stays as it is, and the claim is approximate.
    Does not promise: that the error rate changed. A shift raises the audit share; it proves nothing about answers.
    """

    def __init__(self, false_alarm_every: float = FALSE_ALARM_EVERY) -> None:
        self.false_alarm_every = false_alarm_every
        self._reference: list[float] = []
        self._sums = [0.0, 0.0, 0.0]

    def see(self, value: float, chance: float) -> bool:
        """One more value with a uniform number in [0, 1); whether the warning is on."""
        p = self._p_value(value, chance)
        bets = (_bet(p), _bet(1 - p), _bet(2 * min(p, 1 - p)))
        self._sums = [min(CEILING, (s + 1) * bet) for s, bet in zip(self._sums, bets, strict=True)]
        if len(self._reference) < REFERENCE_MAX:
            bisect.insort(self._reference, value)
        return self.warning

    def _p_value(self, value: float, chance: float) -> float:
        below = bisect.bisect_left(self._reference, value)
        ties = bisect.bisect_right(self._reference, value) - below
        return (below + chance * (ties + 1)) / (len(self._reference) + 1)

    @property
    def warning(self) -> bool:
        """Whether the evidence reached the limit."""
        return math.fsum(self._sums) / len(self._sums) >= self.false_alarm_every


def _bet(p: float) -> float:
    """A bet of mean 1 on a small uniform number: p ** -1/2 / 2 mixed with 1/2, so that one large p does not ruin it."""
    return 0.5 + 0.25 / math.sqrt(max(p, 1e-12))


@quick(slots=True)
class EarlyWarning:
    """All that can be watched without a label: named numbers, and which model really served.

    Attributes:
        watched: one `Shift` a name, made when the name is first seen.
        served: the model id that each model's replies named last.
    """

    false_alarm_every: float = FALSE_ALARM_EVERY
    watched: dict[str, Shift] = field(default_factory=dict)
    served: dict[str, str] = field(default_factory=dict)

    def see(self, name: str, value: float, chance: float) -> bool:
        """One more value of what is called `name` (score, accepted, output length); whether it warns."""
        return self.watched.setdefault(name, Shift(self.false_alarm_every)).see(value, chance)

    def see_model(self, asked: str, answered_by: str) -> bool:
        """Whether another model answers than the last time; that is certain and opens a new epoch."""
        before = self.served.get(asked)
        self.served[asked] = answered_by
        return before is not None and before != answered_by

    @property
    def warnings(self) -> tuple[str, ...]:
        """The names that warn."""
        return tuple(name for name, shift in self.watched.items() if shift.warning)
