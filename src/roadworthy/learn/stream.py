"""A stream of records, a ladder of models and people: who answers, what is audited, what is certified.

The policy joins the others: `doubt` says how doubtful the best answer is, the cap says how much of it may be
accepted, the coin picks audits, the certificate states what is true of it all whatever this policy does. So the
policy may steer freely: it aims at as much acceptance as the certificate can bear.

Told what happened, it says what to do next: `Ask` the next model, `Accept` the answer (with the share to audit it
with), or let a `Person` answer.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from roadworthy._quick import quick
from roadworthy.learn.certificate import Audits, Certificate, Tally, Terms
from roadworthy.learn.doubt import Doubt, Opinion, Proposal
from roadworthy.learn.drift import Drift

SHARES = (0.05, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)  # audit shares that are weighed
SAFETY = 0.05  # of all records, people's work that a safer audit share may cost
CAUTION = 1.64  # standard deviations of the audited errors that are kept in reserve
EARLY = 0.2  # before the last model an answer is accepted at this fraction of the cap: asking on costs little
WINDOW = 400  # newest records that the cap is chosen on
DAMPING = 8.0  # expected errors that must be found before the doubts are corrected by half
GOALS = (0.75, 2.0)  # how far steering may move the rate that was planned
STEER_EVERY = (
    20  # rulings between two choices of the cap; an error that is found, or a fit, makes one at once
)
CAP_MAX = 0.5  # a likelier answer than not is the least that is accepted


@quick(frozen=True, slots=True)
class Ask:
    """The next model is to be asked."""


@quick(frozen=True, slots=True)
class Accept:
    """The answer is accepted; the coin is drawn with `share`."""

    answer: str
    doubt: float
    share: float


@quick(frozen=True, slots=True)
class Person:
    """A person answers; `answer` is what they are shown, where there is one."""

    answer: str | None


Move = Ask | Accept | Person


@quick(frozen=True, slots=True)
class Plan:
    """What is aimed at.

    Attributes:
        max_error, delta: of the certificate.
        records: how many are expected in all; a stream without an end renews its plan now and then.
        warm_up: records that people answer before anything is accepted.
        audit_share: None lets the policy choose one when the warm-up ends.
    """

    max_error: float
    records: int
    warm_up: int = 100
    audit_share: float | None = None
    delta: float = 0.05


class Stream:
    """The policy as a state machine."""

    def __init__(self, plan: Plan, models: int, doubt: Doubt | None = None) -> None:
        self.plan = plan
        self.models = models
        self.doubt = doubt or Doubt()
        self.audits: Audits | None = None
        self.cap = 0.0
        self.seen = 0
        self.drift: Drift | None = None
        self._recent: deque[tuple[tuple[Opinion, ...], float]] = deque(maxlen=WINDOW)
        self._expected = self._found = 0.0
        self._brake = 1.0
        self._rulings = 0

    def move(self, opinions: Sequence[Opinion]) -> Move:
        """What to do with a record, given the opinions so far (none at first)."""
        if not opinions:
            self.seen += 1
            return Ask() if self.models else Person(None)
        best = self.doubt.propose(opinions)
        last = len(opinions) == self.models
        accepts = self.audits is not None and best.doubt <= self.cap * (1 if last else EARLY)
        if accepts or last:
            self._recent.append((tuple(opinions), best.doubt))
        if self.audits is None:
            return self._warm(best) if last else Ask()
        if accepts:
            return Accept(best.answer, best.doubt, self.audits.terms.audit_share)
        return Person(best.answer) if last else Ask()

    def accepted(self, move: Accept, *, audited: bool) -> None:
        """An answer was accepted; the coin fell for an audit or not."""
        assert self.audits is not None
        self.audits.accept(move.share, audited=audited)

    def ruled(self, opinions: Sequence[Opinion], truth: str, audit_of: Accept | None = None) -> None:
        """A person said what is right: of an audited answer, or instead of one."""
        if audit_of is not None:
            assert self.audits is not None
            self._audited(audit_of, wrong=truth != audit_of.answer)
        self._rulings += 1
        if self.doubt.learn(opinions, truth, weight=1 / audit_of.share if audit_of else 1.0):
            again = [opinions for opinions, _ in self._recent]
            self._recent.extend((heard, self.doubt.propose(heard).doubt) for heard in again)
            self._rulings = STEER_EVERY
        if self.audits is not None and self._rulings >= STEER_EVERY:
            self._steer()

    def _audited(self, move: Accept, *, wrong: bool) -> None:
        assert self.audits is not None
        self.audits.rule(move.share, wrong=wrong)
        self._expected += move.doubt
        self._found += wrong
        if wrong:
            self._rulings = STEER_EVERY
        if self.drift is not None and self.drift.see(wrong=wrong):
            self._brake /= 2
            self.drift.restart()

    def certificate(self) -> Certificate | None:
        """The claim at this moment; None while nothing could be accepted yet."""
        return self.audits.certificate() if self.audits else None

    def _warm(self, best: Proposal) -> Move:
        """People answer until the warm-up ends; then the certificate is opened with an audit share."""
        if self.seen > self.plan.warm_up:
            doubts = self._doubts()
            left = self.plan.records - self.seen
            share = self.plan.audit_share or safest_share(doubts, left, self.plan)
            self.audits = Audits(Terms(self.plan.max_error, share, self.plan.delta))
            # audits mend what they find, so the rate before them may be higher than what is certified
            self.drift = Drift(min(0.5, self.plan.max_error / (1 - min(share, 0.9))))
            self._steer()
        return Person(best.answer)

    def _doubts(self) -> list[float]:
        return [doubt for _, doubt in self._recent]

    def _steer(self) -> None:
        """Choose the cap anew: as high as what is left of the certificate's room can bear."""
        assert self.audits is not None
        self._rulings = 0
        terms, done = self.audits.terms, self.audits.accepted
        left = max(1, self.plan.records - self.seen)
        correction = (self._found + DAMPING) / (self._expected + DAMPING)
        doubts = sorted(min(1.0, doubt * correction) for doubt in self._doubts())
        share_accepted = sum(doubt <= self.cap for doubt in doubts) / len(doubts) if self.cap else 0.8
        to_come = max(20.0, left * share_accepted)
        planned = affordable_rate(terms, int(done + to_come))
        room = most_found(terms, int(done + to_come)) - self._found
        wanted = bearable(room) / (terms.audit_share * to_come)
        rate = self._brake * min(GOALS[1] * planned, max(GOALS[0] * planned, wanted))
        self.cap = cap_for(doubts, rate) / max(correction, 1e-9)


