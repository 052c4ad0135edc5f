"""Personal data in text: where it stands, and how it is hidden from a model and shown again.

Six kinds, each with the test that tells it from what only looks like it: `email`, `card` (Luhn), `iban` (mod 97),
`phone`, `ip` and `key` (tokens of known issuers). Names and addresses of people are no pattern and are not found.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator
from typing import Final

from roadworthy._errors import WrongUse
from roadworthy._quick import quick


@quick(frozen=True, slots=True)
class Personal:
    """One find: `text[start:end]` is of this kind."""

    kind: str
    start: int
    end: int


@quick(frozen=True, slots=True)
class _Kind:
    pattern: re.Pattern[str]
    holds: Callable[[str], int]
    """How much of a match from its beginning is of this kind; 0 where nothing is."""
    may: Callable[[str, str], bool] = lambda before, match: True  # noqa: ARG005 - where nothing before it matters
    """Whether it can be of this kind by what stands right before it."""


def find_personal(text: str, kinds: Collection[str] = ()) -> list[Personal]:
    """Every find, in order, none inside another; of the same place the kind that is listed first in `KINDS`.

    Characters of no width count for nothing: what they stand in the midst of is found with them.

    Args:
        text: what is searched.
        kinds: names of `KINDS`; all where empty.
    """
    taken: list[Personal] = []
    names = [name for name in KINDS if not kinds or name in kinds]
    if not text.isascii() and _UNSEEN.search(text):
        places = [place for place, letter in enumerate(text) if not _UNSEEN.match(letter)]
        seen = _UNSEEN.sub("", text)
        for name in names:
            for found in _candidates(name, seen):
                _take(taken, Personal(name, places[found.start], places[found.end - 1] + 1))
    for name in names:
        for found in _candidates(name, text):
            _take(taken, found)
    return taken


def _take(taken: list[Personal], found: Personal) -> None:
    """Put a find in its place, where nothing that was found before it is."""
    place = bisect_left(taken, found.start, key=_start)
    before_next = place == len(taken) or found.end <= taken[place].start
    if before_next and (place == 0 or taken[place - 1].end <= found.start):
        taken.insert(place, found)


def _start(found: Personal) -> int:
    return found.start


def mask_kinds(mask: bool | Collection[str]) -> tuple[str, ...]:  # noqa: FBT001 - the argument of `step`
    """What `step(mask=...)` names: all kinds for True, none for False.

    Raises:
        WrongUse: a name that is no kind.
    """
    if isinstance(mask, bool):
        return tuple(KINDS) if mask else ()
    names = (mask,) if isinstance(mask, str) else tuple(mask)
    for name in names:
        if name not in KINDS:
            raise WrongUse(f"mask={name!r} is no kind of personal data. Use some of {', '.join(KINDS)}.")
    return tuple(name for name in KINDS if name in names)


class Mask:
    """Hides finds behind placeholders such as `[EMAIL_1]` and shows them again; one of it for each question.

    The same value has the same placeholder. Which is which is a function of the text, so it need not be stored beside
    the record that it can be made from. What is hidden holds no quote, backslash or control character, so that it may
    be put back into JSON as it is.

    Args:
        kinds: names of `KINDS`.
        text: all that will be hidden at first; a placeholder that stands in it already is never given out.
    """

    def __init__(self, kinds: Collection[str], text: str = "") -> None:
        self._kinds = tuple(kinds)
        self._used = set(_PLACEHOLDER.findall(text))
        self._counts: dict[str, int] = {}
        self._by_value: dict[str, str] = {}
        self._by_place: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Mask({len(self._by_value)} hidden)"

    def hide(self, text: str) -> str:
        """`text` with every find replaced; what is hidden may bring out what stood beside it, such as a phone before a card."""
        while finds := self._finds(text):
            parts: list[str] = []
            end = 0
            for found in finds:
                parts += (
                    text[end : found.start],
                    self._placeholder(found.kind, text[found.start : found.end]),
                )
                end = found.end
            text = "".join(parts) + text[end:]
        return text

    def _finds(self, text: str) -> list[Personal]:
        """What is to be hidden; never around a placeholder, which could not be shown again."""
        if not self._kinds:
            return []
        found = find_personal(_ESCAPE.sub(_breaks, text), self._kinds)
        return [one for one in found if not _PLACEHOLDER.search(text, one.start, one.end)]

    def show(self, text: str) -> str:
        """`text` with every placeholder that this mask gave out replaced by what it stands for."""
        if not self._by_place:
            return text
        return _PLACEHOLDER.sub(lambda found: self._by_place.get(found[0], found[0]), text)

    def _placeholder(self, kind: str, value: str) -> str:
        if value in self._by_value:
            return self._by_value[value]
        while True:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            name = f"[{kind.upper()}_{self._counts[kind]}]"
            if name not in self._used:
                break
        self._by_value[value] = name
        self._by_place[name] = value
        return name


def _candidates(name: str, text: str) -> Iterator[Personal]:
    kind = KINDS[name]
    place = 0
    while match := kind.pattern.search(text, place):
        before = text[max(0, match.start() - _BEFORE_CHARS) : match.start()]
        size = kind.holds(match[0]) if kind.may(before, match[0]) else 0
        place = match.start() + (size or 1)  # what is not of this kind may hide the beginning of what is
        if size:
            yield Personal(name, match.start(), place)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


# Digits that cards of an issuer begin with, and how many they have (ISO/IEC 7812 registrations as issuers state them):
# American Express, Diners, JCB, Mastercard, Visa, Maestro, Discover and UnionPay.
_ISSUERS: Final = re.compile(
    r"3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11,16}|35\d{14,17}|(?:222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"
    r"|5[1-5]\d{14}|4(?:\d{12}|\d{15}|\d{18})|(?:50|5[6-8]|6)\d{11,17}"
)


def _is_card(text: str) -> bool:
    """Luhn (ISO/IEC 7812-1, annex B), an issuer's first digits, and groups as cards are printed."""
    digits = _digits(text)
    if not _ISSUERS.fullmatch(digits) or len(digits) < 13:
        return False
    groups = re.split(r"[ -]", text)
    if len(groups) > 1 and not (len(groups) >= 3 and all(3 <= len(group) <= 7 for group in groups)):
        return False
    doubled = (int(digit) * 2 if place % 2 else int(digit) for place, digit in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


_IBAN_LENGTHS: Final = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "CH": 21,
    "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18,
    "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IS": 26,
    "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MD": 24,
    "ME": 22, "MK": 19, "MT": 31, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24,
    "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TN": 24, "TR": 26, "UA": 29, "XK": 20, "BI": 27,
    "BY": 28, "DJ": 27, "FK": 18, "GT": 28, "HN": 28, "IQ": 23, "LC": 32, "LY": 25, "MN": 20, "MR": 27, "MU": 30,
    "NI": 28, "OM": 23, "RU": 33, "SC": 31, "SD": 18, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "VA": 22, "VG": 24,
    "YE": 30,
}  # fmt: skip


