"""The context of a step's questions: its corpus is indexed when work begins, and searched for each new question."""

from __future__ import annotations

import asyncio
import inspect
import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from roadworthy._daemons import Daemons
from roadworthy._errors import WrongUse
from roadworthy._events import Listener, Noted
from roadworthy._settings import Settings
from roadworthy.accept.passage import Passage
from roadworthy.ask.passages import Passages, Vectors, fused, packed
from roadworthy.check.ready import texts_at
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.passages import (
    Indexed,
    Words,
    by_words,
    corpus_size,
    drop_documents,
    find_passages,
    known_documents,
    known_vectors,
    open_corpus,
    put_documents,
    unembedded,
    vectors,
)
from roadworthy.keep.transaction import Transaction
from roadworthy.run.corpus import changed_documents, in_batches, place_of

if TYPE_CHECKING:
    import numpy as np

_WORD: Final = re.compile(r"\w+")
BATCH: Final = 200
EMBEDDED_AT_ONCE: Final = 64


class Asking(Protocol):
    """A record being worked on, as far as it matters here: what `run.session` has.

    Attributes:
        offline: only the ledger answers.
    """

    offline: bool


class VectorBuyer(Protocol):
    """Where vectors are paid: who buys them."""

    async def of_passages(self, texts: list[str]) -> Vectors:
        """Vectors of passages."""
        ...

    async def of_query(self, text: str, session: Asking) -> Vectors | None:
        """The vector of what a record asks for, bought for that record; None where it may not be bought."""
        ...


