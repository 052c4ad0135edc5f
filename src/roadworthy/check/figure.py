"""Numbers, dates and names in running text, as the ready checks compare them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from roadworthy._quick import quick

DATE: Final = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)(?!\d)|\b(\d{1,2})[./](\d{1,2})[./](\d{4})(?!\d)")
"""A date as it is written in figures; a time may follow."""

# A mark groups thousands only where three figures follow each time (two in India, before the last three), and always
# the same one: "12, 15 and 20" are three numbers. More than two runs with a mark between them are a list or a date.
_GROUPS: Final = r"\d{1,3}([ ,.'\u2019])\d{3}(?:\1\d{3})*(?!\d)(?:[.,]\d+)?"
_NUMBER: Final = re.compile(
    rf"(?<![\w.,])[-+]?(?:{_GROUPS}|(\d{{1,2}}(?:,\d\d)+,\d{{3}})(?!\d)(?:\.\d+)?|\d+(?:[.,]\d+)*)"
)
_SPACED: Final = re.compile(r"[ '\u2019]")
_WORD: Final = re.compile(r"\b[^\W\d_][\w'\u2019-]+")


@quick(frozen=True, slots=True)
class Figure:
    """A number in a text; `parts` are what else it may be: a group of figures, or each of them by itself."""

    whole: str
    parts: tuple[str, ...] = ()

    def occurs_in(self, known: set[str]) -> bool:
        """Whether it is known in one of its readings."""
        return self.whole in known or (bool(self.parts) and known.issuperset(self.parts))


def figures(text: str) -> Iterator[Figure]:
    """Each number, without sign and grouping."""
    for match in _NUMBER.finditer(unicodedata.normalize("NFKC", text)):
        found = match[0].lstrip("+-")
        runs = re.split(r"[^\d]", found)
        many = len(runs) > 2 and not match[1] and not match[2]
        if many or " " in found:
            parts = tuple(_whole(run) for run in runs)
            yield Figure(found if many else _plain(found), parts)
        else:
            yield Figure(_plain(found))


def numbers(texts: Iterator[str]) -> set[str]:
    """Every reading of every number in some texts."""
    return {number for text in texts for found in figures(text) for number in (found.whole, *found.parts)}


def dates(text: str) -> set[tuple[int, int, int]]:
    """Year, month and day; both readings of a date whose day and month may be either."""
    found = set()
    for match in DATE.finditer(text):
        if match[1]:
            found.add((int(match[1]), int(match[2]), int(match[3])))
        else:
            first, second, year = int(match[4]), int(match[5]), int(match[6])
            found |= {(year, first, second), (year, second, first)}
    return {(year, month, day) for year, month, day in found if 1 <= month <= 12 and 1 <= day <= 31}


def names(text: str) -> Iterator[str]:
    """Each run of two or more words that begin with a capital."""
    start = end = -1
    for match in _WORD.finditer(text):
        goes_on = end >= 0 and not text[end : match.start()].strip()
        if not match[0][0].isupper() or not goes_on:
            yield from _run(text, start, end)
            start = match.start() if match[0][0].isupper() else -1
        end = match.end() if start >= 0 else -1
    yield from _run(text, start, end)


def _run(text: str, start: int, end: int) -> Iterator[str]:
    if start >= 0 and len(text[start:end].split()) > 1:
        yield text[start:end]


def _plain(text: str) -> str:
    """A number without grouping: the last mark is a decimal point unless just groups of three follow it."""
    bare = _SPACED.sub("", text)
    marks = [c for c in bare if c in ".,"]
    if not marks:
        return _whole(bare)
    whole, _, part = bare.rpartition(marks[-1])
    alike = len(set(marks)) == 1 and bare == text  # where blanks group, a mark is the decimal point
    if alike and len(part) == 3 and whole != "0" and (len(marks) > 1 or len(whole) <= 3):
        return re.sub(r"[.,]", "", whole) + part
    return f"{_whole(re.sub(r'[.,]', '', whole))}.{part}".rstrip("0").rstrip(".")


def _whole(digits: str) -> str:
    return digits.lstrip("0") or "0"
