"""A text that is kept in pieces is the same text: to whoever reads a stretch, hashes it, cuts it or looks at the record."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import to_jsonable_python

from roadworthy._settings import Settings
from roadworthy.accept.identity import body_hash
from roadworthy.accept.intake import read_records
from roadworthy.accept.lazy import beside, can_be_long, with_long
from roadworthy.accept.long import PIECE_CHARS, LongText, Spool, long_hash
from roadworthy.accept.papers.reader import PaperReader
from roadworthy.accept.record import Record
from roadworthy.accept.schema import RecordSchema
from roadworthy.accept.source import Source
from roadworthy.ask.part import json_bytes
from roadworthy.ask.split import cut_to, length_of, parts_of, with_text


class Paper(BaseModel):
    id: str
    text: str
    note: str = "x"


def taken_down(text: str) -> LongText:
    """The text in a file, taken down in stretches of many lengths."""
    spool, at = Spool(), 0
    for length in (1, PIECE_CHARS - 1, 0, 7, 3 * PIECE_CHARS):
        spool.add(text[at : at + length])
        at += length
    spool.add(text[at:])
    return spool.done()


def paper(text: str) -> Paper:
    """A record whose text is kept in pieces."""
    made = with_long(Paper(id="a", text=""), "text", taken_down(text))
    assert isinstance(made, Paper)
    return made


LONG = "".join(f'Line {n}: "größer", 漢字, 😀 and a \\ and a tab\t.\n' for n in range(6_000))


@pytest.mark.parametrize("text", ["", "a", "é" * PIECE_CHARS, "😀" * (PIECE_CHARS + 1), LONG])
def test_a_text_in_pieces_is_read_as_the_whole_is(text: str) -> None:
    """A character at the edge of a piece would be lost, or halved where it takes several bytes."""
    long = taken_down(text)
    assert (long.chars, long.whole()) == (len(text), text)
    assert "".join(long.pieces()) == text
    for start in (0, 1, PIECE_CHARS - 1, PIECE_CHARS, len(text) // 2):
        for length in (0, 1, 500, PIECE_CHARS, len(text)):
            assert long.read(start, start + length) == text[start : start + length]
    part = long.part(len(text) // 3, len(text))
    assert part.whole() == text[len(text) // 3 :]


@given(st.text(max_size=200), st.text(max_size=30))
def test_the_record_is_the_same_record(text: str, other: str) -> None:
    """A document read before and the same one read today would be two records, and everything be bought twice."""
    text, other = (word.encode("utf-8", "replace").decode() for word in (text, other))
    body: dict[str, Any] = {"id": other, "zz": "long-text-0", "text": "", other: ["long-text-1"]}
    body["text"] = ""
    assert long_hash(body, "text", taken_down(text)) == body_hash({**body, "text": text})


def test_who_looks_at_the_record_sees_all_of_it() -> None:
    """A prompt, a judge or a person's own code would be shown a record without its text."""
    light, whole = paper(LONG), Paper(id="a", text=LONG)
    assert isinstance(light, Paper)
    assert (light.text, light.id, light.note) == (LONG, "a", "x")
    assert light.model_dump() == whole.model_dump()
    assert list(light.model_dump()) == list(whole.model_dump())
    assert light.model_dump_json() == whole.model_dump_json()
    assert to_jsonable_python(light) == to_jsonable_python(whole)
    assert json_bytes(light) == json_bytes(whole)
    assert repr(light) == repr(whole)
    assert light == whole
    assert whole == light
    assert vars(light) == vars(whole)
    assert dict(light) == dict(whole)
    assert light.model_fields_set == whole.model_fields_set


