"""What counts as a figure where something is declared: a number, and not text that looks like one, nor True.

Python compares True with 1 and raises on text only where it is compared; a declaration says what is wrong with it.
"""

from __future__ import annotations


def is_whole(value: object) -> bool:
    """Whether it is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether it is a number, whole or not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
