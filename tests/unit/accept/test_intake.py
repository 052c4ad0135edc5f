"""Intake: every unit becomes a record or says why not."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
import math
import os
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from tests.processes import said_with_seeds

from roadworthy._errors import Rejected
from roadworthy._settings import Settings
from roadworthy.accept.identity import Key, body_hash
from roadworthy.accept.intake import read_records, record_from_value
from roadworthy.accept.record import Json, Record, Unusable
from roadworthy.accept.schema import RecordSchema
from roadworthy.accept.source import Form, Source

HOSTILE = (
    Path(os.environ.get("ROADWORTHY_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data")) / "hostile"
)


class Ticket(BaseModel):
    id: str
    body: str
    urgency: int = 1


def read(
    data: bytes | str,
    kind: object = dict,
    *,
    key: Key = None,
    settings: Settings | None = None,
    form: Form = "jsonl",
) -> list[Record | Unusable]:
    """The records of a stream."""
    raw = data.encode() if isinstance(data, str) else data
    settings = settings or Settings()
    source = Source.from_stream(io.BytesIO(raw), settings, form=form, name="inbox.jsonl")
    return list(read_records(source, schema=RecordSchema(kind), key=key, settings=settings))


def taken(data: bytes | str, kind: object = dict, *, form: Form = "jsonl") -> Record:
    """The only record of a stream."""
    (record,) = read(data, kind, form=form)
    assert isinstance(record, Record), record
    return record


def test_a_clean_line_becomes_a_record_without_its_raw_bytes() -> None:
    """The ledger would hold every input twice, or the value would not be of the step's type."""
    record = taken('{"id": "T-1", "body": "hello"}\n', Ticket)
    body: Json = {"id": "T-1", "body": "hello"}
    assert record == Record("T-1", body, body_hash(body), 1, Ticket(id="T-1", body="hello"))


def test_a_repaired_line_keeps_its_raw_bytes_and_tells_the_repairs() -> None:
    """`why` could not show the input as received next to the input as cleaned."""
    raw = b'{"id": "T-1", "body": "a\\u0000b caf\xe9"}'
    record = taken(raw + b"\r\n", Ticket)
    assert record.body == {"id": "T-1", "body": "a\ufffdb café"}
    assert record.raw == raw
    assert [cleaning.kind for cleaning in record.cleanings] == ["encoding", "nul"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            '{"id": "T-1", "body": "b", "urgency": "high"}',
            "field `urgency`: expected a valid integer, got 'high'",
        ),
        (
            '{"id": "T-1", "id": "T-2", "body": "b"}',
            "the field 'id' is given 2 times in one object, with 'T-1' and",
        ),
        ('[{"id": "T-1"}]', "Give an array as JSON [(].json"),
        ("17", "expected a JSON object, got 17"),
        ("null", "expected a JSON object, got None"),
        ('{"id": "T-1"', "not JSON: .* near .*Write each record as one JSON object on one line"),
        ('"a text"', "got 'a text'"),
        ('{"id": "T-1", "body": NaN}', "NaN is not a JSON number"),
        ('{"id": "T\\n1", "body": "b"}', "holds control characters"),
    ],
)
def test_a_line_that_cannot_be_used_names_file_line_field_and_remedy(line: str, words: str) -> None:
    """A person would have to search for the line, guess the fault and guess the remedy."""
    good, bad, after = read(f'{{"id":"a","body":"b"}}\n{line}\n{{"id":"c","body":"d"}}', Ticket)
    assert isinstance(good, Record)
    assert isinstance(after, Record)
    assert isinstance(bad, Unusable)
    assert bad.reason.startswith("inbox.jsonl, line 2: ")
    assert bad.raw == line.encode()
    assert bad.reason.endswith((".", "`."))
    assert re.search(words, bad.reason), bad.reason


