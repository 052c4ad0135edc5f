"""What is never shown: a value that does not print, log or pickle itself."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """A key or password. `reveal()` is the one way to read it; every other way shows `***`.

    Attributes:
        place: the file it was read from, where another one may stand later; "" where there is none.
    """

    __slots__ = ("_value", "place")

    def __init__(self, value: str, place: str = "") -> None:
        self._value = value
        self.place = place

    def reveal(self) -> str:
        """The value itself, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Secret is not written anywhere. Pass its name and read it again where it is used.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)
