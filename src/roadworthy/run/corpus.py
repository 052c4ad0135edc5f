"""A corpus on its way into the index: what changed in its folder or table is read, the rest is skipped by its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.intake import read_records
from roadworthy.accept.papers.reader import MEDIA_TYPES, PaperReader
from roadworthy.accept.passage import Document
from roadworthy.accept.reason import WrongRecord
from roadworthy.accept.record import Unusable
from roadworthy.accept.schema import RecordSchema
from roadworthy.accept.source import Source
from roadworthy.ask.part import storable
from roadworthy.ask.passages import Passages
from roadworthy.check.ready import texts_at
from roadworthy.keep.passages import Indexed

HASH_BYTES = 1 << 20
Known = dict[str, str]
LeftOut = Callable[[str, str], None]


def place_of(passages: Passages, folder: Path) -> Path:
    """Where a corpus is.

    Raises:
        WrongUse: nothing is there.
    """
    place = folder / passages.where
    if not place.exists():
        raise WrongUse(
            f"There is nothing at {place} to take passages from. Name a folder of documents or a table, "
            "relative to the app's file."
        )
    return place


def changed_documents(
    passages: Passages, place: Path, known: Known, settings: Settings, left_out: LeftOut
) -> Iterator[Indexed]:
    """The documents that the index does not hold as they are now. What is gone stays behind in `known`.

    Args:
        passages: the declaration.
        place: its folder or table.
        known: key -> hash of what is indexed; what is still there is taken out of it.
        settings: the limits on documents and records.
        left_out: hears of what cannot be read: its name and why.
    """
    if place.is_dir():
        yield from _of_folder(passages, place, known, settings, left_out)
    else:
        yield from _of_table(passages, place, known, settings, left_out)


def in_batches(documents: Iterator[Indexed], size: int) -> Iterator[list[Indexed]]:
    """Documents, some at a time."""
    while batch := list(islice(documents, size)):
        yield batch


def _of_folder(
    passages: Passages, place: Path, known: Known, settings: Settings, left_out: LeftOut
) -> Iterator[Indexed]:
    with PaperReader(settings) as reader:
        for path in sorted(place.rglob("*")):
            if not path.is_file() or path.name.startswith("."):
                continue
            key = storable(path.relative_to(place).as_posix())
            if path.suffix.lower() not in MEDIA_TYPES:
                left_out(key, "its kind is not read")
                continue
            sha256 = _hash(path)
            if known.pop(key, None) == sha256:
                continue
            try:
                yield _indexed(reader.read(path, key), sha256, passages.chars)
            except WrongRecord as wrong:
                left_out(key, str(wrong))


def _of_table(
    passages: Passages, place: Path, known: Known, settings: Settings, left_out: LeftOut
) -> Iterator[Indexed]:
    source = Source.from_path(place, settings)
    seen = set[str]()
    for record in read_records(source, schema=RecordSchema(dict[str, Any]), settings=settings):
        if isinstance(record, Unusable):
            left_out(record.key, record.reason)
            continue
        key = storable(record.key)
        if key in seen:
            left_out(key, "an earlier row has the same key")
            continue
        seen.add(key)
        text = "\n".join(texts_at(record.body, passages.text))
        if not text.strip():
            left_out(key, f"its field {passages.text!r} holds no text" if passages.text else "no text")
            continue
        sha256 = record.body_hash.hex()
        if known.pop(key, None) != sha256:
            yield _indexed(Document(key, "text/plain", text), sha256, passages.chars)


def _indexed(document: Document, sha256: str, chars: int) -> Indexed:
    found = (replace(passage, text=storable(passage.text)) for passage in document.passages(chars))
    return Indexed(document.key, sha256, tuple(found))


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(HASH_BYTES):
            digest.update(block)
    return digest.hexdigest()
