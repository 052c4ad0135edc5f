"""Sources: files by their ending, streams, limits."""

from __future__ import annotations

import gzip
import io
import os
import threading
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.accept.conftest import Stranger

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.decode import Line
from roadworthy.accept.record import Unusable
from roadworthy.accept.source import Form, Source, Unit
from roadworthy.accept.table import Row

SETTINGS = Settings()


def stream(data: bytes, settings: Settings = SETTINGS, form: Form | None = None) -> list[Unit]:
    """The units of a stream."""
    return list(Source.from_stream(io.BytesIO(data), settings, form=form))


def texts(units: list[Unit]) -> list[str]:
    """The texts of lines, line endings apart."""
    assert all(isinstance(unit, Line) for unit in units)
    return [unit.text.rstrip("\r\n") for unit in units if isinstance(unit, Line)]


class Endless(io.RawIOBase):
    """One line of `size` bytes, a byte pattern at a time, then a short record."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._tail = b'"}\n{"id":2}\n'

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._left > 0:
            chunk = b"x" * min(size, self._left)
            self._left -= len(chunk)
            return chunk
        tail, self._tail = self._tail, b""
        return tail


@pytest.mark.parametrize("ending", [".jsonl", ".ndjson", ".JSONL", ".jsonl.gz", ".ndjson.gz"])
def test_a_file_of_json_lines_by_each_ending(tmp_path: Path, ending: str) -> None:
    """A file that the documentation names would be refused, or its blank lines be counted as records."""
    path = tmp_path / f"in.v2{ending}"
    data = b'{"id":1}\n\n  \t\r\n{"id":2}\r\n{"id":3}'
    path.write_bytes(gzip.compress(data) if ending.endswith(".gz") else data)
    source = Source.from_path(path, SETTINGS)
    units = list(source)
    assert texts(units) == ['{"id":1}', '{"id":2}', '{"id":3}']
    assert [unit.line if isinstance(unit, Unusable) else unit.number for unit in units] == [1, 4, 5]
    assert list(source) == units, "a file can be read again"


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".csv.gz", ".tsv.gz"])
def test_a_table_by_each_ending(tmp_path: Path, ending: str) -> None:
    """A file that the documentation names would be refused or cut at the wrong delimiter."""
    path = tmp_path / f"in{ending}"
    delimiter = "," if "csv" in ending else "\t"
    data = f"id{delimiter}text\n1{delimiter}a;b|c\n".encode()
    path.write_bytes(gzip.compress(data) if ending.endswith(".gz") else data)
    (row,) = Source.from_path(path, SETTINGS)
    assert isinstance(row, Row)
    assert row.cells == {"id": "1", "text": "a;b|c"}


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        (
            "in.xml",
            b"x",
            r"ends with '\.xml'\. An input file ends with one of \.jsonl, \.ndjson, \.json, \.csv, \.tsv",
        ),
        ("in.json", b"[]", "in.json holds an empty array"),
        ("in", b"x", "ends with 'nothing'"),
        ("in.gz", b"x", "ends with 'nothing'"),
        ("in.jsonl", b"", "in.jsonl is empty"),
        ("in.jsonl.gz", gzip.compress(b"", mtime=0), "in.jsonl.gz is empty"),
        ("in.jsonl.gz", b"no gzip at all", "cannot be read on after line 0: Not a gzipped file"),
        ("in.jsonl.gz", gzip.compress(os.urandom(99_999))[:50_000], "cut off or damaged"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_and_what_to_do(
    tmp_path: Path, name: str, data: bytes, words: str
) -> None:
    """The user would see a traceback, or a run over nothing would end well."""
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(WrongUse, match=words):
        list(Source.from_path(path, SETTINGS))


def test_a_missing_file_an_empty_folder_and_a_pipe_are_named(tmp_path: Path) -> None:
    """A typing slip would look like an empty input."""
    with pytest.raises(WrongUse, match=r"gone\.jsonl does not exist"):
        Source.from_path(tmp_path / "gone.jsonl", SETTINGS)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(WrongUse, match="holds no files"):
        Source.from_path(tmp_path / "folder.csv", SETTINGS)
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(WrongUse, match="not a regular file"):
        Source.from_path(tmp_path / "pipe.jsonl", SETTINGS)
    with pytest.raises(WrongUse, match="cannot be read"):
        Source.from_path("in\0.jsonl", SETTINGS)


def test_a_name_that_no_file_can_have_is_named() -> None:
    """Whoever gives a record in the place of a file would see a traceback."""
    for name in ("x" * 300, "x" * 300 + ".jsonl", "x" * 300 + ".txt"):
        with pytest.raises(WrongUse, match=r"cannot be read: .*too long"):
            Source.from_path(name, SETTINGS)


def test_a_place_that_cannot_be_looked_into_is_named(stranger: Stranger) -> None:
    """A path in somebody else's folder would end in a traceback instead of the word permission."""
    closed = stranger.folder / "closed"
    closed.mkdir(0o700)
    (closed / "in.jsonl").write_bytes(b"{}")
    with stranger.acts():
        for name in ("in.jsonl", "docs", "gone.csv"):
            with pytest.raises(WrongUse, match=r"cannot be read: .*Permission"):
                Source.from_path(closed / name, SETTINGS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    """The user would see a traceback instead of the word permission."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"{}")
    path.chmod(0)
    with pytest.raises(WrongUse, match="Permission"):
        Source.from_path(path, SETTINGS)


@pytest.mark.fault("E18")
def test_the_size_limit_holds_before_reading_and_after_decompressing(tmp_path: Path) -> None:
    """A gzip bomb of a kilobyte would be read for hours."""
    settings = Settings(file_bytes_max=10_000)
    plain, bomb = tmp_path / "in.jsonl", tmp_path / "in.jsonl.gz"
    plain.write_bytes(b"{}\n" * 5_000)
    with pytest.raises(WrongUse, match="15,000 bytes and at most 10,000"):
        Source.from_path(plain, settings)
    bomb.write_bytes(gzip.compress(b"{}\n" * 50_000))
    assert bomb.stat().st_size < 10_000
    with pytest.raises(WrongUse, match=r"more than 10,000 bytes .* after line"):
        list(Source.from_path(bomb, settings))


def test_a_long_line_is_cut_and_the_next_one_is_read() -> None:
    """One giant line would end the run, or swallow its neighbours."""
    settings = Settings(line_bytes_max=10)
    first, cut, last = stream(b"{}\n" + b"{" * 11 + b"\r\n" + b"{23456789}\r\n", settings)
    assert isinstance(cut, Unusable)
    assert (cut.line, cut.key, cut.raw) == (2, "line-2", b"{" * 10)
    assert "standard input, line 2: the line is longer than 10 bytes" in cut.reason
    assert texts([first, last]) == ["{}", "{23456789}"]


@pytest.mark.fault("E18")
def test_a_line_of_fifty_megabytes_needs_the_memory_of_the_limit() -> None:
    """A file without line breaks would take all memory of the machine."""
    settings = Settings(line_bytes_max=1_000_000)
    tracemalloc.start()
    try:
        source = Source.from_stream(Endless(50_000_000), settings, form="jsonl")  # type: ignore[arg-type] # reads
        cut, last = source
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    print(f"peak {peak / 1e6:.1f} MB for a line of 50 MB under a limit of 1 MB")
    assert peak < 6_000_000
    assert isinstance(cut, Unusable)
    assert len(cut.raw) == 1_000_000
    assert texts([last]) == ['{"id":2}']


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_utf16_and_utf32_are_read_by_mark_or_by_their_zeros(charset: str) -> None:
    """What PowerShell and Excel save as `Unicode` would be one unreadable line."""
    lines = ['{"id": 1, "body": "Größe 日本 😀"}', '{"id": 2}']
    units = stream("\r\n".join(lines).encode(charset))
    assert texts(units) == lines
    for unit, line in zip(units, lines, strict=True):
        assert isinstance(unit, Line)
        assert [c.kind for c in unit.cleanings] == ["encoding"]
        name = unit.cleanings[0].before
        assert unit.raw.decode(name).rstrip("\r\n") == line, "raw is as it came"


@pytest.mark.parametrize("shift", range(4))
def test_utf16_longer_than_one_read(shift: int) -> None:
    """A character that falls on the border of two reads would be broken in halves."""
    line = "x" * shift + "é😀" * 60_000
    assert texts(stream(f"{line}\n{line}".encode("utf-16"), form="jsonl")) == [line, line]


def test_broken_utf16_loses_no_line() -> None:
    """Half a character at the end of a UTF-16 file would end the run without a word."""
    data = '{"id": 1, "t": "'.encode("utf-16") + b"\x00\xd8" + '"}\n{"id": 2}'.encode("utf-16-le") + b"\x41"
    first, second = stream(data)
    assert isinstance(first, Line)
    assert first.text == '{"id": 1, "t": "\ud800"}\n'
    assert isinstance(second, Line)
    assert second.text.startswith('{"id": 2}')
    with pytest.raises(WrongUse, match="is not utf-32-le as its first bytes say"):
        stream(b"\xff\xfe\x00\x00" + b"\xff" * 16)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'\n  {"id":1}\n', Line),
        (b'"one text"\n', Line),
        (b"[1]\n", Line),
        (b"\xef\xbb\xbf{}\n", Line),
        (b"id,text\n1,a\n", Row),
        (b"\n\nid;text\n1;a\n", Row),
        (b'"id","text"\n"1","a"\n', Row),
        (b'"id";text\r\n1;a\r\n', Row),
        (b'"the ""id"""\ttext\n1\ta\n', Row),
        (b'"say \\", then"\n', Line),
        (b'"one text" and more\n', Line),
        (b'"not closed, but long\n', Line),
    ],
)
def test_a_stream_shows_its_form_by_its_first_character(data: bytes, kind: type) -> None:
    """`cat in.csv | roadworthy run app.py -` would reject every line as bad JSON, as where its header is quoted."""
    units = stream(data)
    assert [type(unit) for unit in units] == [kind]


