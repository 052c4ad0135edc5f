"""The audit certificate: "of the N accepted so far at most U are wrong, with confidence 1 - delta".

The only chance in it is the audit coin, which is ours. Let W be the wrong ones among the accepted so far and let
each be audited with a share pi, logged before its label exists. For any c > 0 with 1 - exp(-c) < pi,

    M = exp(c W - sum over the wrong ones found of theta),   theta = -log(1 - (1 - exp(-c)) / pi)

does not change on a right answer, and on a wrong one is multiplied by exp(c - theta) with chance pi and by exp(c)
else, which is 1 on average. So M is a test martingale *whatever* the answers, the drift and the policy do, as long
as the coin is independent of whether the answer is right, given the past. By Ville's inequality M, averaged over a
grid of c, stays below 1/delta for ever with confidence 1 - delta, and W is bounded at every moment at once. With one
fixed share this is the look-up W_k of a mixture over q < pi, c = log((1 - q) / (1 - pi)).

An audit whose ruling has not come counts as found wrong in the sum, and as wrong and not mended in the claim.

Not promised: a chance for one answer; more than the reviewers' judgement; anything about tomorrow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy.learn.binomial import log_sum
from roadworthy.learn.martingale import FRACTIONS, LOG_WEIGHTS

_DIGITS_MORE = 6


def percent(share: float, digits: int = 1) -> str:
    """A share that somebody chose, in percent: with so many digits, or as many more as were given."""
    written = [f"{share:.{most}%}" for most in range(digits, digits + _DIGITS_MORE + 1)]
    return next((text for text in written if math.isclose(float(text[:-1]) / 100, share)), written[-1])


class State(StrEnum):
    """Where a certificate stands."""

    CALIBRATING = "calibrating"
    CERTIFIED = "certified"
    NOT_CERTIFIED = "not certified"


@quick(frozen=True, slots=True)
class Terms:
    """What is to be certified.

    Attributes:
        max_error: the share of accepted answers that may be wrong.
        audit_share: the smallest share that any answer of this certificate is audited with; fixed for its life.
        delta: the chance that the bound is ever crossed.
    """

    max_error: float
    audit_share: float
    delta: float = 0.05

    def __post_init__(self) -> None:
        for name in ("max_error", "delta"):
            if not 0 < getattr(self, name) < 1:
                raise WrongUse(f"{name}={getattr(self, name)!r}. Give a share above 0 and below 1.")
        if not 0 < self.audit_share <= 1:
            raise WrongUse(f"audit_share={self.audit_share!r}. Give a share above 0, up to 1.")


@quick(frozen=True, slots=True)
class Tally:
    """What happened so far; enough to state the certificate anew from the ledger's rows.

    Attributes:
        accepted: answers accepted, audited ones included.
        clean: audited, and ruled right.
        caught: audited, ruled wrong and mended: how many at which audit share.
        pending: audited, not ruled yet, declined or lost: how many at which audit share.
    """

    accepted: int = 0
    clean: int = 0
    caught: Mapping[float, int] = field(default_factory=dict)
    pending: Mapping[float, int] = field(default_factory=dict)


@quick(frozen=True, slots=True)
class Certificate:
    """The claim, as it is shown.

    Attributes:
        audited: picked by the coin, pending ones included.
        wrong_at_most: of the accepted and not mended, with confidence 1 - delta.
        share_at_most: the same as a share of the accepted.
    """

    accepted: int
    audited: int
    pending: int
    caught: int
    wrong_at_most: int
    share_at_most: float
    max_error: float
    delta: float
    state: State

    @property
    def sentence(self) -> str:
        """The claim in plain words."""
        if not self.accepted:
            return "Nothing is accepted yet, so nothing is certified."
        claim = (
            f"Of the {self.accepted:,} accepted so far at most {self.wrong_at_most:,} "
            f"({self.share_at_most:.1%}) are wrong by the reviewers' judgement, with confidence {percent(1 - self.delta, 0)}"
        )
        basis = f"{self.audited:,} audited, {self.caught:,} found wrong and mended"
        waiting = f", {self.pending:,} not ruled yet and counted as wrong" if self.pending else ""
        wanted = {
            State.CERTIFIED: f"Certified for {percent(self.max_error)}",
            State.NOT_CERTIFIED: f"Not certified for {percent(self.max_error)}",
            State.CALIBRATING: f"Too early to certify {percent(self.max_error)}",
        }[self.state]
        return f"{claim}. {wanted}. {basis}{waiting}."


class Audits:
    """One certificate as it grows: told what is accepted and what is ruled, it states the claim at any moment."""

    def __init__(self, terms: Terms, tally: Tally | None = None) -> None:
        self.terms = terms
        self.accepted = self.clean = 0
        self.caught: dict[float, int] = {}
        self.pending: dict[float, int] = {}
        self._slopes = _slopes(terms.audit_share)
        self._thetas = [0.0] * len(self._slopes)
        if tally is not None:
            self.accepted, self.clean = tally.accepted, tally.clean
            self.caught, self.pending = dict(tally.caught), dict(tally.pending)
            for counts in (self.caught, self.pending):
                for share, count in counts.items():
                    self._add(share, count)

    def accept(self, share: float, *, audited: bool) -> None:
        """An answer is accepted; its coin, drawn with `share`, fell for an audit or not."""
        self._check_share(share)
        self.accepted += 1
        if audited:
            self.pending[share] = self.pending.get(share, 0) + 1
            self._add(share, 1)

    def rule(self, share: float, *, wrong: bool) -> None:
        """The ruling on an answer that was picked with `share`. One that was skipped stays pending."""
        if not self.pending.get(share):
            raise ValueError(f"No audit with share {share!r} is pending. Rule each audit once.")
        self.pending[share] -= 1
        if wrong:
            self.caught[share] = self.caught.get(share, 0) + 1
        else:
            self.clean += 1
            self._add(share, -1)

    @property
    def tally(self) -> Tally:
        """The counts, for keeping."""
        return Tally(self.accepted, self.clean, dict(self.caught), dict(self.pending))

    def certificate(self) -> Certificate:
        """The claim at this moment."""
        caught, pending = sum(self.caught.values()), sum(self.pending.values())
        open_to_doubt = self.accepted - self.clean - caught
        wrong = min(open_to_doubt, self._wrong_in_all() - caught)
        share = wrong / self.accepted if self.accepted else 0.0
        return Certificate(
            accepted=self.accepted,
            audited=self.clean + caught + pending,
            pending=pending,
            caught=caught,
            wrong_at_most=wrong,
            share_at_most=share,
            max_error=self.terms.max_error,
            delta=self.terms.delta,
            state=self._state(share),
        )

    def _state(self, share: float) -> State:
        if self.accepted and share <= self.terms.max_error:
            return State.CERTIFIED
        early = self.accepted < clean_answers_needed(self.terms)
        return State.CALIBRATING if early else State.NOT_CERTIFIED

    def _wrong_in_all(self) -> int:
        """W(k) - 1: the most wrong ones that the audits so far do not refute, found ones included."""
        found = sum(self.caught.values()) + sum(self.pending.values())
        if self.terms.audit_share == 1:
            return found
        limit = math.log(1 / self.terms.delta)

        def refuted(wrong: int) -> bool:
            logs = zip(self._slopes, self._thetas, LOG_WEIGHTS, strict=True)
            return log_sum([weight + slope * wrong - lost for slope, lost, weight in logs]) >= limit

        high = max(1, found)
        while not refuted(high):
            high *= 2
        low = min(found, high) - 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if refuted(middle) else (middle, high)
        return high - 1

    def _add(self, share: float, count: int) -> None:
        self._check_share(share)
        if self.terms.audit_share == 1:
            return
        for index, slope in enumerate(self._slopes):
            self._thetas[index] -= count * math.log1p(math.expm1(-slope) / share)

    def _check_share(self, share: float) -> None:
        if not self.terms.audit_share <= share <= 1:
            raise ValueError(
                f"An audit share of {share!r} is below the {self.terms.audit_share!r} that this certificate was "
                "opened with. Open a new epoch to audit less."
            )


def clean_answers_needed(terms: Terms) -> int:
    """How many accepted answers certify `max_error` when every audit finds them right; what `plan` says."""
    most = Audits(Terms(terms.max_error, terms.audit_share, terms.delta))._wrong_in_all()  # noqa: SLF001 - of the same module
    return max(1, math.ceil(most / terms.max_error - 1e-9))


def clean_audits_needed(terms: Terms) -> int:
    """How many of those answers a person is expected to check."""
    return math.ceil(clean_answers_needed(terms) * terms.audit_share - 1e-9)


def share_for(answers: int, max_error: float, delta: float = 0.05) -> float:
    """The smallest audit share, in steps of a tenth of a percent, that certifies `answers` clean ones."""
    low, high = 0, 1000
    while high - low > 1:
        middle = (low + high) // 2
        enough = clean_answers_needed(Terms(max_error, middle / 1000, delta)) <= answers
        low, high = (low, middle) if enough else (middle, high)
    return high / 1000


def _slopes(share: float) -> tuple[float, ...]:
    """The grid of c; none reaches the share, so that each theta is finite."""
    if share == 1:
        return (0.0,) * len(FRACTIONS)
    return tuple(math.log1p(-part * share) - math.log1p(-share) for part in FRACTIONS)


class Epochs:
    """The certificate of the current epoch beside the one for the whole life, each with its own delta.

    An epoch ends when the policy, the served model or the calendar window changes; the average of a lifetime hides
    what changed lately. A ruling that comes late moves the certificate of the epoch its answer was accepted in.
    """

    def __init__(self, terms: Terms) -> None:
        self.lifetime = Audits(terms)
        self.names: list[str] = []
        self._audits: dict[str, Audits] = {}

    def open(self, name: str, terms: Terms) -> None:
        """A new epoch begins. Its share may not be below the lifetime's."""
        if name in self._audits:
            raise ValueError(f"There is an epoch {name!r} already. Give the new one a name of its own.")
        self.lifetime._check_share(terms.audit_share)  # noqa: SLF001 - of the same module
        self.names.append(name)
        self._audits[name] = Audits(terms)

    def accept(self, share: float, *, audited: bool) -> str:
        """An answer is accepted in the current epoch, whose name is returned and kept with the answer."""
        if not self.names:
            raise ValueError("No epoch is open. Open one before an answer is accepted.")
        for audits in (self.current, self.lifetime):
            audits.accept(share, audited=audited)
        return self.names[-1]

    def rule(self, epoch: str, share: float, *, wrong: bool) -> None:
        """A ruling on an answer of that epoch."""
        for audits in (self._audits[epoch], self.lifetime):
            audits.rule(share, wrong=wrong)

    @property
    def current(self) -> Audits:
        """The epoch that is open."""
        return self._audits[self.names[-1]]