def test_copies_are_whole_and_a_change_stays() -> None:
    """A copy would be empty, or what the team's code writes into a record be forgotten at once."""
    light, whole = paper(LONG), Paper(id="a", text=LONG)
    assert light.model_copy(update={"id": "b"}).text == LONG
    for copied in (copy.copy(light), copy.deepcopy(light), pickle.loads(pickle.dumps(light))):
        assert type(copied) is Paper
        assert copied == whole
    light.note = "changed"
    assert (light.text, light.note, light.model_dump()["note"]) == (LONG, "changed", "changed")
    light.text = "short"
    assert (light.text, light.model_dump()["text"]) == ("short", "short")
    with pytest.raises(AttributeError, match="nothing"):
        _ = light.nothing  # type: ignore[attr-defined] # what is asked


def test_parts_are_those_of_the_whole_text() -> None:
    """Each part would be another question than before, and everything be bought again."""
    light, whole = paper(LONG), Paper(id="a", text=LONG)
    assert length_of(light, "text") == len(LONG)
    found = list(parts_of(light, "text", 9_000))
    assert found == list(parts_of(whole, "text", 9_000))
    cut = with_text(light, "text", found[1].text)
    assert type(cut) is Paper
    assert cut == with_text(whole, "text", found[1].text)
    for start, end in ((0, 100), (5, len(LONG) - 3)):
        assert cut_to(light, "text", start, end) == cut_to(whole, "text", start, end)


class Short(BaseModel):
    id: str
    text: str = Field(max_length=100)


class Loud(BaseModel):
    id: str
    text: Annotated[str, AfterValidator(str.upper)]


class Stripped(BaseModel, str_strip_whitespace=True):
    id: str
    text: str


def test_a_type_that_looks_at_the_text_is_given_it(tmp_path: Path) -> None:
    """A rule on the text would be passed by a text that nobody looked at."""
    assert can_be_long(Paper, "text")
    assert not any(can_be_long(kind, "text") for kind in (Short, Loud, Stripped, dict, str))
    (tmp_path / "a.txt").write_text("word " * 100)
    settings = Settings(document_held_chars=100)
    (short,) = read_records(
        Source.from_path(tmp_path / "a.txt", settings), schema=RecordSchema(Short), settings=settings
    )
    assert not isinstance(short, Record)
    (loud,) = read_records(
        Source.from_path(tmp_path / "a.txt", settings), schema=RecordSchema(Loud), settings=settings
    )
    assert isinstance(loud, Record)
    assert isinstance(loud.value, Loud)
    assert loud.value.text == "WORD " * 100


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html"])
def test_a_long_document_is_the_same_record_as_a_short_one(name: str, tmp_path: Path) -> None:
    """What is held and what is taken down would be cleaned, hashed or named differently."""
    said = "# Title\n" + "A café, and a cafÃ©, said \x00 twice.\n" * 5_000
    (tmp_path / name).write_text(said)

    def read(held: int) -> Record:
        settings = Settings(document_held_chars=held)
        source = Source.from_path(tmp_path / name, settings)
        (found,) = read_records(source, schema=RecordSchema(Paper), settings=settings)
        assert isinstance(found, Record), found
        return found

    short, long = read(10_000_000), read(1_000)
    assert (short.long, beside(short.value)) == (None, None)
    assert long.long is not None
    assert beside(long.value) is not None
    assert (long.key, long.body_hash, long.cleanings, long.size) == (
        short.key, short.body_hash, short.cleanings, short.size)  # fmt: skip
    assert long.value == short.value
    with PaperReader(Settings(document_held_chars=1_000)) as reader:
        assert reader.read(tmp_path / name, name).text == short.value.text  # type: ignore[attr-defined] # a Paper


def test_a_long_document_that_breaks_off_is_refused(tmp_path: Path) -> None:
    """Half of a document would be taken for all of it."""
    (tmp_path / "a.txt").write_text("word word word\n" * 20_000)
    settings = Settings(document_held_chars=1_000, document_chars_max=250_000)
    (found,) = read_records(
        Source.from_path(tmp_path / "a.txt", settings), schema=RecordSchema(Paper), settings=settings
    )
    assert not isinstance(found, Record)
    assert "document_chars_max" in found.reason