def _iban_in(text: str) -> int:
    """How many characters are an IBAN: as many as its country has, and mod 97 (ISO 13616 and its registry)."""
    left = length = _IBAN_LENGTHS.get(text[:2].upper(), 0)
    size = 0
    while left and size < len(text):
        left -= text[size].isalnum()
        size += 1
    packed = re.sub("[ -]", "", text[:size]).upper()
    if left or not length or text[size : size + 1].isalnum():
        return 0
    return size if int("".join(str(int(c, 36)) for c in packed[4:] + packed[:4])) % 97 == 1 else 0


def _phone_in(text: str) -> int:
    """How many characters are a number: a bracket that closes what was opened before it is not part of it.

    International with + or 00 (7 to 15 digits, ITU-T E.164), national with a 0 or an area code in brackets, or, where it
    is said to be called, without any.
    """
    size = len(text)
    if text.count(")") > text.count("("):
        size = len(text.rstrip(")"))
        text = text[:size]
    digits = _digits(text)
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text) or re.fullmatch(r"\d\d([-./ ])\d\d\1\d{4}", text):
        return 0  # a date
    if text.startswith(("+", "00")):
        return size if 7 <= len(digits) <= 15 else 0
    return size if 9 <= len(digits) <= 12 or re.fullmatch(r"\d{3}[-. ]\d{4}", text) else 0


