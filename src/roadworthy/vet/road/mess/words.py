"""Operators on one text: what people, phones, keyboards and mail programs do to words."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import TYPE_CHECKING, Final

from roadworthy.vet.road.mess.operator import TextOperator

if TYPE_CHECKING:
    import random

_WORD: Final = re.compile(r"[^\W\d_]{4,}")
_SPACE: Final = re.compile(r"\s+")
_WORDS_PER_TYPO: Final = 12
_SPACES: Final = ("  ", " \n", "\t", "   ", "\u00a0")
_NOTHING_SHOWN: Final = "\u200b"  # ZERO WIDTH SPACE
_AROUND: Final = (
    ("Guten Tag,\n\n", "\n\nMit freundlichen Gr\u00fc\u00dfen"),
    ("Bonjour,\n\n", "\n\nBien cordialement"),
    ("\u4f60\u597d\uff1a\n\n", "\n\n\u8c22\u8c22"),
    ("\u0417\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439\u0442\u0435,\n\n", "\n\n\u0421\u043f\u0430\u0441\u0438\u0431\u043e"),
    ("\u0645\u0631\u062d\u0628\u0627\u060c\n\n", "\n\n\u0634\u0643\u0631\u0627"),
)  # fmt: skip
_FOOTERS: Final = (
    "\n\n-- \nSent from my phone",
    "\n\nThis e-mail may be confidential. If it is not for you, delete it and tell the sender.",
    "\n\n________________________________\nPlease think of the trees before you print this.",
)
_CURLY: Final = str.maketrans({"'": "\u2019", '"': "\u201d"})


def _typos(text: str, chance: random.Random) -> str:
    """Two neighbours inside a word change places; the first and the last letter stay, as readers need them."""
    words = [match for match in _WORD.finditer(text) if _swaps(match.group())]
    if not words:
        return text
    chosen = chance.sample(words, max(1, len(words) // _WORDS_PER_TYPO))
    letters = list(text)
    for word in chosen:
        at = word.start() + chance.choice(_swaps(word.group()))
        letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return "".join(letters)


def _swaps(word: str) -> list[int]:
    """Where a swap inside the word shows."""
    return [at for at in range(1, len(word) - 2) if word[at] != word[at + 1]]


def _white_space(text: str, chance: random.Random) -> str:
    return "  " + _SPACE.sub(lambda _: chance.choice(_SPACES), text) + "\n\n"


def _around(text: str, chance: random.Random) -> str:
    before, after = chance.choice(_AROUND)
    return before + text + after


def _hidden(text: str, chance: random.Random) -> str:
    places = [match.end() for match in _SPACE.finditer(text)] or [0]
    at = chance.choice(places)
    return text[:at] + _NOTHING_SHOWN + text[at:]


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.splitlines())


def _misread(text: str) -> str:
    """UTF-8 that a program read as Windows-1252; as it was where that cannot be."""
    try:
        return text.encode().decode("cp1252")
    except UnicodeDecodeError:
        return text


def _cut(text: str, chance: random.Random) -> str:
    return text[: int(len(text) * chance.uniform(0.2, 0.8))]


def _other_order(text: str, chance: random.Random) -> str:
    words = text.split(" ")
    chance.shuffle(words)
    return " ".join(words)


def _forgetful(text: str, chance: random.Random) -> str:
    """Without its digits, which are often what matters."""
    del chance
    return re.sub(r"\d", "", text)


KEEPING: Final = (
    TextOperator("upper-case", "is written in capitals", True, lambda text, _: text.upper()),
    TextOperator("lower-case", "is written without capitals", True, lambda text, _: text.lower()),
    TextOperator("white-space", "has other white space between its words and around it", True, _white_space),
    TextOperator("typos", "has a slip of the keyboard in one word of twelve, at least in one", True, _typos),
    TextOperator("greeting", "has a greeting in another language around it", True, _around),
    TextOperator("footer", "ends as mail programs end messages", True, lambda t, chance: t + chance.choice(_FOOTERS)),
    TextOperator("quoted", "is quoted, as in a forwarded message", True, lambda text, _: _quoted(text)),
    TextOperator("curly-quotes", "has typographic quotation marks", True, lambda t, _: t.translate(_CURLY)),
    TextOperator("decomposed", "has its accents as characters of their own (NFD)", True, lambda t, _: unicodedata.normalize("NFD", t)),
    TextOperator("entities", "is escaped as for HTML", True, lambda text, _: html.escape(text)),
    TextOperator("hidden", "has a character of no width between two words", True, _hidden),
    TextOperator("misread", "was read in the wrong encoding once", True, lambda text, _: _misread(text)),
)  # fmt: skip
"""A reader would take the same from the text."""

CHANGING: Final = (
    TextOperator("cut-short", "ends somewhere in the middle", False, _cut),
    TextOperator("other-order", "has its words in another order", False, _other_order),
    TextOperator("no-digits", "has lost its digits", False, _forgetful),
    TextOperator("empty", "is empty", False, lambda _, __: ""),
    TextOperator("blank", "is white space alone", False, lambda _, __: " \n\t "),
    TextOperator("nul", "has a NUL in it", False, lambda text, _: text[: len(text) // 2] + "\0" + text[len(text) // 2 :]),
    TextOperator("half-character", "has half a character in it (a lone surrogate)", False, lambda text, _: text + "\ud83d"),
)  # fmt: skip
"""A reader would take something else, or nothing."""


def sized(size: int) -> TextOperator:
    """The operator that makes a text exactly so many characters long: it is repeated, then cut."""
    says = f"is {size:,} characters long"
    return TextOperator(f"size-{size}", says, False, lambda text, _: _to_size(text or "x", size))


def _to_size(text: str, size: int) -> str:
    return (text * (size // len(text) + 1))[:size]


def around_limit(limit: int) -> tuple[TextOperator, ...]:
    """One character below a limit, at it, and one above it."""
    return tuple(sized(size) for size in (limit - 1, limit, limit + 1) if size >= 0)
