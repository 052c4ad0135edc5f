"""How a simulated provider works on batches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from roadworthy._errors import WrongUse
from roadworthy._quick import quick

_NAMES: Final = ("delay_s", "expired", "lost", "shuffled", "full")


@quick(frozen=True, slots=True)
class BatchManner:
    """How batches are worked on.

    Attributes:
        delay_s: seconds from a batch's creation to its end.
        expired: the numbers of the batches that expire, from 1: half of their calls are answered, of Gemini's none.
        lost: the numbers of the batches whose creation is answered by a reset connection.
        full: the numbers of the batches that OpenAI refuses because too many tokens are queued.
        shuffled: results come in another order than their calls.
    """

    delay_s: float = 0.0
    expired: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()
    full: tuple[int, ...] = ()
    shuffled: bool = True

    def changed(self, change: object) -> BatchManner:
        """This manner with what `change` names replaced.

        Raises:
            WrongUse: an unknown name, or a value that makes no sense.
        """
        if not isinstance(change, Mapping) or set(change) - set(_NAMES):
            raise WrongUse(f"batches is {change!r}. Give an object with some of {', '.join(_NAMES)}.")
        delay_s = change.get("delay_s", self.delay_s)
        if isinstance(delay_s, bool) or not isinstance(delay_s, int | float) or not 0 <= delay_s < math.inf:
            raise WrongUse(f"delay_s of batches is {delay_s!r}. Give a number of 0 or more.")
        shuffled = change.get("shuffled", self.shuffled)
        if not isinstance(shuffled, bool):
            raise WrongUse(f"shuffled of batches is {shuffled!r}. Give true or false.")
        return BatchManner(
            delay_s=float(delay_s),
            expired=_numbers("expired", change.get("expired", self.expired)),
            lost=_numbers("lost", change.get("lost", self.lost)),
            full=_numbers("full", change.get("full", self.full)),
            shuffled=shuffled,
        )

    def told(self) -> dict[str, object]:
        """The manner as `changed` takes it."""
        return {name: getattr(self, name) for name in _NAMES}


def _numbers(name: str, said: object) -> tuple[int, ...]:
    if not isinstance(said, list | tuple) or not all(type(number) is int and number > 0 for number in said):
        raise WrongUse(f"{name} of batches is {said!r}. Give a list of numbers from 1, such as [2].")
    return tuple(said)
