"""What is known of quality: how a certificate moved with the rulings, how sure answers were and how often right, drift."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from roadworthy._quick import quick
from roadworthy.keep.alarms import Alarm, Reading, readings, standing_alarms
from roadworthy.keep.audits import PASSED, RIGHT, UNSETTLED, audit_counts
from roadworthy.keep.transaction import Transaction, as_float, as_int, as_text
from roadworthy.learn.agreement import Agreement
from roadworthy.learn.certificate import Audits, Tally, Terms, percent
from roadworthy.learn.claim import Claim
from roadworthy.observe.certified import agreements
from roadworthy.observe.report import wilson
from roadworthy.observe.watched import watched
from roadworthy.serve.console import chart
from roadworthy.serve.console.chart import Chart
from roadworthy.serve.console.look import Look

_AUDITS_MAX: Final = 20_000
_POINTS: Final = 80
_RULED_MAX: Final = 20_000
_READINGS: Final = 60
_BINS: Final = 10


@quick(frozen=True, slots=True)
class Proved:
    """One step's certificate, its course, and how far two readers agree."""

    claim: Claim
    course: Chart | None
    readers: Agreement | None


@quick(frozen=True, slots=True)
class Bin:
    """Ruled answers of which a step was about as sure: `low` and `high` bound the share that is right (Wilson, 95 %)."""

    sure: float
    right: int
    ruled: int
    low: float
    high: float


@quick(frozen=True, slots=True)
class Calibration:
    """How sure a step was against how often it was right, on what people ruled on."""

    step: str
    bins: tuple[Bin, ...]
    chart: Chart


@quick(frozen=True, slots=True)
class Drift:
    """What is watched of a step without labels.

    Attributes:
        served: by the name that was asked, what those were called who answered.
        facts: answers in the newest readings, the audit share by now.
    """

    step: str
    accepted: Chart | None
    served: Mapping[str, tuple[str, ...]]
    facts: Mapping[str, object]
    alarms: tuple[Alarm, ...]


@quick(frozen=True, slots=True)
class _Picked:
    """An answer that the coin picked: the how-many-eth accepted one it is, and when it was asked about and ruled on."""

    place: int
    share: float
    state: str
    opened_at: float
    ruled_at: float | None


def proved(look: Look) -> list[Proved]:
    """Every step that makes a promise."""
    readers = look.read(lambda tx: agreements(tx, look.app))
    return [
        Proved(claim, look.read(lambda tx, claim=claim: course(tx, look.app, claim)), readers.get(claim.step))  # type: ignore[misc] # read at once
        for claim in look.claims()
    ]