def _is_ip(text: str) -> bool:
    if ":" in text and text.count(":") < 2:
        return False
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not address.is_unspecified and (":" not in text or any(c.isdigit() for c in text))


def _whole(is_one: Callable[[str], bool]) -> Callable[[str], int]:
    return lambda text: len(text) if is_one(text) else 0


def _is_email(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    last = domain.rpartition(".")[2].lower()
    if local == "git" or last in _FILES:  # git@host:path is a place of code; icon@2x.png a picture
        return False
    return len(local) <= 64 and ".." not in text and not local.endswith(".") and not last.isdigit()


_FILES: Final = frozenset(("css", "gif", "jpeg", "jpg", "js", "pdf", "png", "svg", "webp"))


# What is written and takes no room: soft hyphens, places where a line may or may not break, joiners, marks of direction,
# variants of a letter (default ignorable code points, Unicode 16, but for those of scripts).
_UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)
_PLACEHOLDER: Final = re.compile(r"\[[A-Z]+_\d+\]")

# A record that is sent as JSON has `\n` where its text has a line break, and JSON within JSON `\\n`: the letter of an
# escape is not the first one of what follows, and nothing that is hidden reaches over it.
_ESCAPE: Final = re.compile(r"\\+(?:[bfnrt]|u[0-9A-Fa-f]{4})?")


def _breaks(escape: re.Match[str]) -> str:
    return "\n" * len(escape[0])


# Tokens whose issuers gave them a shape of their own; lengths as the issuers' documents and secret scanners state them.
_KEY: Final = (
    r"sk-(?:ant-|proj-|or-|live-)?[A-Za-z0-9_-]{20,200}|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255}"
    r"|gl(?:pat|dt|rt|ptt|soat|cbt)-[\w-]{20,64}|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}|AIza[\w-]{35}|GOCSPX-[\w-]{28}"
    r"|ya29\.[\w-]{20,500}|xox[abeoprs]-[A-Za-z0-9-]{10,200}|xapp-\d-[A-Z0-9]{8,20}-\d{8,20}-[a-f0-9]{16,64}"
    r"|[rs]k_(?:live|test)_[A-Za-z0-9]{16,200}|whsec_[A-Za-z0-9+/]{24,64}|hf_[A-Za-z0-9]{30,64}|npm_[A-Za-z0-9]{36}"
    r"|pypi-[\w-]{50,255}|SG\.[\w-]{22}\.[\w-]{43}|do[por]_v1_[a-f0-9]{64}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"
    r"|sq0(?:atp|csp)-[\w-]{22,60}|dapi[a-f0-9]{32}|hv[sb]\.[\w-]{24,300}|dp\.(?:pt|st|ct|sa)\.[\w.-]{40,80}"
    r"|lin_api_[A-Za-z0-9]{40}|ntn_[A-Za-z0-9]{40,50}|gl(?:sa|c)_[\w=]{30,400}|gsk_[A-Za-z0-9]{48,56}|xai-[A-Za-z0-9]{70,90}"
    r"|pplx-[A-Za-z0-9]{40,56}|r8_[A-Za-z0-9]{37}|PMAK-[a-f0-9]{24}-[a-f0-9]{34}|rk-[A-Za-z0-9]{40,64}|fo1_[\w-]{43}"
    r"|NRAK-[A-Z0-9]{27}|sntry[su]_[\w+/=-]{40,300}|tfp_[\w-]{40,64}|\d{8,10}:AA[\w-]{33}"
    r"|eyJ[\w-]{10,2000}\.eyJ[\w-]{10,2000}\.[\w-]{10,1000}"
)


