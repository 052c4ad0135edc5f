"""What counts as a figure where something is declared: a number, and not text that looks like one, nor True.

Python compares True with 1 and raises on text only where it is compared; a declaration says what is wrong with it.
"""

from __future__ import annotations

import operator
from numbers import Integral, Real
from typing import TypeVar, cast

_T = TypeVar("_T")


def plain(value: _T) -> _T:
    """A number of another library, such as numpy's, as Python's own, which JSON and a ledger take; else the value itself."""
    if isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return cast("_T", operator.index(value))
    return cast("_T", float(value)) if isinstance(value, Real) else value


def is_whole(value: object) -> bool:
    """Whether it is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether it is a number, whole or not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