def test_an_unusable_record_carries_its_own_key_where_it_has_one() -> None:
    """A rejected ticket could not be found by its number."""
    keys = [unit.key for unit in read('{"id": 7}\n{"body": "b"}\nbroken\n', Ticket)]
    assert keys == ["7", "line-2", "line-3"]
    (unit,) = read('{"id": "a", "ref": "R-1"}', Ticket, key="ref")
    assert unit.key == "R-1"


def test_a_field_that_is_too_long_is_named() -> None:
    """A novel in one field would be sent to the model, or the whole run be stopped by it."""
    settings = Settings(field_chars_max=100)
    data = (
        json.dumps({"id": 1, "items": [{"note": "x" * 101}]}) + "\n" + json.dumps({"id": 2, "n": "é" * 100})
    )
    bad, good = read(data, settings=settings)
    assert isinstance(bad, Unusable)
    assert "field `items.0.note` has 101 characters and at most 100 are taken" in bad.reason
    assert isinstance(good, Record)
    (cell,) = read("id,text\n1," + "x" * 101, settings=settings, form="csv")
    assert isinstance(cell, Unusable)
    assert "field `text` has 101 characters" in cell.reason


def test_numbers_beyond_64_bits_survive_to_body_and_value() -> None:
    """An identifier of 25 digits would come out rounded, and two records become one."""

    class Wide(BaseModel):
        id: int
        n: int

    record = taken('{"id": 123456789012345678901234567890, "n": -99999999999999999999}', Wide)
    assert record.key == "123456789012345678901234567890"
    assert record.value == Wide(id=123456789012345678901234567890, n=-99999999999999999999)


def test_a_table_fills_numbers_and_leaves_empty_cells_out() -> None:
    """Every row with an empty optional cell would be rejected, or an empty text be taken for absent."""

    class Wide(BaseModel):
        id: str
        note: str
        score: float | None
        urgency: int = 3

    record = taken("id,note,score,urgency\n1,,,\n", Wide, form="csv")
    assert record.value == Wide(id="1", note="", score=None, urgency=3)
    assert record.body == {"id": "1", "note": "", "score": None}
    assert [(c.kind, c.where, c.after) for c in record.cleanings] == [
        ("empty", "score", "null"),
        ("empty", "urgency", "absent"),
    ]
    assert record.raw == b"1,,,"
    assert RecordSchema(Wide).validate(record.body) == record.value
    full = taken("id,note,score,urgency\n1,a,0.5,2\n", Wide, form="csv")
    assert full.value == Wide(id="1", note="a", score=0.5, urgency=2)
    assert full.cleanings == ()


def test_an_empty_cell_that_nothing_allows_is_told_as_empty() -> None:
    """The reason would speak of a missing field in a row where the column is there."""
    (bad,) = read("id,body,urgency\n,b,x\n", Ticket, form="csv", key="id")
    assert isinstance(bad, Unusable)
    assert "got 'x'" in bad.reason

    class Count(BaseModel):
        id: str
        n: int

    (bad,) = read("id,n\n1,\n", Count, form="csv")
    assert isinstance(bad, Unusable)
    assert "field `n`: expected a valid integer, got ''" in bad.reason


def test_texts_are_records_where_the_step_takes_text() -> None:
    """A step over `str` could not be fed from a file."""
    records = read('"hello"\n{"id": "T-2", "text": "hi"}\n', str)
    assert [record.value for record in records if isinstance(record, Record)] == ["hello", "hi"]
    assert records[1].key == "T-2"
    (untyped,) = read('"hello"\n', dict)
    assert isinstance(untyped, Unusable)


def test_a_record_from_a_value_is_the_record_from_its_line() -> None:
    """A direct call and a run over a file would answer, and pay for, the same record twice."""
    line = taken('{"id": "T-1", "body": "hello", "urgency": 2}', Ticket)
    for value in (Ticket(id="T-1", body="hello", urgency=2), {"id": "T-1", "body": "hello", "urgency": 2}):
        record = record_from_value(value, schema=RecordSchema(Ticket), settings=Settings())
        assert record == dataclasses.replace(line, line=0)