def cap_for(doubts: Sequence[float], rate: float) -> float:
    """The highest doubt up to which the mean of these is at most `rate`; 0 where even the least is above it."""
    total, cap = 0.0, 0.0
    for count, doubt in enumerate(sorted(doubts), start=1):
        total += doubt
        if total > rate * count or doubt > CAP_MAX:
            break
        cap = doubt
    return cap


def safest_share(doubts: Sequence[float], records: int, plan: Plan) -> float:
    """The audit share that leaves people little work: audits of what is accepted, and all that is not.

    A higher share bears more errors for more audits. The warm-up's doubts are rough, and too low a share may end without
    a certificate, so it is the highest one that costs at most `SAFETY` more work than the cheapest.
    """

    def work(share: float) -> float:
        terms = Terms(plan.max_error, share, plan.delta)
        accepted = 0.8
        for _ in range(3):
            cap = cap_for(doubts, affordable_rate(terms, int(accepted * records)))
            accepted = sum(doubt <= cap for doubt in doubts) / max(1, len(doubts)) if cap else 0.0
        return 1 - accepted + accepted * share

    costs = {share: work(share) for share in SHARES}
    return max(share for share, cost in costs.items() if cost <= min(costs.values()) + SAFETY)


def most_found(terms: Terms, answers: int) -> int:
    """The most audited errors with which that many answers are still certified; -1 where none are allowed."""

    def certified(found: int) -> bool:
        caught = {terms.audit_share: found} if found else {}
        claim = Audits(terms, Tally(max(answers, found), 0, caught)).certificate()
        return claim.wrong_at_most <= terms.max_error * answers

    if not answers or not certified(0):
        return -1
    low, high = 0, 1
    while high < answers and certified(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if certified(middle) else (low, middle)
    return low


def bearable(room: float) -> float:
    """The expected number of errors that stays within `room` but for bad luck."""
    if room <= 0:
        return 0.0
    return (math.sqrt(CAUTION**2 / 4 + room) - CAUTION / 2) ** 2


def affordable_rate(terms: Terms, answers: int) -> float:
    """The error rate of accepted answers, before audits mend any, at which that many are likely to be certified."""
    if not answers:
        return 0.0
    return bearable(most_found(terms, answers)) / (terms.audit_share * answers)
