"""Passages as a pinned question keeps them: each text once, since it stands in a message already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from roadworthy.accept.passage import Passage
from roadworthy.ask.example import EXAMPLES
from roadworthy.ask.question import Question

PASSAGES: Final = "passages"
"""The role of the row that holds them, beside `system` and `user`."""


def kept_passages(question: Question) -> list[dict[str, object]]:
    """One row a passage: where it is from, and where its text stands in the last message; else the text itself."""
    said = question.messages[-1].text
    return [_row(passage, said) for passage in question.passages]


def passages_in(rows: Sequence[Mapping[str, Any]]) -> tuple[Passage, ...]:
    """The passages of a question's rows, as `kept_passages` wrote them.

    Raises:
        KeyError, IndexError, TypeError: the rows are not a question's.
    """
    said = [row["text"] for row in rows if row["role"] not in {PASSAGES, EXAMPLES}]
    kept: Iterable[Mapping[str, Any]] = (
        each for row in rows if row["role"] == PASSAGES for each in row[PASSAGES]
    )
    return tuple(_passage(row, said[-1]) for row in kept)


def _row(passage: Passage, said: str) -> dict[str, object]:
    place = said.find(passage.text)
    row: dict[str, object] = {
        "id": passage.id,
        "document": passage.document,
        "number": passage.number,
        "start": passage.start,
        "end": passage.end,
        "page": passage.page,
        "heading": passage.heading,
        "grounds": passage.grounds,
    }
    return {**row, "text": passage.text} if place < 0 else {**row, "at": place, "chars": len(passage.text)}


def _passage(row: Mapping[str, Any], said: str) -> Passage:
    text = row["text"] if "text" in row else said[row["at"] : row["at"] + row["chars"]]
    return Passage(
        row["document"],
        row["number"],
        row["start"],
        row["end"],
        text,
        row["page"],
        tuple(row["heading"]),
        row["id"],
        row["grounds"],
    )
