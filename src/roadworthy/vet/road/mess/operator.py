"""What an operator is, and where its chance comes from."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from hashlib import blake2b

from roadworthy._errors import WrongUse
from roadworthy._quick import quick


def chance_of(seed: int, *names: str) -> random.Random:
    """Chance that depends on the seed and the names alone: the same in every process and in every order of work."""
    digest = blake2b("\0".join((str(seed), *names)).encode("utf-8", "surrogatepass"), digest_size=8)
    return random.Random(int.from_bytes(digest.digest()))  # noqa: S311 - a repeatable draw, not a secret


@quick(frozen=True, slots=True)
class TextOperator:
    """Makes one text messier.

    Attributes:
        name: lower-case words joined by `-`; a report names it.
        says: what it does, as a person would say it after "the text".
        keeps_meaning: whether a reader would take the same from the text.
        act: the text and some chance in, the messier text out.
    """

    name: str
    says: str
    keeps_meaning: bool
    act: Callable[[str, random.Random], str]

    def on(self, text: str, seed: int, key: str) -> str:
        """The messier text of the record with this key."""
        return self.act(text, chance_of(seed, self.name, key))


@quick(frozen=True, slots=True)
class FileOperator:
    """Makes a file of one record per line messier.

    Attributes:
        name: lower-case words joined by `-`; a report names it.
        says: what it does, as a person would say it after "the file".
        keeps_meaning: whether the same records can still be read from it.
        act: the lines, without their endings, and some chance in; the bytes of the file out.
    """

    name: str
    says: str
    keeps_meaning: bool
    act: Callable[[Sequence[bytes], random.Random], bytes]

    def on(self, lines: Sequence[bytes], seed: int) -> bytes:
        """The messier file."""
        return self.act(lines, chance_of(seed, self.name))


def named(operators: Sequence[TextOperator], names: Sequence[str]) -> tuple[TextOperator, ...]:
    """The operators of these names, in the order of the names.

    Raises:
        WrongUse: there is none of that name.
    """
    known = {operator.name: operator for operator in operators}
    for name in names:
        if name not in known:
            raise WrongUse(f"There is no operator {name!r}. Operators: {', '.join(known)}.")
    return tuple(known[name] for name in names)
