"""Which answers are sure enough: learn-then-test over one scalar, a cap on the doubt of an accepted answer."""

from __future__ import annotations

import math
from collections.abc import Sequence

from roadworthy._quick import quick
from roadworthy.learn.binomial import binomial_p_value, log_binomial_tail, remainder_p_value
from roadworthy.learn.martingale import log_e


class Spending:
    """Delta is spent per event (a new model, an alarm, a re-calibration), never per day; each event is counted.

    The j-th event gets delta * 6 / (pi^2 j^2); the whole never exceeds delta (union bound).
    """

    def __init__(self, delta: float, events: int = 0) -> None:
        self.delta = delta
        self.events = events

    def next(self) -> float:
        """The delta of one more event."""
        self.events += 1
        return self.delta * 6 / (math.pi**2 * self.events**2)


@quick(frozen=True, slots=True)
class Threshold:
    """What was found.

    Attributes:
        cap: answers with a doubt of at most this are accepted; None where nothing could be certified.
        accepted: of the calibration answers.
        wrong: of those.
        tested: hypotheses tested, the failed one included.
    """

    cap: float | None
    accepted: int
    wrong: int
    tested: int


def caps_of(doubts: Sequence[float], count: int = 50) -> list[float]:
    """At most `count` caps, rising, at equal shares of these doubts; chosen without a label."""
    values = sorted(doubts)
    steps = min(count, len(values))
    picks = {values[min(len(values) - 1, math.ceil((i + 1) * len(values) / steps) - 1)] for i in range(steps)}
    return sorted(picks)


def start_of(
    caps: Sequence[float],
    doubts: Sequence[float],
    wrong: Sequence[bool],
    labels: int,
    max_error: float,
    delta: float,
) -> int:
    """Where the sequence should begin: the cap most likely to pass, judged on tuning labels (never the test's).

    Error among the accepted is not monotone in the cap: the first few answers may hold an error that no test can
    outweigh. A start in the wrong place stops the sequence at its first step (every run on a 1:1 mix, measured).

    Args:
        doubts, wrong: out-of-fold on the tuning set.
        labels: how many calibration labels the test will have.
    """
    insides = [[bad for doubt, bad in zip(doubts, wrong, strict=True) if doubt <= cap] for cap in caps]
    counts = [(len(inside), sum(inside)) for inside in insides]
    return start_among(counts, labels / max(1, len(doubts)), max_error, delta)


def start_among(counts: Sequence[tuple[int, int]], scale: float, max_error: float, delta: float) -> int:
    """The same where it is counted already: by cap, in order, how many tuning answers are accepted, and wrong.

    Args:
        scale: how many labels the test will have for each of the tuning set.
    """
    best, found = -math.inf, 0
    for index, (inside, bad) in enumerate(counts):
        accepted = inside * scale
        if accepted < 1:
            continue
        rate = (bad + 0.5) / (inside + 1)
        room = max_error - rate
        power = room * math.sqrt(accepted / max(rate * (1 - rate), 1e-6))
        needed = math.log(delta) / math.log1p(-max_error)
        if power > best and accepted >= needed:
            best, found = power, index
    return found


def choose(
    caps: Sequence[float],
    start: int,
    doubts: Sequence[float],
    wrong: Sequence[bool],
    max_error: float,
    delta: float,
) -> Threshold:
    """The largest cap, going up from `start`, whose error among the accepted is proved to be at most `max_error`.

    Theorem: Learn-then-Test with fixed-sequence testing (Angelopoulos et al. 2021): hypotheses are tested in an order
    fixed before the labels, each at delta, until one fails; no union bound is needed. Exact binomial p-values.
    Assumes: the labelled answers are a random sample of what is to come, all of them fixed before the test; `caps` and
    `start` come from other data.
    Does not promise: anything after the distribution changed; that is the certificate's work.
    """
    insides = [[w for doubt, w in zip(doubts, wrong, strict=True) if doubt <= cap] for cap in caps]
    return choose_among(caps, [(len(inside), sum(inside)) for inside in insides], start, max_error, delta)


