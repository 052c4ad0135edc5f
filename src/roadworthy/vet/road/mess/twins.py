"""Operators that make of a text another one that looks like it: what a careless cache takes for the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from roadworthy.vet.road.mess.operator import TextOperator

if TYPE_CHECKING:
    import random

_BEGINNING_CHARS: Final = 24
_MARKS: Final = "0123456789"


def _same_beginning(text: str, chance: random.Random) -> str:
    """The first half stays."""
    half = max(_BEGINNING_CHARS, len(text) // 2)
    return text[:half] + _other_words(text[half:], chance)


def _same_end(text: str, chance: random.Random) -> str:
    """The last half stays."""
    half = len(text) // 2
    return _other_words(text[:half], chance) + text[half:]


def _other_words(text: str, chance: random.Random) -> str:
    """As many words, some of them others; one more where there are none."""
    words = text.split(" ")
    places = [at for at, word in enumerate(words) if word.isalpha()] or [len(words) - 1]
    for at in chance.sample(places, max(1, len(places) // 2)):
        words[at] = f"no{words[at]}"
    return " ".join(words)


def _other_numbers(text: str, chance: random.Random) -> str:
    """Every digit is the next one."""
    del chance
    return re.sub(r"[0-9]", lambda found: _MARKS[(int(found.group()) + 1) % 10], text)


def _other_order(text: str, chance: random.Random) -> str:
    """The same words, the first two of them at the end."""
    del chance
    words = text.split(" ")
    return " ".join([*words[2:], *words[:2]])


def _denied(text: str, chance: random.Random) -> str:
    """One word more turns it round."""
    words = text.split(" ")
    at = chance.randrange(1, len(words)) if len(words) > 1 else 1
    return " ".join([*words[:at], "not", *words[at:]])


TWINS: Final = (
    TextOperator("same-beginning", "begins as another text does", False, _same_beginning),
    TextOperator("same-end", "ends as another text does", False, _same_end),
    TextOperator("other-numbers", "differs from another text in its digits alone", False, _other_numbers),
    TextOperator("same-words", "has the words of another text in another order", False, _other_order),
    TextOperator("denied", "has one `not` more than another text", False, _denied),
)
"""Two texts that say different things."""
