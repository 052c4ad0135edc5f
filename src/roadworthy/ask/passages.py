"""A corpus that a step takes its context from, as the step declares it; and what is done with what was found."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Never, Protocol, TypeAlias, runtime_checkable

from roadworthy._errors import WrongUse
from roadworthy.accept.passage import PASSAGE_CHARS, Passage
from roadworthy.ask.part import NOTHING_FOUND, passage_text

Vectors: TypeAlias = "Sequence[Sequence[float]]"
Embedder: TypeAlias = "Callable[[list[str]], Vectors] | Callable[[list[str]], Awaitable[Vectors]]"
"""Texts in, as many vectors of one length out; sync or async, local or a call of the team's own."""


@runtime_checkable
class Priced(Protocol):
    """A model with its price, as `call.model` has them."""

    @property
    def name(self) -> str:
        """What its replies are known by."""
        ...

    @property
    def manner(self) -> tuple[object, ...]:
        """What changes its answers."""
        ...


EMBEDS: Final = "_embed"
"""What stands behind a step's name in that of the hidden step which buys its vectors."""
FUSION_K: Final = 60
"""Reciprocal rank fusion's constant: Cormack, Clarke and Buettcher, SIGIR 2009."""


@dataclass(frozen=True, slots=True)
class Passages:
    """A folder of documents or a table, from which each question of a step is given the passages that fit.

    Give it to a step as `context=`; the step's function takes the chosen passages as its second parameter.

    Args:
        where: a folder (every document in it, at any depth) or a JSONL, CSV or TSV file (every row), relative to the
            app's file.
        query: what is looked for: a field's path in the record, or a function of the record; default all its text.
        most: at most so many passages for one question.
        tokens: at most so many tokens of passages; default the setting `passages_tokens_max`.
        chars: the length of a passage, in characters.
        text: the field of a table that holds the text; default all its text.
        embed: what turns texts into vectors, to find by meaning what has other words (extra `dense`): a function of a
            list of texts; or what is paid by the ledger's budget and kept in it: a model such as
            `"openai-embeddings:text-embedding-3-small"`, or `Function(embed, usd_per_call=...)` of `{"texts": [...]}` that
            returns `{"vectors": [...]}`.
        embed_name: names its vectors; give another one when they change. Default the function's or model's name.

    Raises:
        WrongUse: a number that cannot be.
    """

    where: str | Path
    query: str | Callable[[Never], str] = ""
    most: int = 8
    tokens: int | None = None
    chars: int = PASSAGE_CHARS
    text: str = ""
    embed: Embedder | str | Priced | None = None
    embed_name: str = ""

    def __post_init__(self) -> None:
        for name in ("most", "tokens", "chars"):
            value: int | None = getattr(self, name)
            if value is not None and value < 1:
                raise WrongUse(f"Passages({str(self.where)!r}, {name}={value}): give 1 or more.")

    @property
    def embedding(self) -> str:
        """The name of the vectors; "" where there are none."""
        if self.embed is None:
            return ""
        if self.embed_name:
            return self.embed_name
        paid = self.paid
        if paid is not None:
            return paid if isinstance(paid, str) else paid.name
        return str(getattr(self.embed, "__qualname__", type(self.embed).__name__))

    @property
    def paid(self) -> str | Priced | None:
        """The model that embeds, where its calls are the ledger's; None for a function of the team's own."""
        return self.embed if isinstance(self.embed, str | Priced) else None

    @property
    def corpus(self) -> str:
        """What names its index in the ledger: another place, length or embedder is another index."""
        return f"{self.where}|{self.chars}|{self.text}|{self.embedding}"

    def pinned(self, fixed: bytes) -> bytes:
        """The hash of a question's fixed part together with how its context is chosen; the corpus is no part of it."""
        query = self.query if isinstance(self.query, str) else getattr(self.query, "__qualname__", "function")
        how = f"{query}|{self.most}|{self.tokens}|{self.chars}|{self.text}|{self.embedding}"
        return hashlib.sha256(fixed + how.encode()).digest()


PLACEHOLDER: Final = Passage("", 0, 0, 0, NOTHING_FOUND, id="0")
"""Stands for the chosen passages where a question is built only to be recognised."""


def fused(rankings: Sequence[Sequence[int]]) -> list[int]:
    """Several rankings as one, best first: each adds 1 / (60 + rank); ties go to the smaller number."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + 1 / (FUSION_K + rank)
    return sorted(scores, key=lambda item: (-scores[item], item))


def packed(ranked: Sequence[Passage], *, most: int, tokens: int, bytes_a_token: float) -> tuple[Passage, ...]:
    """The best passages that fit, in the order of their documents, numbered from 1.

    The best come first to be taken and a smaller one may follow where a larger one does not fit. They stand in the
    order of document and place, so that the same choice is the same text, whatever ranked them, and a provider's
    prompt cache meets its prefix again. What says the same, but for white space and case, is taken once.
    """
    room, taken, seen = tokens, [], set[str]()
    for passage in ranked:
        said = " ".join(passage.text.casefold().split())
        need = tokens_likely(passage_text(passage), bytes_a_token)
        if said in seen or need > room:
            continue
        seen.add(said)
        taken.append(passage)
        room -= need
        if len(taken) == most:
            break
    return tuple(_numbered(taken))


def tokens_likely(text: str, bytes_a_token: float) -> int:
    """How many tokens a text likely has."""
    return round(len(text.encode()) / bytes_a_token) + 1


def _numbered(taken: Sequence[Passage]) -> Iterator[Passage]:
    ordered = sorted(taken, key=lambda passage: (passage.document, passage.number))
    for place, passage in enumerate(ordered, start=1):
        yield replace(passage, id=str(place))
