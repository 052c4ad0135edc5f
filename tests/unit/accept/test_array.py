"""A JSON array: its items one by one, wherever the reading happens to stop in between."""

import gzip
import io
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.array import read_items
from roadworthy.accept.intake import read_records
from roadworthy.accept.record import Record, Unusable
from roadworthy.accept.schema import RecordSchema
from roadworthy.accept.source import Source

LEAVES = st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(['"', "\\", '\\"', "[{,}]"])
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner))


class Trickle(io.RawIOBase):
    """A stream that gives so many bytes at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        self._content = io.BytesIO(content)
        self._size = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # all that is ever passed
        found = self._content.read(min(self._size, len(buffer)))
        buffer[: len(found)] = found
        return len(found)


def items(content: bytes, size: int = 65_536, settings: Settings | None = None) -> list[bytes]:
    """The items as they are read."""
    stream = io.BufferedReader(Trickle(content, size))
    return [item.raw for item in read_items(stream, "in.json", settings or Settings())]


def records(path: Path, settings: Settings | None = None) -> list[Record | Unusable]:
    """What a file gives."""
    settings = settings or Settings()
    return list(read_records(Source.from_path(path, settings), schema=RecordSchema(dict), settings=settings))


@given(
    values=st.lists(VALUES, min_size=1, max_size=6),
    indent=st.none() | st.integers(0, 3),
    ascii_only=st.booleans(),
    size=st.integers(1, 40),
)
def test_items_are_what_was_written(
    values: list[object], *, indent: int | None, ascii_only: bool, size: int
) -> None:
    """A bracket, comma or quote within a text would tear a record in two, or make two of them one."""
    text = json.dumps(values, indent=indent, ensure_ascii=ascii_only)
    found = items(text.encode("utf-8", "surrogatepass"), size)
    assert [json.loads(item.decode("utf-8", "surrogatepass")) for item in found] == values


def test_an_array_in_a_file_is_a_record_an_item(tmp_path: Path) -> None:
    """What every interface exports would have to be rewritten with another tool before it can be run."""
    path = tmp_path / "in.json.gz"
    path.write_bytes(
        gzip.compress(b'\xef\xbb\xbf [\n {"id": "A",\n "text": "x"},\n 5, {"id" "B"}, {"id": "C"}\n]\n')
    )
    first, second, third, fourth = records(path)
    assert isinstance(first, Record)
    assert (first.key, first.body, first.line) == ("A", {"id": "A", "text": "x"}, 1)
    assert isinstance(second, Unusable)
    assert "in.json.gz, item 2: expected a JSON object, got 5" in second.reason
    assert isinstance(third, Unusable)
    assert "in.json.gz, item 3: " in third.reason
    assert third.key == "item-3"
    assert isinstance(fourth, Record)
    assert fourth.line == 4


def test_an_item_that_is_too_long_is_its_own_fate(tmp_path: Path) -> None:
    """One giant would stop the run, or take the memory of the machine."""
    path = tmp_path / "in.json"
    path.write_bytes(b'[{"id": "A"}, {"id": "B", "text": "' + b"x" * 300_000 + b'"}, {"id": "C"}]')
    first, second, third = records(path, Settings(line_bytes_max=1_000))
    assert isinstance(first, Record)
    assert isinstance(second, Unusable)
    assert "in.json, item 2: the item is longer than 1,000 bytes" in second.reason
    assert len(second.raw) <= 1_000
    assert isinstance(third, Record)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'[{"id": "A"}, {"id": "B"', "ends within item 2 of its array. It is cut off or damaged"),
        (b'[{"id": "A"}, {"id": "B]', "ends within item 2 of its array"),
        (b'[{"id": "A"}', "ends within item 1 of its array"),
        (b'[{"id": "A"}] [{"id": "B"}]', "goes on behind its array, which ends with item 1"),
        (
            b'{"id": "A"}\n{"id": "B"}\n',
            "holds no JSON array. Give an array of records, or one record a line",
        ),
        (b" [ ] ", "holds an empty array"),
        (b" \n", "is empty"),
    ],
)
def test_what_is_no_whole_array_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    """A file that was cut off would pass for a whole one, or end in a traceback."""
    path = tmp_path / "in.json"
    path.write_bytes(content)
    with pytest.raises(WrongUse, match="in.json " + why):
        records(path)


def test_memory_does_not_grow_with_the_array() -> None:
    """An array of gigabytes on one line would be held whole."""
    row = b'{"id": "A", "text": "' + b"x" * 980 + b'"},'
    content = b"[" + row * 20_000 + b"5]"
    stream = io.BufferedReader(Trickle(content, 65_536))
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_items(stream, "in.json", Settings()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 20_001
    assert peak < 2_000_000


@pytest.mark.parametrize("pieces", [65_536, 1])
@pytest.mark.parametrize(
    ("content", "count"),
    [
        (b' [{"id": 1},\n{"id": 2}]', 2),
        (b'\xef\xbb\xbf\n\n[{"id": 1}, {"id": 2}]', 2),
        (b'{"id": 1}\n', 1),
        (b'\xef\xbb\xbf\n{"id": 1}\n', 1),
        (b"id\n1\n", 1),
    ],
)
def test_standard_input_may_be_an_array(content: bytes, count: int, pieces: int) -> None:
    """What another program says on its standard output would be one record that cannot be read, now and then."""
    source = Source.from_stream(io.BufferedReader(Trickle(content, pieces)), Settings())
    found = list(read_records(source, schema=RecordSchema(dict), settings=Settings()))
    assert len(found) == count
    assert all(isinstance(one, Record) for one in found)