def test_values_of_each_kind_become_records() -> None:
    """A direct call would work for one kind of record type only."""

    @dataclasses.dataclass
    class Order:
        text: str
        day: dt.date

    class Aliased(BaseModel):
        body: str = Field(alias="Body")

    order = Order("t", dt.date(2026, 1, 2))
    record = record_from_value(order, schema=RecordSchema(Order), settings=Settings())
    assert record.value == order
    assert record.body == {"text": "t", "day": "2026-01-02"}
    aliased = record_from_value(Aliased(Body="b"), schema=RecordSchema(Aliased), settings=Settings())
    assert (aliased.body, aliased.value) == ({"Body": "b"}, Aliased(Body="b"))
    text = record_from_value("hi", schema=RecordSchema(str), settings=Settings())
    assert (text.body, text.value, text.line) == ("hi", "hi", 0)


@pytest.mark.parametrize("value", [{"by": {1: "a", "1": "b"}}, {"by": [({2: "a", "2": "b"},)]}])
def test_a_value_with_two_names_that_are_written_alike_is_refused(value: dict[str, object]) -> None:
    """One of the two would be lost without a word, as a name that a line gives twice would be."""

    class Loose(BaseModel):
        by: Any

    for one in (value, Loose(**value)):
        with pytest.raises(Rejected, match="two names"):
            record_from_value(one, schema=RecordSchema(Loose), settings=Settings())
    years = record_from_value({"by": {2026: "a"}}, schema=RecordSchema(Loose), settings=Settings())
    assert years.body == {"by": {"2026": "a"}}


def test_a_number_of_more_digits_than_are_kept_is_noted() -> None:
    """An amount or a reading would be another one than was sent, and nothing would say so."""

    class Reading(BaseModel):
        id: str
        at: list[dict[str, float]]

    line = '{"id": "R1", "at": [{"x": 0.1, "y": 9007199254740993.25}, {"x": -0.123456789012345678901e3}]}'
    record = taken(line, Reading)
    assert record.body == {
        "id": "R1",
        "at": [{"x": 0.1, "y": 9007199254740994.0}, {"x": -123.45678901234568}],
    }
    assert orjson.dumps(record.body), "numbers, and nothing derived from them"
    assert [(one.kind, one.where, one.before, one.after) for one in record.cleanings] == [
        ("rounded", "at.0.y", "9007199254740993.25", "9007199254740994.0"),
        ("rounded", "at.1.x", "-0.123456789012345678901e3", "-123.45678901234568"),
    ]
    assert record.raw == line.encode()


@pytest.mark.parametrize(
    "number",
    [
        "52.520006599999997",
        "0.1000000000000000000",
        "0.1000000000000000055511",
        "1.7976931348623157e308",
        "-1e-7",
    ],
)
def test_a_number_that_is_kept_as_it_is_said_is_not_noted(number: str) -> None:
    """Every coordinate that a program wrote in full would be told as changed."""
    record = taken(f'{{"id": "R1", "body": "x", "at": {number}}}', dict)
    assert record.cleanings == ()


def test_a_value_is_cleaned_like_a_line() -> None:
    """A NUL or half an emoji from a web form would be refused by the database after the model was paid."""
    record = record_from_value(
        {"id": "T-1", "body": "a\0b \ud83d"}, schema=RecordSchema(Ticket), settings=Settings()
    )
    assert record.body == {"id": "T-1", "body": "a\ufffdb \ufffd"}
    assert record.raw is not None
    assert json.loads(record.raw) == {"id": "T-1", "body": "a\0b \ud83d"}
    assert [cleaning.kind for cleaning in record.cleanings] == ["nul", "surrogate"]


def deep() -> object:
    """A value of a hundred levels."""
    value: object = "x"
    for _ in range(100):
        value = [value]
    return {"id": "T-1", "body": value}


