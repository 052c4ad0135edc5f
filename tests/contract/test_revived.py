"""The value of a kept record: judged by today's type, with its numbers and its long text as they came."""

import hashlib

import pytest
from pydantic import BaseModel

from roadworthy.accept.lazy import beside
from roadworthy.accept.long import MARK, PIECE_CHARS, LongText
from roadworthy.accept.reason import WrongRecord
from roadworthy.accept.record import Json, Record
from roadworthy.accept.schema import RecordSchema
from roadworthy.keep.erase import FORGOTTEN, forget
from roadworthy.keep.intake import take_in
from roadworthy.keep.jobs import begin_run, open_job
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.record import Kept
from roadworthy.keep.records import find_record, find_whole
from roadworthy.run.export import TABLES, exported
from roadworthy.run.revive import revived


class Paper(BaseModel):
    id: str
    text: str


class Wide(BaseModel):
    id: str
    number: int


TEXT = "".join(f"word {n} " for n in range(40_000))
PAPER = RecordSchema(Paper)


def kept(store: Ledger, body: dict[str, Json], long: LongText | None = None) -> Kept:
    """A record as the ledger has it."""
    job = store.write_now(lambda tx: open_job(tx, "a", "e", "j"))
    run = store.write_now(lambda tx: begin_run(tx, job, store.owner))
    one = Record(str(body["id"]), body, hashlib.sha256(repr(body).encode()).digest(), 1, None, long=long)
    ((taken, _),) = store.write_now(lambda tx: take_in(tx, job, run, [one], owner=store.owner))
    found = store.read(lambda tx: find_record(tx, taken.id))
    assert found is not None
    return found


def long_one(store: Ledger) -> Kept:
    """A record whose text is kept in pieces."""

    def piece(number: int) -> str:
        return TEXT[number * PIECE_CHARS : (number + 1) * PIECE_CHARS]

    return kept(store, {"id": "1", "text": {MARK: len(TEXT)}}, LongText(len(TEXT), piece))


def test_an_export_holds_no_half_of_what_is_erased(store: Ledger) -> None:
    """A text that is erased while it is exported would stand empty in the file, beside what else its record said."""
    kept(store, {"id": "0", "text": "short"})
    found = long_one(store)
    rows = exported(store, TABLES["records"], "a", 0)
    next(rows)
    store.write_now(lambda tx: forget(tx, "a", "1", found.id))
    (row,) = (dict(zip(TABLES["records"].columns, row, strict=True)) for row in rows)
    assert (row["key"], row["body_json"], row["reason"]) == (f"forgotten-{found.id}", None, FORGOTTEN)


def test_a_long_text_is_read_where_it_lies(store: Ledger) -> None:
    """A record in pieces would be taken for one without a text, or all of it be held by whoever looks at it."""
    found = long_one(store)
    assert found.pieces == -(-len(TEXT) // PIECE_CHARS)
    value = revived(PAPER, found, store)
    held = beside(value)
    assert held is not None
    assert held.text.chars == len(TEXT)
    assert value == Paper(id="1", text=TEXT)


@pytest.mark.parametrize("kind", [dict, str], ids=["dict", "str"])
def test_a_type_that_cannot_wait_for_its_text_has_it(store: Ledger, kind: type) -> None:
    """A step that takes a dict or a text would be asked about a mark."""
    value = revived(RecordSchema(kind), long_one(store), store)
    assert value == (TEXT if kind is str else {"id": "1", "text": TEXT})


def test_a_body_with_a_mark_never_passes_for_the_record(store: Ledger) -> None:
    """Whoever read it by hand would judge, show or send a record without its text."""
    found = long_one(store)
    with pytest.raises(RuntimeError, match="lies in pieces"):
        _ = found.body
    whole = store.read(lambda tx: find_whole(tx, found.id))
    assert whole is not None
    assert revived(PAPER, whole, store) == Paper(id="1", text=TEXT)
    assert TEXT in (whole.body or "")


def test_a_kept_body_is_judged_by_todays_type(store: Ledger) -> None:
    """An edited record type would be passed by with the value of an old one."""
    found = kept(store, {"id": "1", "body": "b"})
    with pytest.raises(WrongRecord, match="is missing"):
        revived(PAPER, found, store)


@pytest.mark.parametrize(
    "number", [2**63, -(2**80), 12345678901234567890123], ids=["2^63", "-2^80", "23 digits"]
)
def test_whole_numbers_of_any_size_come_back(store: Ledger, number: int) -> None:
    """A record that goes on would be asked about another number than the one it came with."""
    assert revived(RecordSchema(Wide), kept(store, {"id": "1", "number": number}), store) == Wide(
        id="1", number=number
    )