def choose_among(
    caps: Sequence[float], counts: Sequence[tuple[int, int]], start: int, max_error: float, delta: float
) -> Threshold:
    """The same where it is counted already: by cap, in order, how many answers are accepted, and wrong.

    A ladder accepts the first answer whose doubt is at most the cap, so its counts do not follow from one doubt each.
    Theorem, assumptions: as `choose`.
    """
    cap, accepted, bad, tested = None, 0, 0, 0
    for candidate, (inside, wrong) in list(zip(caps, counts, strict=True))[start:]:
        tested += 1
        if binomial_p_value(wrong, inside, max_error) > delta:
            break
        cap, accepted, bad = candidate, inside, wrong
    return Threshold(cap, accepted, bad, tested)


def choose_for_batch(
    caps: Sequence[float],
    start: int,
    sampled: Sequence[tuple[float, bool]],
    batch: Sequence[float],
    max_error: float,
    delta: float,
) -> Threshold:
    """As `choose`, for a finite batch: the claim is about the accepted answers of the batch that were not labelled.

    Theorem: fixed-sequence testing with `binomial.remainder_p_value` as the p-value: given how many of the sampled
    rows a cap accepts, they are a random sample of the rows of the batch that it accepts.
    Assumes: `sampled` rows were drawn from the batch by chance alone, their number fixed before.
    Does not promise: anything about rows outside the batch. A binomial bound here would be invalid (.145 instead of
    .10, measured), since it certifies a population and not the rest of a batch.

    Args:
        sampled: doubt and label of the rows that were drawn.
        batch: doubts of all rows, the sampled ones included.
    """
    cap, accepted, bad, tested = None, 0, 0, 0
    for candidate in caps[start:]:
        inside = [w for doubt, w in sampled if doubt <= candidate]
        population = sum(doubt <= candidate for doubt in batch)
        allowed = math.floor(max_error * (population - len(inside)) + 1e-9)
        tested += 1
        if remainder_p_value(population, len(inside), sum(inside), allowed) > delta:
            break
        cap, accepted, bad = candidate, len(inside), sum(inside)
    return Threshold(cap, accepted, bad, tested)


class Trickle:
    """The same choice while labels trickle in: valid whenever one looks.

    Theorem: fixed-sequence testing with an e-process a cap (`martingale.log_e`; the sequential Learn-then-Test). A cap
    is certified once its own evidence and that of every cap from the start up to it has crossed 1/delta.
    Assumes: labels arrive in an order that does not depend on them, of answers drawn as they come; caps and start are
    fixed before. Does not promise: as `choose`. Costs 19 to 43 % more labels at an equal count of errors.
    """

    def __init__(self, caps: Sequence[float], start: int, max_error: float, delta: float) -> None:
        self.caps = tuple(caps[start:])
        self.max_error = max_error
        self.delta = delta
        self._counts = [[0, 0] for _ in self.caps]
        self._certified = 0

    def see(self, doubt: float, *, wrong: bool) -> None:
        """One more label."""
        for cap, counts in zip(self.caps, self._counts, strict=True):
            if doubt <= cap:
                counts[0] += wrong
                counts[1] += 1
        while self._certified < len(self.caps) and self._crossed(self._certified):
            self._certified += 1

    def _crossed(self, index: int) -> bool:
        wrong, labels = self._counts[index]
        return log_e(wrong, labels, self.max_error) >= math.log(1 / self.delta)

    @property
    def threshold(self) -> Threshold:
        """What is certified so far."""
        if not self._certified:
            return Threshold(None, 0, 0, 1)
        wrong, labels = self._counts[self._certified - 1]
        tested = min(self._certified + 1, len(self.caps))
        return Threshold(self.caps[self._certified - 1], labels, wrong, tested)


def power_of(labels: int, rate: float, max_error: float, delta: float) -> float:
    """The chance that `labels` fixed labels certify `max_error` when the true rate is `rate`."""
    limit, critical = math.log(delta), -1
    while critical < labels and log_binomial_tail(critical + 1, labels, max_error) <= limit:
        critical += 1
    return 0.0 if critical < 0 else math.exp(log_binomial_tail(critical, labels, rate))