class Context:
    """One corpus at work: indexed once in this process, then searched.

    Args:
        passages: the step's declaration.
        folder: where the app's file is.
        app: whose index it is.
        store: the ledger that holds it.
        settings: `passages_*`, `query_words_max`.
        tell: hears what could not be read.
        buyer: buys the vectors where they are paid.
    """

    def __init__(
        self,
        passages: Passages,
        folder: Path,
        app: str,
        store: Ledger,
        settings: Settings,
        tell: Listener,
        buyer: VectorBuyer | None = None,
    ) -> None:
        self._buyer = buyer
        self._by_words_alone = False
        self._passages = passages
        self._folder = folder
        self._app = app
        self._store = store
        self._settings = settings
        self._tell = tell
        self._corpus_id = 0
        self._matrix: tuple[list[int], np.ndarray[Any, Any]] | None = None
        self._words = Words()
        self._threads = Daemons("roadworthy-embed", settings.lane_concurrency_max)
        self._ready = asyncio.Lock()

    async def prepare(self, *, buy: bool = True) -> None:
        """Index what changed, once in this process.

        Args:
            buy: whether vectors that are paid may be bought; else, where some are missing, an index without any is taken,
                which is kept beside the other.

        Raises:
            WrongUse: the corpus is not there, or holds no text, or vectors could not be bought.
        """
        alone = self._buyer is not None and not buy
        async with self._ready:
            if not self._corpus_id or (self._by_words_alone and not alone):
                self._by_words_alone = alone
                await self._index()
                if (
                    alone and next(self.unbought(), None) is None
                ):  # all of it was bought before: it costs nothing
                    self._by_words_alone = False
                    await self._index()

    async def choose(self, value: object, session: Asking | None = None) -> tuple[Passage, ...]:
        """The passages for one record, packed and numbered; the best by words and by meaning.

        Args:
            value: the record.
            session: who pays for the vector of its query, where that is paid.

        Raises:
            WrongUse: the corpus is not there, a query is not text, or vectors do not fit.
            Waiting: for budget or provider, where the query's vector is paid.
        """
        ranked = await self.ranked(self._query(value), session)
        declared, settings = self._passages, self._settings
        return packed(
            ranked,
            most=declared.most,
            tokens=declared.tokens or settings.passages_tokens_max,
            bytes_a_token=settings.passages_bytes_a_token,
        )

    async def ranked(self, query: str, session: Asking | None = None) -> list[Passage]:
        """The passages that share words with a query, or are near it, best first; at most `passages_looked_at` of each."""
        await self.prepare(buy=session is None or not session.offline)
        most = self._settings.passages_looked_at
        words = words_of(query, self._settings.query_words_max)
        if self._by_words_alone and self._buyer is not None and session is not None and query.strip():
            await self._buyer.of_query(query, session)  # which notes what it would buy
        rankings = [self._store.read(lambda tx: self._by_words(tx, words, most))]
        if self._embeds:
            rankings.append(await self._by_meaning(query, most, session))
        order = fused(rankings)
        found = self._store.read(lambda tx: find_passages(tx, order))
        return [
            replace(found[number], grounds=_grounds(number, rankings)) for number in order if number in found
        ]

    def unbought(self) -> Iterator[list[str]]:
        """The requests for vectors that are paid which the corpus still needs, once it is prepared without buying any."""
        if self._by_words_alone:
            name, most = self._passages.corpus, BATCH
            for texts in self._store.read(
                lambda tx: list(unembedded(tx, self._app, name, _plain(name), most))
            ):
                for start in range(0, len(texts), EMBEDDED_AT_ONCE):
                    yield texts[start : start + EMBEDDED_AT_ONCE]

    @property
    def _embeds(self) -> bool:
        return self._passages.embed is not None and not self._by_words_alone

    def _by_words(self, tx: Transaction, words: list[str], most: int) -> list[int]:
        return by_words(tx, self._corpus_id, self._words.telling(tx, words), most)

    async def _index(self) -> None:
        store, declared = self._store, self._passages
        name = _plain(declared.corpus) if self._by_words_alone else declared.corpus
        corpus_id = await store.write(lambda tx: open_corpus(tx, self._app, name))
        known = store.read(lambda tx: known_documents(tx, corpus_id))
        place = place_of(declared, self._folder)
        batches = in_batches(changed_documents(declared, place, known, self._settings, self._left_out), BATCH)
        while batch := await asyncio.to_thread(next, batches, None):
            ready = await self._with_vectors(corpus_id, batch) if self._embeds else batch
            await store.write(lambda tx, ready=ready: put_documents(tx, corpus_id, ready))  # type: ignore[misc] # bound now
        gone = list(known)
        if gone:
            await store.write(lambda tx: drop_documents(tx, corpus_id, gone))
        if not store.read(lambda tx: corpus_size(tx, corpus_id))[0]:
            raise WrongUse(f"{place} holds no text to take passages from. Put documents or rows there.")
        if self._embeds:
            self._matrix = await asyncio.to_thread(store.read, lambda tx: _matrix(vectors(tx, corpus_id)))
        self._corpus_id = corpus_id

    async def _with_vectors(self, corpus_id: int, batch: list[Indexed]) -> list[Indexed]:
        """Documents with their vectors; a text that an earlier version of its document had keeps the one it has."""
        said = {
            passage: " ".join((*passage.heading, passage.text)) for one in batch for passage in one.passages
        }
        keys = [one.key for one in batch]
        had = self._store.read(lambda tx: known_vectors(tx, corpus_id, keys))
        wanted = [text for text in dict.fromkeys(said.values()) if text not in had]
        for start in range(0, len(wanted), EMBEDDED_AT_ONCE):
            some = wanted[start : start + EMBEDDED_AT_ONCE]
            had |= zip(some, await self._embedded(some), strict=True)
        return [replace(one, vectors=tuple(had[said[passage]] for passage in one.passages)) for one in batch]

    async def _embedded(self, texts: list[str], session: Asking | None = None) -> list[bytes]:
        embed: Any = self._passages.embed
        given: Vectors
        if self._buyer is not None and session is not None:
            bought = await self._buyer.of_query(texts[0], session)
            if bought is None:
                return []
            given = bought
        elif self._buyer is not None:
            given = await self._buyer.of_passages(texts)
        else:
            given = await self._called(embed, texts)
        return _unit_rows(given, len(texts), self._passages.embedding)

    async def _called(self, embed: Callable[[list[str]], Any], texts: list[str]) -> Vectors:
        """What the team's own function says of some texts. One that hangs is left behind."""
        most_s = self._settings.attempt_timeout_s
        coming: Awaitable[Vectors]
        if inspect.iscoroutinefunction(embed):
            coming = embed(texts)
        else:
            coming = asyncio.wrap_future(self._threads.begin(embed, texts))
        limit = asyncio.timeout(most_s)
        try:
            async with limit:
                return await coming
        except TimeoutError as error:
            if not limit.expired():
                raise  # its own
            raise WrongUse(
                f"{self._passages.embedding} did not return within {most_s:g} s. Give it a time limit of its own, or raise "
                "the setting attempt_timeout_s."
            ) from error

    async def _by_meaning(self, query: str, most: int, session: Asking | None) -> list[int]:
        import numpy as np  # noqa: PLC0415 - an extra

        if self._matrix is None or not query.strip():
            return []
        numbers, matrix = self._matrix
        rows = await self._embedded([query], session)
        if not rows:  # only looked at: it is priced by what its words find
            return []
        (row,) = rows
        asked = np.frombuffer(row, dtype="<f4")
        if matrix.shape[1] != asked.shape[0]:
            raise WrongUse(
                f"{self._passages.embedding} gave a vector of {asked.shape[0]} numbers, and the index holds vectors of "
                f"{matrix.shape[1]}. Give it another embed_name where its vectors changed."
            )
        near = matrix @ asked
        best = np.argsort(-near, kind="stable")[:most]
        return [numbers[int(place)] for place in best]

    def _query(self, value: object) -> str:
        query: Any = self._passages.query
        if isinstance(query, str):
            return "\n".join(texts_at(value, query))
        said = query(value)
        if not isinstance(said, str):
            raise WrongUse(f"The query of {self._passages.where} is {said!r}. Return text.")
        return said

    def _left_out(self, key: str, why: str) -> None:
        self._tell(Noted(f"{self._passages.where}: {key} is left out: {why}", "a passage is left out"))


