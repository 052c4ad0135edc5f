"""A check that doubts instead of refusing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec

from roadworthy._errors import Fault, WrongUse

P = ParamSpec("P")


def soft(check: Callable[P, float | None], score: float = 0.5) -> Callable[P, float | None]:
    """The check as a doubt: where it finds a fault the answer stays valid, with `score` instead of 1.

    It counts where the step says `confidence="checks"`, alone or among others.

    Raises:
        WrongUse: a score that is not from 0 to 1.
    """
    if not 0 <= score <= 1:
        raise WrongUse(f"soft(..., {score!r}): give a score from 0 to 1.")

    @functools.wraps(check)
    def doubted(*given: P.args, **named: P.kwargs) -> float | None:
        try:
            return check(*given, **named)
        except (Fault, AssertionError):
            return score

    return doubted
