"""What is never shown: a value that does not print, log or pickle itself."""

from __future__ import annotations

from typing import ClassVar, Final, NoReturn

_REMEMBERED_MAX: Final = 1_000
_SHORTEST: Final = 6
_known: dict[str, str] = {}
"""Values that this process holds as secrets, each as JSON has it, so that `struck_out` finds them wherever they turn up. What is secret is
so for everyone in the process; there is nothing here that two apps could get wrong."""


class Secret:
    """A key or password. `reveal()` is the one way to read it; every other way shows `***`.

    Attributes:
        place: the file it was read from, where another one may stand later; "" where there is none.
        told: how many values were made secret by now. What was struck out of a text is remembered with it.
    """

    __slots__ = ("_value", "place")
    told: ClassVar[int] = 0

    def __init__(self, value: str, place: str = "") -> None:
        self._value = value
        self.place = place
        if len(value) >= _SHORTEST:
            _known[value] = value.replace("\\", "\\\\").replace('"', '\\"')
            if len(_known) > _REMEMBERED_MAX:
                del _known[next(iter(_known))]
            Secret.told += 1  # after it is known: whoever reads this figure strikes it out

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


def known_secrets() -> list[str]:
    """The values of this process's secrets, longest first, for the one place that strikes them out."""
    return sorted(_known, key=len, reverse=True)


def struck_out(text: str) -> str:
    """The text without the values of this process's secrets."""
    for value, in_json in _known.items():
        if value in text:
            text = text.replace(value, "***")
        if in_json is not value and in_json in text:
            text = text.replace(in_json, "***")
    return text