def circular() -> object:
    """A value that contains itself."""
    value: dict[str, object] = {"id": "T-1"}
    value["self"] = value
    return value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"id": "T-1", "body": 5}, "field `body`: expected a valid string, got 5"),
        ({"id": "T-1", "n": math.nan}, "field `n` is nan"),
        ({"id": "T-1", "n": [math.inf]}, r"field `n\.0` is inf"),
        ({"id": "T-1", "body": object()}, "cannot be written as JSON"),
        ({"id": "T-1", "body": "x" * 1_001}, "1001 characters"),
        ({"id": "T-1", "many": ["x" * 900] * 10}, "bytes as JSON and at most 5,000"),
        (deep(), "deeper than 64 levels"),
        (circular(), "cannot be written as JSON"),
        ({"id": "T-1", "n": 10**5_000}, "cannot be written as JSON: .*4300 digits.* as a string"),
        ([1], "expected a model, a dict or a text"),
        (7, "expected a model, a dict or a text, got 7"),
    ],
)
def test_a_value_that_cannot_be_used_is_rejected_with_the_reason(value: object, words: str) -> None:
    """A direct call would raise something that no caller expects, or spoil the ledger."""
    settings = Settings(field_chars_max=1_000, line_bytes_max=5_000)
    with pytest.raises(Rejected, match=words):
        record_from_value(value, schema=RecordSchema(Ticket), settings=settings)


def test_naughty_strings_go_through_intake_and_keep_their_bytes() -> None:
    """Some string that breaks software would be lost, changed or stop the run."""
    path = HOSTILE / "naughty_strings.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is not here; set ROADWORTHY_SHARED_DATA")
    wanted = [json.loads(line) for line in path.read_bytes().splitlines()]
    settings = Settings()
    records = list(
        read_records(Source.from_path(path, settings), schema=RecordSchema(dict), settings=settings)
    )
    assert len(records) == len(wanted)
    for record, row in zip(records, wanted, strict=True):
        assert isinstance(record, Record)
        assert (record.body == row) == (not record.cleanings)
        assert record.key == row["id"]


@given(st.lists(st.binary(max_size=80), max_size=6))
def test_any_bytes_are_accounted_for(lines: list[bytes]) -> None:
    """Some input would vanish, be counted twice or end the run."""
    data = b"\n".join([b'{"id":"first"}', *lines])
    units = read(data)
    filled = [line for line in data.split(b"\n") if line.strip(b" \t\r\n")]
    assert len(units) == len(filled)
    assert units[0].key == "first"


@given(
    st.dictionaries(
        st.text(), st.text() | st.integers() | st.lists(st.floats(allow_nan=False, allow_infinity=False))
    )
)
def test_what_was_kept_is_taken_again_unchanged(body: dict[str, object]) -> None:
    """A record written out and read in again would have another identity."""
    (first,) = read(json.dumps(body))
    if isinstance(first, Record):
        (again,) = read(json.dumps(first.body))
        assert isinstance(again, Record)
        assert (again.body_hash, again.cleanings) == (first.body_hash, ())


def test_a_set_is_the_same_record_in_every_process() -> None:
    """A process's own order of a set's members would make the record another one after each start, and buy it again."""
    code = """
from dataclasses import dataclass
from pydantic import BaseModel
from roadworthy._settings import DEFAULTS
from roadworthy.accept.intake import record_from_value
from roadworthy.accept.schema import RecordSchema

@dataclass
class Under:
    names: frozenset[str]

class Note(BaseModel):
    tags: set[str]
    under: list[Under]
    kept: list[str]

letters = {"x", "y", "z", "w", "v"}
note = Note(tags=letters, under=[Under(frozenset(letters))], kept=["b", "a"])
for value in (note, {"tags": letters}, Under(frozenset(letters))):
    kind = type(value)
    print(record_from_value(value, schema=RecordSchema(kind), settings=DEFAULTS).body)
"""
    said = said_with_seeds(code)
    assert len(said) == 1
    assert "'kept': ['b', 'a']" in said.pop()
