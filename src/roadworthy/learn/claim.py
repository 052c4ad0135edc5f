"""What can be claimed of a step's accepted answers, stated anew from counts: for its epoch and for its whole life."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from roadworthy._quick import quick
from roadworthy.keep.audits import PASSED, RIGHT, UNSETTLED, AuditCount
from roadworthy.learn.certificate import Audits, Certificate, State, Tally, Terms


@quick(frozen=True, slots=True)
class Claim:
    """A step's certificates.

    Attributes:
        epoch: of the answers that came about as the newest one did; this is the one that certifies.
        life: of all answers since the audit share was last lowered.
        epochs: how many epochs the life has had.
        certified: the numbers of the epochs that are certified; `uncertified` those of the others.
    """

    step: str
    epoch: Certificate
    life: Certificate
    epochs: int
    certified: tuple[int, ...]
    uncertified: tuple[int, ...]

    @property
    def is_certified(self) -> bool:
        """Whether an answer that is accepted now is covered."""
        return self.epoch.state is State.CERTIFIED

    def as_json(self) -> dict[str, object]:
        """What the commands print of it."""
        return {
            "state": str(self.epoch.state),
            "sentence": self.epoch.sentence,
            "epoch": plain(self.epoch),
            "life": plain(self.life),
            "epochs": self.epochs,
        }

    def lines(self) -> list[str]:
        """What a person reads: the newest epoch, and the life where that is another stretch."""
        lines = [f"{self.step}: {self.epoch.sentence}"]
        if self.life.accepted != self.epoch.accepted:
            lines.append(f"  {self.epochs} epochs together: {self.life.sentence}")
        return lines


def plain(certificate: Certificate) -> dict[str, object]:
    """A certificate as flat JSON."""
    return {
        "state": str(certificate.state),
        "accepted": certificate.accepted,
        "audited": certificate.audited,
        "pending": certificate.pending,
        "caught": certificate.caught,
        "wrong_at_most": certificate.wrong_at_most,
        "share_at_most": round(certificate.share_at_most, 6),
        "max_error": certificate.max_error,
        "confidence": round(1 - certificate.delta, 6),
    }


def claim_of(
    step: str, counts: Sequence[AuditCount], *, max_error: float, delta: float, share: float
) -> Claim:
    """The certificates of a step as its audits stand.

    Each epoch and each life has a delta of its own. A life ends where the share is lowered: its certificate was
    opened with a share that no later answer may fall below.

    Args:
        share: the audit share of an epoch that has no answer yet.
    """
    if not counts:
        none = Audits(Terms(max_error, share, delta)).certificate()
        return Claim(step, none, none, 0, (), ())
    by_epoch: dict[int, list[AuditCount]] = {}
    for count in counts:
        by_epoch.setdefault(count.epoch_id, []).append(count)
    stated = {number: _stated(rows, max_error, delta) for number, rows in by_epoch.items()}
    newest = max(by_epoch, key=lambda number: max(row.newest for row in by_epoch[number]))
    life = max(row.life for row in counts)
    lived = [row for row in counts if row.life == life]
    return Claim(
        step=step,
        epoch=stated[newest],
        life=_stated(lived, max_error, delta),
        epochs=len({row.epoch_id for row in lived}),
        certified=tuple(n for n, found in stated.items() if found.state is State.CERTIFIED),
        uncertified=tuple(n for n, found in stated.items() if found.state is not State.CERTIFIED),
    )


def _stated(rows: Sequence[AuditCount], max_error: float, delta: float) -> Certificate:
    opened = min(row.opened_share for row in rows)
    caught = [row for row in rows if row.state not in {PASSED, RIGHT, *UNSETTLED}]
    tally = Tally(
        accepted=sum(row.count for row in rows),
        clean=sum(row.count for row in rows if row.state == RIGHT),
        caught=_by_share(caught),
        pending=_by_share(row for row in rows if row.state in UNSETTLED),
    )
    return Audits(Terms(max_error, opened, delta), tally).certificate()


def _by_share(rows: Iterable[AuditCount]) -> dict[float, int]:
    found: dict[float, int] = {}
    for row in rows:
        found[row.share] = found.get(row.share, 0) + row.count
    return found