def _plain(corpus: str) -> str:
    """The name of the index without vectors that is kept beside one with them."""
    return f"{corpus}|words"


def words_of(query: str, most: int) -> list[str]:
    """The different words of a query in order, case ignored, at most so many."""
    found = _WORD.findall(unicodedata.normalize("NFKC", query).casefold())
    return list(dict.fromkeys(found))[:most]


def _grounds(number: int, rankings: Sequence[Sequence[int]]) -> str:
    names = ("by words", "by meaning")
    places = (
        f"number {ranking.index(number) + 1} {name}"
        for name, ranking in zip(names, rankings, strict=False)
        if number in ranking
    )
    return ", ".join(places)


def _unit_rows(given: Vectors, count: int, name: str) -> list[bytes]:
    """Vectors as the index keeps them: each of length 1, so that nearness is one product."""
    try:
        import numpy as np  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise WrongUse("Passages(embed=...) needs the extra: pip install 'roadworthy[dense]'.") from error
    rows = np.asarray(given, dtype="<f4")
    if rows.ndim != 2 or rows.shape[0] != count or not np.isfinite(rows).all():
        raise WrongUse(
            f"{name} was given {count} texts and returned numbers of the shape {rows.shape}. "
            "Return one vector of finite numbers for each text, all of one length."
        )
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return [row.tobytes() for row in rows / np.where(lengths > 0, lengths, 1)]


def _matrix(found: Any) -> tuple[list[int], np.ndarray[Any, Any]] | None:
    import numpy as np  # noqa: PLC0415 - an extra

    numbers, parts = [], []
    for number, row in found:
        numbers.append(number)
        parts.append(row)
    if not parts:
        return None
    return numbers, np.frombuffer(b"".join(parts), dtype="<f4").reshape(len(parts), -1)
