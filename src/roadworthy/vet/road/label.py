"""Right answers that the team has: from a file, from recorded answers, from its own ledger."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from roadworthy._errors import LedgerUnavailable, WrongUse
from roadworthy._quick import quick
from roadworthy._settings import DEFAULTS
from roadworthy.accept.intake import read_records
from roadworthy.accept.record import Unusable
from roadworthy.accept.schema import RecordSchema
from roadworthy.accept.source import Source
from roadworthy.keep.ledger import open_ledger
from roadworthy.keep.transaction import as_int, as_text, text_or_none
from roadworthy.vet.options import Options, rows_of

_PAGE: Final = 1_000
_COPY_BYTES_MAX: Final = 1_000_000_000


@quick(frozen=True, slots=True)
class Wrong:
    """In the place of a right answer: one that a person called wrong without saying which would be right."""

    answer: Any


def read_labels(place: Path) -> dict[str, Any]:
    """Right answers by key, from JSONL or CSV with `key` and `label`.

    Raises:
        WrongUse: the file cannot be read, or a line has no `key` or no `label`.
    """
    found: dict[str, Any] = {}
    source = Source.from_path(place, DEFAULTS)
    for item in read_records(source, schema=RecordSchema(dict), key="key", settings=DEFAULTS):
        body = None if isinstance(item, Unusable) else item.body
        if not isinstance(body, dict) or "label" not in body:
            said = item.reason if isinstance(item, Unusable) else "there is no `label`"
            raise WrongUse(f"{place}, line {item.line}: {said}. Give `key` and `label`.")
        found[item.key] = _parsed(body["label"])
    return found


def recorded_labels(options: Options) -> dict[str, Any]:
    """The `label` of each row of recorded answers that has one, by the row's id."""
    return {str(row["id"]): row["label"] for row in rows_of(options) if "id" in row and "label" in row}


def ledger_labels(ledger: str, app: str) -> dict[str, Any]:
    """The right answers in the team's own ledger, and those called wrong, read from a copy of it; none where there is no file to copy."""
    place = Path(ledger)
    if "://" in ledger or not place.is_file() or place.stat().st_size > _COPY_BYTES_MAX:
        return {}
    with tempfile.TemporaryDirectory(prefix="roadworthy-labels-") as folder:
        copy = Path(folder) / place.name
        for ending in ("", "-wal"):
            beside = place.with_name(place.name + ending)
            if beside.exists():
                shutil.copy(beside, copy.with_name(copy.name + ending))
        try:
            store = open_ledger(str(copy), DEFAULTS)
        except (WrongUse, LedgerUnavailable):
            return {}
        try:
            found: dict[str, Any] = {}
            after = 0
            while page := store.read(
                lambda tx: tx.rows("judged_labels", app=app, after=after, count=_PAGE)  # noqa: B023 - read at once
            ):
                for row in page:
                    after = as_int(row[0])
                    if (said := text_or_none(row[2] if row[3] is None else row[4])) is not None:
                        answer = orjson.loads(said)
                        found[as_text(row[1])] = answer if row[3] in {None, 1} else Wrong(answer)
            return found
        finally:
            store.close()


def is_right(value: Any, label: Any) -> bool | None:
    """Whether an answer is the labelled one: the same, or its only field is, or it agrees in every field that the label names.

    None where another answer was called wrong, which says nothing of this one.
    """
    if isinstance(label, Wrong):
        return False if is_right(value, label.answer) else None
    if value == label:
        return True
    if not isinstance(value, dict):
        return False
    if isinstance(label, Mapping):
        return bool(label) and all(name in value and value[name] == wanted for name, wanted in label.items())
    return len(value) == 1 and next(iter(value.values())) == label


def _parsed(said: Any) -> Any:
    """A cell of a table that is JSON is what it says."""
    if isinstance(said, str) and said[:1] in {"{", "[", '"'}:
        try:
            return orjson.loads(said)
        except orjson.JSONDecodeError:
            return said
    return said
