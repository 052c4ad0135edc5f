"""What a step promises of its accepted answers: the largest share that may be wrong, and how that is checked."""

from __future__ import annotations

from roadworthy._errors import WrongUse
from roadworthy._figure import is_number
from roadworthy._quick import quick


@quick(frozen=True, slots=True)
class Promise:
    """At most `max_error` of the accepted answers are wrong by the reviewers' judgement; audits test it.

    Attributes:
        max_error: the share of accepted answers that may be wrong.
        audit_share: the share of accepted answers that chance picks for a person; None for the setting.
        hold: whether answers stand back until the promise is certified.
    """

    max_error: float
    audit_share: float | None = None
    hold: bool = False

    def __post_init__(self) -> None:
        if not is_number(self.max_error) or not 0 < self.max_error < 1:
            raise WrongUse(
                f"max_error={self.max_error!r}: give the share of accepted answers that may be wrong, above 0 and "
                "below 1, such as 0.03."
            )
        if self.audit_share is not None and (
            not is_number(self.audit_share) or not 0 < self.audit_share <= 1
        ):
            raise WrongUse(
                f"audit_share={self.audit_share!r}: give the share of accepted answers that a person checks, above 0, "
                "up to 1, such as 0.05."
            )

    def share(self, default: float) -> float:
        """The share of accepted answers that is audited; `default` is the setting's."""
        return min(1.0, default) if self.audit_share is None else self.audit_share


def promise_of(max_error: float | None, audit_share: float | None, *, hold: bool) -> Promise | None:
    """What `App.step` was given, as a promise; None where none is made.

    Raises:
        WrongUse: a share that cannot be, or something that needs `max_error=` without it.
    """
    if max_error is not None:
        return Promise(max_error, audit_share, hold)
    for name, given in (("audit_share=", audit_share is not None), ("hold_until_certified=True", hold)):
        if given:
            raise WrongUse(f"{name} belongs to a promise. Say how many answers may be wrong: max_error=0.03.")
    return None
