"""What labels teach of one step: a gauge for each model, and the threshold that is proved to keep the promise.

Labels are parted before they are looked at. On one part gauges are fitted and the caps are laid out; on the other the
threshold is tested. The test wants a random sample of what is answered, so it uses one kind of label alone: audits
with doubts, or labels from files. Audits are a random share of the accepted; of the doubts, all of which people see,
the same share is drawn by a hash, so that neither weighs more than the other. What was asked because two versions
differ, or because a batch's worst rows are looked at, is no random sample of anything: it tunes and never tests.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal

from roadworthy._quick import quick
from roadworthy.decide.trust import Gauge, Trust
from roadworthy.learn.binomial import binomial_p_value
from roadworthy.learn.calibration import fit_isotonic, fit_platt
from roadworthy.learn.threshold import Threshold, caps_of, choose_among, start_among

AUDIT, DOUBT, FILE, CHOSEN = "audit", "doubt", "file", "chosen"
GAUGE_LABELS_MIN = 10  # answers of a model that have labels, below which it gets no gauge
STEPS_LABELS_MIN = 400  # labels from which on a gauge is a step function, below a curve with two parameters
LABELS_MAX = 50_000  # no hope beyond


@quick(frozen=True, slots=True)
class Heard:
    """One model's answer to a labelled record.

    Attributes:
        confidence: as the step's source gives it; None where it says nothing.
        wrong: by the label; None where the label is about another answer and does not tell.
    """

    model: str
    confidence: float | None
    wrong: bool | None

    @property
    def score(self) -> float:
        """Of doubt, higher is worse."""
        return 0.0 if self.confidence is None else 1 - self.confidence


@quick(frozen=True, slots=True)
class Case:
    """One labelled record.

    Attributes:
        kind: where its label comes from: `audit`, `doubt`, `file`, or `chosen`, which is never tested on.
        share: the chance that an audit was picked with; 1 for the others.
        heard: the valid answers of the models of the ladder, in its order.
        asked: the models that were asked; one that is not in `heard` gave no valid answer.
    """

    key: str
    kind: str
    share: float
    heard: tuple[Heard, ...]
    asked: tuple[str, ...]


@quick(frozen=True, slots=True)
class Aim:
    """What is to be proved.

    Attributes:
        ladder: the models' names, in the order they are asked.
        scored: whether the step names a source of confidence; an answer without one is then not accepted.
        max_error: the share of accepted answers that may be wrong.
    """

    step: str
    ladder: tuple[str, ...]
    scored: bool
    max_error: float


@quick(frozen=True, slots=True)
class Parted:
    """Cases to tune on, and cases to test on, a random sample of one kind."""

    tune: tuple[Case, ...]
    test: tuple[Case, ...]
    kind: str

    @property
    def subject(self) -> str:
        """What a test on these uses delta for: another label, answer or score makes it another test."""
        return hashlib.sha256(repr((self.tune, self.test)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


@quick(frozen=True, slots=True)
class Lesson:
    """What came of it.

    Attributes:
        trust: what is proved; None where nothing is.
        found: the test's counts.
        tune, test: how many labels each part has.
        missing: labelled records of the test for which a model would have to be asked; counted as wrong.
        unjudged: models with too few labelled answers for a gauge, with how many they have.
        wanted: about how many labels more may prove it; 0 where it is proved, -1 where more labels will not help.
    """

    trust: Trust | None
    found: Threshold
    tune: int
    test: int
    missing: int
    unjudged: Mapping[str, int]
    wanted: int


def part(aim: Aim, cases: Sequence[Case]) -> Parted:
    """Part labels by hashes of their keys, without a look at what they say."""
    shares = [case.share for case in cases if case.kind == AUDIT]
    share = min(shares, default=1.0)
    of_kind = {
        FILE: [case for case in cases if case.kind == FILE],
        AUDIT: [
            case
            for case in cases
            if shares and case.kind in {AUDIT, DOUBT} and _draw(aim, case, "thin") * _odds(case) < share
        ],
    }
    kind = max(of_kind, key=lambda name: len(of_kind[name]))
    test = tuple(case for case in of_kind[kind] if _draw(aim, case, "part") < 0.5)
    kept = {case.key for case in test}
    return Parted(tuple(case for case in cases if case.key not in kept), test, kind)


def teach(aim: Aim, parted: Parted, delta: float, later: float) -> Lesson:
    """Fit gauges, lay out caps, and test the threshold on the labels kept for it.

    Theorem, assumptions: `threshold.choose`. A model that was not asked about a record it would have to answer counts
    as wrong there, so that what is not known never helps.

    Args:
        delta: of this test.
        later: of the next one, for which labels may be wanted.
    """
    gauges, unjudged = _gauges(aim, parted.tune)
    doubts = [
        gauges[heard.model].chance(heard.score)
        for case in parted.tune
        for heard in case.heard
        if heard.model in gauges and _says(aim, heard)
    ]
    nothing = Threshold(None, 0, 0, 0)
    if not doubts:
        most = max(unjudged.values(), default=0)
        wanted = 2 * max(1, GAUGE_LABELS_MIN - most)
        return Lesson(None, nothing, len(parted.tune), len(parted.test), 0, unjudged, wanted)
    caps = caps_of(doubts)
    tuned = [_counts(aim, gauges, parted.tune, cap) for cap in caps]
    tested = [_counts(aim, gauges, parted.test, cap) for cap in caps]
    scale = len(parted.test) / max(1, len(parted.tune))
    start = start_among([count[:2] for count in tuned], scale, aim.max_error, delta)
    found = choose_among(caps, [count[:2] for count in tested], start, aim.max_error, delta)
    trust = None if found.cap is None else Trust(found.cap, gauges)
    at = caps.index(found.cap) if found.cap is not None else start
    hopes = [] if trust is not None else [_wanted(aim, count[:2], parted, later) for count in tuned]
    wanted = min((hope for hope in hopes if hope > 0), default=0 if trust is not None else -1)
    return Lesson(trust, found, len(parted.tune), len(parted.test), tested[at][2], unjudged, wanted)


def accepted_now(cases: Sequence[Case], aim: Aim, trust: Trust) -> tuple[int, int]:
    """(accepted, wrong) of these cases under a trust, with what is not known counted as wrong."""
    return _counts(aim, trust.gauges, cases, trust.cap)[:2]


def _gauges(aim: Aim, cases: Sequence[Case]) -> tuple[dict[str, Gauge], dict[str, int]]:
    found: dict[str, Gauge] = {}
    unjudged: dict[str, int] = {}
    for model in aim.ladder:
        known = [
            (heard.score, heard.wrong)
            for case in cases
            for heard in case.heard
            if heard.model == model and heard.wrong is not None and _says(aim, heard)
        ]
        if len(known) < GAUGE_LABELS_MIN:
            unjudged[model] = len(known)
            continue
        scores, wrong = [score for score, _ in known], [bad for _, bad in known]
        many = len(known) >= STEPS_LABELS_MIN and len(set(scores)) > 1
        found[model] = fit_isotonic(scores, wrong) if many else fit_platt(scores, wrong)
    return found, unjudged


def _counts(aim: Aim, gauges: Mapping[str, Gauge], cases: Sequence[Case], cap: float) -> tuple[int, int, int]:
    """(accepted, wrong, of those not known) when answers with a doubt up to the cap are accepted."""
    tally = Counter(_outcome(aim, gauges, case, cap) for case in cases)
    unknown = tally["unknown"]
    return tally["right"] + tally["wrong"] + unknown, tally["wrong"] + unknown, unknown


def _outcome(aim: Aim, gauges: Mapping[str, Gauge], case: Case, cap: float) -> str:
    said = {heard.model: heard for heard in case.heard}
    for model in aim.ladder:
        if model not in gauges:
            continue
        heard = said.get(model)
        if heard is None:
            if model not in case.asked:
                return "unknown"  # it might have answered wrongly
            continue
        if _says(aim, heard) and gauges[model].chance(heard.score) <= cap:
            return "unknown" if heard.wrong is None else "wrong" if heard.wrong else "right"
    return "person"


def _says(aim: Aim, heard: Heard) -> bool:
    return heard.confidence is not None or not aim.scored


def _wanted(aim: Aim, tuned: tuple[int, int], parted: Parted, delta: float) -> int:
    """About how many labels more would prove a cap, if it goes on as on the tuning part; -1 where none will."""
    inside, bad = tuned
    if not inside:
        return -1
    rate = Decimal(bad) / inside
    if rate >= Decimal(str(aim.max_error)):
        return -1
    low, high = 1, 2
    while not _proves(high, rate, aim.max_error, delta):
        low, high = high, high * 2
        if high > LABELS_MAX:
            return -1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _proves(middle, rate, aim.max_error, delta) else (middle, high)
    per_label = inside / len(parted.tune) / 2  # accepted ones of the tuning part; half the labels are tested
    return max(1, round(high / per_label) - 2 * len(parted.test))


def _proves(labels: int, rate: Decimal, max_error: float, delta: float) -> bool:
    wrong = int((rate * labels).to_integral_value(rounding=ROUND_CEILING))
    return binomial_p_value(wrong, labels, max_error) <= delta


def _odds(case: Case) -> float:
    """The chance that a label came about with."""
    return case.share if case.kind == AUDIT else 1.0


def _draw(aim: Aim, case: Case, purpose: str) -> float:
    """A number in [0, 1) that depends on nothing but who the record is."""
    digest = hashlib.sha256(f"{purpose} {aim.step} {case.key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
