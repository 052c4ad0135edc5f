"""The promotion gate: a new prompt, model or student against the old one, and the way it is rolled out."""

from __future__ import annotations

import math
from enum import StrEnum

from roadworthy.learn.binomial import log_sum
from roadworthy.learn.martingale import BOLDEST, Bets

FOLLOWED = 0.9  # laid on `Follower`, the rest on `Bets`
ASSUMED = 3  # differences that count as seen beforehand, at the rate of two in the margin
CAREFUL = 0.85  # of the best stake: it spares the long runs, which is what the mean is made of (measured)
APERY = 1.2020569031595942  # the sum of 1 / j^3 over all j
STAGES = (1, 5, 25, 100)  # percent of records that a canary answers


class Ruling(StrEnum):
    """What the gate says so far."""

    PROMOTE = "promote"
    REJECT = "reject"
    GO_ON = "go on"


class Follower:
    """One bet that the two are equally good, with the stake that fits how often they differed so far.

    Theorem: as `Bets`; the stake is set from the past alone, when they differ, and kept until they differ again. It
    spares what an average over stakes costs in the case that is usual.
    """

    def __init__(self, margin: float) -> None:
        self.margin = margin
        self.log_e = 0.0
        self._records = 0
        self._differed = 0
        self._stake = self._fitting()

    def see(self, difference: int, times: int) -> None:
        """The same difference, one or more times in a row."""
        self.log_e += times * math.log1p(self._stake * (self.margin - difference))
        self._records += times
        if difference:
            self._differed += times
            self._stake = self._fitting()

    def _fitting(self) -> float:
        """A little below the best stake when D has mean 0, margin / P(differ); `ASSUMED` steadies the start."""
        differ = (
            (self._differed + ASSUMED) / (self._records + ASSUMED / (2 * self.margin)) if self.margin else 1
        )
        return min(BOLDEST / (1 - self.margin), CAREFUL * self.margin / differ)


class Gate:
    """Promote when the new one is proved not to be worse by `margin`; reject when it is proved to be.

    Theorem: Ville for bets on D = (new is wrong) - (old is wrong), by `Follower` and by `Bets`, against "D is
    at least `margin` on average", and for `Bets` against its mirror image; each wrong ruling has a chance of at most `delta`, at whatever moment one looks.
    Assumes: records come as they will come; where both say the same D is 0 and nobody is asked. Where they differ a
    person says of each whether it is right. The new one was not made to fit these records.
    Does not promise: that the new one is better; use a margin near 0 for that. The j-th candidate against the same
    old one is given `share_of_delta(delta, j)`.
    """

    def __init__(self, margin: float, delta: float = 0.05) -> None:
        if not 0 <= margin < 1:
            raise ValueError(f"The margin is {margin!r}. Give a share from 0 to below 1.")
        self.delta = delta
        self.records = 0
        self.labels = 0
        self._not_worse = Bets(margin, lowest=-1.0)
        self._equal = Follower(margin)
        self._worse = Bets(-margin, lowest=-1.0)
        self._ruled = Ruling.GO_ON

    def agree(self, times: int = 1) -> Ruling:
        """Both gave the same answer to one or more records."""
        return self._see(0, times)

    def differ(self, *, new_wrong: bool, old_wrong: bool) -> Ruling:
        """They differ on a record, and a person judged both."""
        self.labels += 1
        return self._see(int(new_wrong) - int(old_wrong), 1)

    @property
    def ruling(self) -> Ruling:
        """The first ruling that was proved; it stands."""
        return self._ruled

    def _see(self, difference: int, times: int) -> Ruling:
        if self._ruled is not Ruling.GO_ON:
            return self._ruled
        self.records += times
        self._not_worse.see(difference, times)
        self._equal.see(difference, times)
        self._worse.see(-difference, times)
        limit = math.log(1 / self.delta)
        if self._promotes() >= limit:
            self._ruled = Ruling.PROMOTE
        elif self._worse.log_e >= limit:
            self._ruled = Ruling.REJECT
        return self._ruled

    def _promotes(self) -> float:
        followed = math.log(FOLLOWED) + self._equal.log_e
        return log_sum([math.log(1 - FOLLOWED) + self._not_worse.log_e, followed])


def share_of_delta(delta: float, number: int) -> float:
    """What the j-th candidate against the same old one may spend: 1 / (zeta(3) j^3) of delta.

    Theorem: the union bound; the shares sum to 1 over all j, so with however many candidates the chance of any wrong
    ruling is at most `delta`. Most versions meet one candidate, a promotion starts anew, so the first one has .83.
    """
    return delta / (APERY * number**3)


class Canary:
    """The stages of a promoted candidate; each one is passed by a certificate of its own, an alarm rolls back."""

    def __init__(self) -> None:
        self._stage = 0
        self.rolled_back = False

    @property
    def percent(self) -> int:
        """The share of records the candidate answers now."""
        return 0 if self.rolled_back else STAGES[self._stage]

    @property
    def done(self) -> bool:
        """Whether it answers all of them."""
        return self.percent == STAGES[-1]

    def certified(self) -> int:
        """This stage's certificate holds: the next stage's percent."""
        if not self.rolled_back:
            self._stage = min(self._stage + 1, len(STAGES) - 1)
        return self.percent

    def alarm(self) -> int:
        """An alarm: back to the old one, for good."""
        self.rolled_back = True
        return self.percent
