"""The index of a corpus: documents, their passages, and which of them share words with a query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from roadworthy._quick import quick
from roadworthy.accept.passage import Passage
from roadworthy.keep.transaction import Row, Transaction, Value, as_bytes, as_int, as_text

VECTORS_AT_ONCE = 2_000
_COUNTED_MAX = 50_000
_SMALL = 1_000  # passages


@quick(frozen=True, slots=True)
class Indexed:
    """A document as it goes into the index.

    Attributes:
        sha256: of what it was read from.
        passages: its passages in order.
        vectors: one for each, 32-bit floats of length 1; empty where the corpus has none.
    """

    key: str
    sha256: str
    passages: tuple[Passage, ...]
    vectors: tuple[bytes, ...] = ()


def open_corpus(tx: Transaction, app: str, name: str) -> int:
    """The index of this identity, made where it is new."""
    tx.change("add_corpus", app=app, name=name)
    row = tx.row("corpus", app=app, name=name)
    assert row is not None
    return as_int(row[0])


def known_documents(tx: Transaction, corpus_id: int) -> dict[str, str]:
    """The documents of an index: key -> hash of what each was read from."""
    rows = tx.rows("corpus_documents", corpus_id=corpus_id)
    return {as_text(key): as_text(sha256) for key, sha256 in rows}


def put_documents(tx: Transaction, corpus_id: int, documents: Sequence[Indexed]) -> None:
    """Index documents, each in the place of what was there under its key.

    One that is there as it is was put there by another process since it was read. It keeps its passages: their numbers
    are what that process searches and finds by.
    """
    for document in documents:
        known = tx.row("document_id", corpus_id=corpus_id, key=document.key)
        if known is not None and known[1] == document.sha256:
            continue
        drop_documents(tx, corpus_id, [document.key])
        tx.change("add_document", corpus_id=corpus_id, key=document.key, sha256=document.sha256)
        row = tx.row("document_id", corpus_id=corpus_id, key=document.key)
        assert row is not None
        vectors = document.vectors or (None,) * len(document.passages)
        for passage, vector in zip(document.passages, vectors, strict=True):
            tx.change(
                "add_passage",
                corpus_id=corpus_id,
                document_id=as_int(row[0]),
                number=passage.number,
                first=passage.start,
                after=passage.end,
                page=passage.page,
                heading=orjson.dumps(passage.heading).decode(),
                text=passage.text,
                vector=vector,
            )


def known_vectors(tx: Transaction, corpus_id: int, keys: Sequence[str]) -> dict[str, bytes]:
    """The vectors that passages of these documents have by now, by what was embedded: headings and text."""
    return {said: as_bytes(vector) for said, vector in _embedded(tx, corpus_id, keys) if vector is not None}


def unembedded(
    tx: Transaction, app: str, name: str, plain: str, documents_at_once: int
) -> Iterator[list[str]]:
    """What an index still needs vectors of: the different texts of its changed documents, so many documents at a time.

    Args:
        name: of the index with vectors; it need not be there yet.
        plain: of the index without any that is kept beside it, as the corpus is now.
    """
    rows = (tx.row("corpus", app=app, name=one) for one in (plain, name))
    plain_id, corpus_id = (0 if row is None else as_int(row[0]) for row in rows)
    after, most = 0, documents_at_once
    while page := tx.rows("documents_unlike", corpus_id=plain_id, other_id=corpus_id, after=after, most=most):
        after, keys = as_int(page[-1][0]), [as_text(key) for _number, key in page]
        had = known_vectors(tx, corpus_id, keys)
        yield [
            said
            for said in dict.fromkeys(said for said, _ in _embedded(tx, plain_id, keys))
            if said not in had
        ]


def _embedded(tx: Transaction, corpus_id: int, keys: Sequence[str]) -> Iterator[tuple[str, Value]]:
    """What is embedded of each passage of these documents, with its vector."""
    for key in keys:
        for heading, text, vector in tx.rows("document_vectors", corpus_id=corpus_id, key=key):
            yield " ".join((*orjson.loads(as_text(heading)), as_text(text))), vector


def drop_documents(tx: Transaction, corpus_id: int, keys: Sequence[str]) -> None:
    """Take documents out of the index."""
    for key in keys:
        row = tx.row("document_id", corpus_id=corpus_id, key=key)
        if row is not None:
            tx.change("drop_passages", document_id=row[0])
            tx.change("drop_document", document_id=row[0])


def corpus_size(tx: Transaction, corpus_id: int) -> tuple[int, int]:
    """How many passages an index holds, and the number of the newest; another pair is another index."""
    row = tx.row("corpus_size", corpus_id=corpus_id)
    assert row is not None
    return as_int(row[0]), as_int(row[1])


class Words:
    """How common words are in the indexes of a ledger, counted once for each word.

    Okapi BM25 gives a word that stands in more than half of all passages no weight (SQLite's FTS5 takes 0.000001), yet
    most of the time of a search goes into it: such words are not looked for where others are left.
    """

    def __init__(self) -> None:
        self._all = 0
        self._with: dict[str, int] = {}

    def telling(self, tx: Transaction, words: Sequence[str]) -> list[str]:
        """Those of the words that tell passages apart; all of them where none does."""
        if not self._all:
            row = tx.row("passages_in_all")
            self._all = as_int(row[0]) if row else 0
        if self._all < _SMALL:
            return list(words)
        if len(self._with) > _COUNTED_MAX:
            self._with.clear()
        for word in words:
            if word not in self._with:
                row = tx.row("passages_with_words", words=_sought([word]))
                self._with[word] = as_int(row[0]) if row else 0
        return [word for word in words if 0 < 2 * self._with[word] <= self._all] or list(words)


def by_words(tx: Transaction, corpus_id: int, words: Sequence[str], most: int) -> list[int]:
    """The passages that share words with a query, best first.

    Args:
        words: runs of letters and digits; nothing in them is syntax.
        most: at most so many.
    """
    if not words:
        return []
    rows = tx.rows("passages_by_words", corpus_id=corpus_id, words=_sought(words), most=most)
    return [as_int(row[0]) for row in rows]


def _sought(words: Sequence[str]) -> str:
    return " OR ".join('"' + word.replace('"', "") + '"' for word in words)


def find_passages(tx: Transaction, numbers: Sequence[int]) -> dict[int, Passage]:
    """Passages by their numbers; one that is gone meanwhile is left out."""
    found = ((number, tx.row("passage", passage_id=number)) for number in numbers)
    return {number: _passage(row) for number, row in found if row is not None}


def vectors(tx: Transaction, corpus_id: int) -> Iterator[tuple[int, bytes]]:
    """The number and vector of every passage, in order."""
    after = 0
    while rows := tx.rows("passage_vectors", corpus_id=corpus_id, after=after, most=VECTORS_AT_ONCE):
        for number, vector in rows:
            after = as_int(number)
            if vector is not None:
                yield after, as_bytes(vector)


def _passage(row: Row) -> Passage:
    document, number, first, after, page, heading, text = row
    return Passage(
        as_text(document),
        as_int(number),
        as_int(first),
        as_int(after),
        as_text(text),
        None if page is None else as_int(page),
        tuple(orjson.loads(as_text(heading))),
    )