def course(tx: Transaction, app: str, claim: Claim) -> Chart | None:
    """How the newest epoch's certificate moved with each ruling; None before the first one.

    How many were accepted at a ruling is known from the audits that were open by then, so it is short by at most those
    between two audits; the last point has them all.
    """
    counts = audit_counts(tx, app, claim.step)
    if not counts:
        return None
    newest = max(counts, key=lambda count: count.newest).epoch_id
    opened = min(count.opened_share for count in counts if count.epoch_id == newest)
    picked = [
        _Picked(
            as_int(place),
            as_float(share),
            as_text(state),
            as_float(at),
            None if ruled is None else as_float(ruled),
        )
        for place, share, state, at, ruled in tx.rows("audited", epoch_id=newest, count=_AUDITS_MAX)
    ]
    moments = sorted(
        one.ruled_at for one in picked if one.ruled_at is not None and one.state not in UNSETTLED
    )
    if not moments:
        return None
    terms = Terms(claim.epoch.max_error, opened, claim.epoch.delta)
    every = max(1, len(moments) // _POINTS)
    points = [
        _point(terms, picked, number, at) for number, at in enumerate(moments, start=1) if number % every == 0
    ]
    begun = Audits(terms, _tally([one for one in picked if one.opened_at <= moments[0]], -1.0)).certificate()
    shares = [(0, begun.share_at_most), *points[:-1], (len(moments), claim.epoch.share_at_most)]
    return chart.line(
        [(float(number), share, f"after {number} rulings: at most {share:.1%}") for number, share in shares],
        told=f"{claim.step}: wrong at most, of those accepted, after each of {len(moments)} rulings; "
        f"now {claim.epoch.share_at_most:.1%}, promised {percent(claim.epoch.max_error)}",
        x_name="audits ruled on",
        words=lambda share: f"{share:.0%}" if share >= 0.1 or not share else f"{share:.1%}",
        rule=(claim.epoch.max_error, f"promised {percent(claim.epoch.max_error)}"),
        most=1.0 if max(share for _, share in shares) > 0.5 else None,
        steps=True,
    )


def _point(terms: Terms, picked: list[_Picked], number: int, at: float) -> tuple[int, float]:
    seen = [one for one in picked if one.opened_at <= at]
    return number, Audits(terms, _tally(seen, at)).certificate().share_at_most


def _tally(seen: list[_Picked], at: float) -> Tally:
    """What had happened by then."""
    caught: Counter[float] = Counter()
    pending: Counter[float] = Counter()
    clean = 0
    for one in seen:
        if one.ruled_at is None or one.ruled_at > at or one.state in UNSETTLED:
            pending[one.share] += 1
        elif one.state in {RIGHT, PASSED}:
            clean += 1
        else:
            caught[one.share] += 1
    return Tally(max((one.place for one in seen), default=0), clean, caught, pending)


def calibrations(look: Look) -> list[Calibration]:
    """Every step that says how sure it is and that people ruled on."""
    rows = look.read(lambda tx: tx.rows("sure_and_ruled", app=look.app, count=_RULED_MAX))
    counted: dict[str, dict[int, list[float]]] = {}
    for step, sure, ruling, count in rows:
        place = min(_BINS - 1, int(as_float(sure) * _BINS))
        held = counted.setdefault(as_text(step), {}).setdefault(place, [0.0, 0, 0])
        held[0] += as_float(sure) * as_int(count)
        held[1] += as_int(count) if ruling == "right" else 0
        held[2] += as_int(count)
    found = []
    for step, places in counted.items():
        bins = tuple(
            Bin(total / ruled, int(right), int(ruled), *wilson(int(right), int(ruled)))
            for _, (total, right, ruled) in sorted(places.items())
        )
        drawn = chart.reliability(
            [(one.sure, one.right / one.ruled, one.low, one.high, _said(one)) for one in bins],
            told=f"{step}: how often answers were right, by how sure the step was: "
            + "; ".join(_said(one) for one in bins),
        )
        found.append(Calibration(step, bins, drawn))
    return found


def _said(one: Bin) -> str:
    return f"{one.sure:.2f} sure: {one.right} of {one.ruled} right"


def drifts(look: Look) -> list[Drift]:
    """Every step that is watched."""
    seen = look.read(lambda tx: watched(tx, look.app, look.plan.promises, look.settings))
    alarms = look.read(lambda tx: standing_alarms(tx, look.app))
    found = []
    for step, facts in seen.items():
        newest = look.read(lambda tx, step=step: readings(tx, look.app, step, _READINGS))  # type: ignore[misc] # read at once
        own = tuple(alarm for alarm in alarms if alarm.step == step)
        found.append(Drift(step, _accepted(step, newest[::-1]), _served(newest[::-1]), facts, own))
    return found


def _accepted(step: str, oldest_first: list[Reading]) -> Chart | None:
    shares = [(one.accepted / one.answers, one) for one in oldest_first if one.answers]
    if len(shares) < 2:
        return None
    return chart.line(
        [
            (float(number), share, f"{one.accepted} of {one.answers} accepted")
            for number, (share, one) in enumerate(shares, start=1)
        ],
        told=f"{step}: the share of answers that was accepted, in its newest {len(shares)} readings",
        x_name="readings, oldest first",
        words=lambda share: f"{share:.0%}",
        most=1.0,
    )


def _served(oldest_first: list[Reading]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for reading in oldest_first:
        for asked, names in reading.served.items():
            held = found.setdefault(asked, [])
            held.extend(name for name in names if name not in held)
    return {asked: tuple(names) for asked, names in found.items()}