def test_a_stream_is_told_its_form() -> None:
    """A table of one column with a quoted name could not be handed over at all: it begins as a line of JSON does."""
    (row,) = stream(b'"text"\n"a"\n', form="csv")
    assert isinstance(row, Row)
    assert row.cells == {"text": "a"}


def test_a_stream_is_read_once_and_left_open() -> None:
    """A second pass over standard input would look like an empty input."""
    data = io.BytesIO(b"{}\n")
    source = Source.from_stream(data, SETTINGS)
    assert len(list(source)) == 1
    with pytest.raises(WrongUse, match="cannot be read again"):
        list(source)
    assert not data.closed
    with pytest.raises(WrongUse, match="standard input is empty"):
        stream(b"")
    assert stream(b"\n \n") == []


def test_a_live_pipe_gives_each_record_when_its_line_is_complete() -> None:
    """Records piped in one by one would wait for a buffer to fill."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as inlet, os.fdopen(writing, "wb", buffering=0) as outlet:
        outlet.write(b'{"id":1}\n{"id"')
        units = iter(Source.from_stream(inlet, SETTINGS))
        timer = threading.Timer(20, outlet.write, (b"late\n",))  # so that a failure ends
        timer.start()
        first = next(units)
        timer.cancel()
        assert isinstance(first, Line)
        assert first.text == '{"id":1}\n'


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), min_size=1)))
def test_lines_of_any_text_come_back(lines: list[str]) -> None:
    """A separator that only Unicode knows would cut a record in two."""
    data = "\n".join(["x", *lines]).encode()
    wanted = [line for line in lines if line.strip(" \t")]
    assert texts(stream(data, form="jsonl"))[1:] == wanted