def _is_key(text: str) -> bool:
    """What is drawn at random holds a digit, or small and large letters; words with a key's beginning do not."""
    return any(map(str.isdigit, text)) or (any(map(str.isupper, text)) and any(map(str.islower, text)))


_BEFORE_CHARS: Final = 24

# Words before what is numbered like an address, and like a telephone number.
_NUMBERED: Final = re.compile(
    r"\b(?:section|chapter|version|release|build|clause|article|table|figure|firmware|driver|kernel|revision|paragraph"
    r"|rule|item|annex)(?:| no\.|:| #) ?\Z",
    re.IGNORECASE,
)
_COUNTED: Final = re.compile(
    r"\b(?:isbn|issn|sku|ean|upc|gtin|order|invoice|ticket|part|item|batch|serial|lot|article|tracking)"
    r"(?:| no\.|:| #) ?\Z",
    re.IGNORECASE,
)
# Words after which a number without an area code is meant to be called.
_CALLED: Final = re.compile(r"\b(?:call|phone|tel\.?|mobile|cell|fax|dial|ring|text):? \Z", re.IGNORECASE)
_SHORT_PHONE: Final = re.compile(r"[2-9]\d\d[-. ]\d{4}")


def _may_be_ip(before: str, match: str) -> bool:
    del match
    return not _NUMBERED.search(before)


def _may_be_phone(before: str, match: str) -> bool:
    if _SHORT_PHONE.fullmatch(match):
        return _CALLED.search(before) is not None
    return not _COUNTED.search(before)


KINDS: Final[dict[str, _Kind]] = {
    "key": _Kind(re.compile(rf"(?<![\w-])(?:{_KEY})(?![\w-])", re.ASCII), _whole(_is_key)),
    "email": _Kind(
        re.compile(
            r"(?<![\w.+%@-])(?<!\w')\w(?:[\w.+%-]|'(?=\w)){0,63}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W_]{2,24}(?![^\W_]|[@-])"
        ),
        _whole(_is_email),
    ),
    "iban": _Kind(
        re.compile(
            r"(?<![A-Za-z0-9])[A-Za-z]{2}\d\d(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,3})?(?![A-Za-z0-9])"
        ),
        _iban_in,
    ),
    "card": _Kind(re.compile(r"(?<![\w.-])[0-9](?:[ -]?[0-9]){12,18}(?![\w-]|\.\d)"), _whole(_is_card)),
    "ip": _Kind(
        re.compile(
            r"(?<![\w.:-])(?<![^/]/)(?:\d{1,3}(?:\.\d{1,3}){3}(?!\w|[.-]\w|:[A-Za-z])"
            r"|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:(?:\.\d{1,3}){3})?(?![\w:]|[.-]\w))",
            re.ASCII,
        ),
        _whole(_is_ip),
        _may_be_ip,
    ),
    "phone": _Kind(
        re.compile(
            r"(?<![\w.+/-])(?:(?<!\d,)|(?=\+))(?:\+[1-9](?:[ ./-]?\(?[0-9]\)?){6,14}|(?<![0-9] )00[1-9](?:[ ./-]?[0-9]){6,12}"
            r"|(?<![0-9] )0[1-9][0-9]{0,4}(?:[ /-][0-9]{2,9}){1,5}"
            r"|(?:1[-. ]?)?\([0-9]{2,5}\)[ -]?[0-9]{2,8}(?:[ -][0-9]{2,8}){0,4}"
            r"|0[1-9][0-9]{8,9}|(?:1[-. ])?[2-9][0-9]{2}([-.])[0-9]{3}\1[0-9]{4}"
            r"|[2-9][0-9]{2}[-. ][0-9]{4})(?![\w-]|[.:/]\d)"
        ),
        _phone_in,
        _may_be_phone,
    ),
}
"""Kinds of personal data in the order of precedence."""
