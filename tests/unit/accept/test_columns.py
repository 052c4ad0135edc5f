"""Typed tables: Parquet files and queries, with types that JSON does not have, in bounded memory."""

import datetime as dt
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from pyarrow import parquet
from pydantic import BaseModel
from tests.postgres import Server

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.intake import read_records
from roadworthy.accept.record import Record, Unusable
from roadworthy.accept.schema import RecordSchema
from roadworthy.accept.source import Source

ODD = {
    "id": "r1",
    "price": Decimal("12.30"),
    "whole": Decimal(10**20),
    "day": dt.date(2026, 3, 1),
    "at": dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC),
    "raw": b"\x00\xff",
    "share": float("nan"),
    "tags": ["a", "b"],
    "note": "cafÃ©\0",
}
PLAIN = {
    "id": "r1",
    "price": "12.30",
    "whole": 10**20,
    "day": "2026-03-01",
    "at": "2026-03-01T12:30:00Z",
    "raw": "AP8=",
    "share": None,
    "tags": ["a", "b"],
    "note": "café\ufffd",
}


def records(source: Source, kind: object = dict, settings: Settings | None = None) -> list[Record | Unusable]:
    """What an input gives."""
    return list(read_records(source, schema=RecordSchema(kind), settings=settings or Settings()))


def table(path: Path, rows: list[dict[str, object]], **given: pa.DataType) -> Path:
    """A Parquet file."""
    columns = {name: pa.array([row[name] for row in rows], given.get(name)) for name in rows[0]}
    whole = pa.table(columns)
    parquet.write_table(whole, path)
    return path


def test_odd_types_of_parquet_are_written_as_json_and_that_is_noted(tmp_path: Path) -> None:
    """A decimal would lose digits, a date or bytes would stop the run, or a change would go untold."""
    path = table(tmp_path / "t.parquet", [ODD | {"map": [("k", 1)]}], map=pa.map_(pa.string(), pa.int64()))
    (found,) = records(Source.from_path(path, Settings()))
    assert isinstance(found, Record)
    assert found.body == PLAIN | {"map": {"k": 1}}
    assert (found.key, found.line, found.raw) == ("r1", 1, None)
    assert {(one.where, one.kind, one.before, one.after) for one in found.cleanings} == {
        ("price", "type", "decimal", "text"),
        ("day", "type", "date", "text"),
        ("at", "type", "datetime", "text"),
        ("raw", "type", "bytes", "base64"),
        ("share", "type", "nan", "null"),
        (
            "note",
            "nul",
            "cafÃ©\\x00",
            "cafÃ©\ufffd",
        ),
        ("note", "mojibake", "cafÃ©\ufffd", "café\ufffd"),
    }


NANO = 79_999_123_456_789
"""22:13:19.123456789 as nanoseconds of a day."""


def test_nanoseconds_of_parquet_are_kept(tmp_path: Path) -> None:
    """Times would be cut to microseconds without a word, or rows be rejected where pandas is not installed."""
    path = tmp_path / "t.parquet"
    at, time = pa.timestamp("ns"), pa.time64("ns")
    columns = {
        "id": pa.array(["fine", "whole", "none"]),
        "time": pa.array([NANO, NANO - 789, None], time),
        "at": pa.array([NANO, NANO - 789, None], at),
        "here": pa.array([NANO, NANO - 789, None], pa.timestamp("ns", tz="Asia/Tokyo")),
        "long": pa.array([90_061_000_000_001, 90_061_000_000_000, None], pa.duration("ns")),
        "times": pa.array([[NANO, None], [], None], pa.list_(time)),
        "both": pa.array(
            [{"t": NANO, "a": NANO}, {"t": None, "a": NANO - 789}, None], pa.struct([("t", time), ("a", at)])
        ),
    }
    parquet.write_table(pa.table(columns), path)
    first, second, _ = records(Source.from_path(path, Settings()))
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    fine, whole = first.body, second.body
    text = "22:13:19.123456789"
    assert {one.before for one in first.cleanings} == {"nanoseconds"}
    assert fine == {
        "id": "fine",
        "time": text,
        "at": f"1970-01-01T{text}",
        "here": "1970-01-02T07:13:19.123456789+09:00",
        "long": "P1DT1H1M1.000000001S",
        "times": [text, None],
        "both": {"t": text, "a": f"1970-01-01T{text}"},
    }
    assert whole == {
        "id": "whole",
        "time": text[:-3],
        "at": f"1970-01-01T{text[:-3]}",
        "here": "1970-01-02T07:13:19.123456+09:00",
        "long": "P1DT1H1M1S",
        "times": [],
        "both": {"t": None, "a": f"1970-01-01T{text[:-3]}"},
    }


class Line(BaseModel):
    id: int
    price: Decimal
    day: dt.date
    note: str = "none"


def test_a_record_type_gets_its_own_types_back(tmp_path: Path) -> None:
    """A model with a Decimal or a date could not read a table that holds them; a null would reject its row."""
    rows: list[dict[str, object]] = [
        {"id": 1, "price": Decimal("0.10"), "day": dt.date(2026, 1, 2), "note": None},
        {"id": 2, "price": Decimal(7), "day": None, "note": "x"},
    ]
    first, second = records(Source.from_path(table(tmp_path / "t.parquet", rows), Settings()), Line)
    assert isinstance(first, Record)
    assert first.value == Line(id=1, price=Decimal("0.10"), day=dt.date(2026, 1, 2), note="none")
    assert "empty" in {note.kind for note in first.cleanings}
    assert isinstance(second, Unusable)
    assert "t.parquet, row 2: field `day`" in second.reason
    assert second.key == "2"


def test_rows_that_cannot_be_read_are_fates_of_one_row(tmp_path: Path) -> None:
    """A giant or a map with a key twice would stop the run."""
    rows: list[dict[str, object]] = [
        {"id": 1, "m": [("a", 1), ("a", 2)], "t": "x"},
        {"id": 2, "m": [("a", 1)], "t": "x" * 5_000},
        {"id": 3, "m": [], "t": "fine"},
    ]
    path = table(tmp_path / "t.parquet", rows, m=pa.map_(pa.string(), pa.int64()))
    settings = Settings(line_bytes_max=1_000)
    twice, giant, fine = records(Source.from_path(path, settings), settings=settings)
    assert isinstance(twice, Unusable)
    assert "row 1: a value cannot be read" in twice.reason
    assert isinstance(giant, Unusable)
    assert "the row has more than 1,000 bytes" in giant.reason
    assert isinstance(fine, Record)
    assert fine.body == {"id": 3, "m": {}, "t": "fine"}


def test_a_file_that_is_no_parquet_says_so_before_anything_is_read(tmp_path: Path) -> None:
    """The user would see a traceback, or a bomb would be decompressed."""
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(WrongUse, match="no Parquet file, or a damaged one"):
        Source.from_path(path, Settings())
    table(path, [{"id": n, "t": "x" * 100} for n in range(1_000)])
    with pytest.raises(WrongUse, match="file_bytes_max"):
        Source.from_path(path, Settings(file_bytes_max=path.stat().st_size))
    parquet.write_table(pa.table({"id": pa.array([], pa.int64())}), path)
    with pytest.raises(WrongUse, match="has no rows"):
        Source.from_path(path, Settings())


PEAK = """
import sys
from pathlib import Path
from roadworthy._settings import Settings
from roadworthy.accept.source import Source
count = sum(1 for _ in Source.from_place(sys.argv[1], sys.argv[2], Settings()))
own = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(count, int(own.split()[1]) // 1000)
"""


def peak(place: str, query: str = "") -> tuple[int, int]:
    """Rows of an input and the peak of a process that reads it, in MB."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, place, query], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    count, size = done.stdout.split()
    return int(count), int(size)


def test_parquet_is_read_with_flat_memory(tmp_path: Path) -> None:
    """A file larger than memory could not be read."""
    place = tmp_path / "t.parquet"
    schema = pa.schema([("id", pa.int64()), ("t", pa.string())])
    with parquet.ParquetWriter(place, schema, use_dictionary=False) as writer:
        for group in range(20):
            rows = [{"id": group * 5_000 + n, "t": f"{n}-" * 600} for n in range(5_000)]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
    small = table(tmp_path / "s.parquet", [{"id": 1, "t": "x"}])
    count, size = peak(str(place))
    _, base = peak(str(small))
    print(f"100,000 rows of 3 kB: {size} MB, one row: {base} MB")
    assert count == 100_000
    assert size < base + 100, "a third of what the rows weigh"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A SQLite database with an odd row."""
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE item (id INTEGER, name TEXT, raw BLOB, odd TEXT)")
    connection.execute(
        "INSERT INTO item VALUES (1, 'café', x'00ff', CAST(x'61ff' AS TEXT)), (2, NULL, NULL, 'b')"
    )
    connection.commit()
    connection.close()
    return path


def test_a_query_on_sqlite_gives_records(shop: Path) -> None:
    """A table could not be an input, or bytes that are no text would stop the run."""
    source = Source.from_place(f"sqlite:///{shop}", "SELECT * FROM item ORDER BY id", Settings())
    first, second = records(source)
    assert isinstance(first, Record)
    assert first.body == {"id": 1, "name": "café", "raw": "AP8=", "odd": "a\ufffd"}
    assert [one.kind for one in first.cleanings] == ["type", "surrogate"]
    assert isinstance(second, Record)
    assert (second.key, second.body) == ("2", {"id": 2, "name": None, "raw": None, "odd": "b"})
    assert [one.key for one in records(source)] == ["1", "2"], "read again"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "say what to read with --query"),
        ("SELECT gone FROM item", "failed at its beginning: no such column"),
        ("SELECT id, id FROM item", "names the column 'id' twice"),
        ("SELECT * FROM item WHERE id > 7", "gives no rows"),
        ("DELETE FROM item", "readonly|read-only|attempt to write"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT abs(-9223372036854775806 - id) FROM item ORDER BY id", "integer overflow"),
    ],
)
def test_a_query_that_cannot_be_read_says_why(shop: Path, query: str, words: str) -> None:
    """The user would see a traceback, or a query would change the database."""
    with pytest.raises(WrongUse, match=words):
        records(Source.from_place(f"sqlite:///{shop}", query, Settings()))
    assert len(sqlite3.connect(shop).execute("SELECT id FROM item").fetchall()) == 2


def test_urls_are_told_apart_and_their_secrets_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password would be printed, or a typing slip make an empty database."""
    with pytest.raises(WrongUse, match=r"There is no database file 'gone\.db'"):
        Source.from_place("sqlite:///gone.db", "SELECT 1", Settings())
    with pytest.raises(WrongUse, match="--query is for databases"):
        Source.from_place(str(tmp_path / "in.jsonl"), "SELECT 1", Settings())
    monkeypatch.chdir(tmp_path)
    sqlite3.connect("near.db").execute("CREATE TABLE t (id)")
    with pytest.raises(WrongUse, match="gives no rows"):
        records(Source.from_place("sqlite:///near.db", "SELECT * FROM t", Settings()))
    closed = "postgresql://ann:hush@127.0.0.1:9/shop"
    source = Source.from_place(closed, "SELECT 1", Settings())
    assert source.name == "postgresql://127.0.0.1:9/shop"
    with pytest.raises(WrongUse, match="failed at its beginning") as told:
        records(source)
    assert "hush" not in str(told.value)


def test_a_query_makes_and_reads_no_other_file(tmp_path: Path) -> None:
    """A query that somebody pasted would leave files about, or read a database that nobody named."""
    shop, other = tmp_path / "shop.db", tmp_path / "other.db"
    with closing(sqlite3.connect(shop)) as connection:
        connection.execute("CREATE TABLE item (id TEXT)")
    with pytest.raises(WrongUse, match="not authorized"):
        records(Source.from_place(f"sqlite:///{shop}", f"ATTACH '{other}' AS other", Settings()))
    assert not other.exists()


@pytest.fixture
def database(postgres_server: Server) -> str:
    """A Postgres database with a row of odd types."""
    url = postgres_server.new_database()
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE TABLE odd AS SELECT 'r1' AS id, 12.30::numeric AS price, 10::numeric ^ 20 AS big, "
            "DATE '2026-03-01' AS day, TIMESTAMPTZ '2026-03-01 12:30:00+00' AS at, '\\x00ff'::bytea AS raw, "
            "'NaN'::float8 AS share, ARRAY['a', 'b'] AS tags, '{\"k\": [1]}'::jsonb AS map, "
            "'192.0.2.7'::inet AS ip, interval '1 hour' AS span"
        )
    return url


def test_a_query_on_postgres_gives_records(database: str) -> None:
    """A table could not be an input, or one of the server's types would stop the run."""
    (found,) = records(Source.from_place(database, "SELECT * FROM odd", Settings()))
    assert isinstance(found, Record)
    assert isinstance(found.body, dict)
    whole = {
        name: found.body[name]
        for name in ("id", "price", "day", "at", "raw", "share", "tags", "map", "ip", "span")
    }
    assert whole == {
        "id": "r1",
        "price": "12.30",
        "day": "2026-03-01",
        "at": "2026-03-01T12:30:00Z",
        "raw": "AP8=",
        "share": None,
        "tags": ["a", "b"],
        "map": {"k": [1]},
        "ip": "192.0.2.7",
        "span": "PT1H",
    }
    with pytest.raises(WrongUse, match=r"read-only|syntax"):
        records(Source.from_place(database, "DELETE FROM odd RETURNING *", Settings()))


def test_dates_without_an_end_and_before_our_era_cost_no_query(database: str) -> None:
    """One contract that is valid for ever (`infinity`) would end the run at its row, and all after it be lost."""
    moments = "(1, 'infinity'), (2, '-infinity'), (3, '10000-01-01'), (4, '0044-03-15 BC'), (5, '2026-01-02')"
    query = (
        "SELECT n, t::date AS day, t::timestamp AS moment, t::timestamptz AS zoned "
        f"FROM (VALUES {moments}) AS v(n, t) ORDER BY n"
    )
    found = records(Source.from_query(database, query, Settings()))
    bodies = [one.body for one in found if isinstance(one, Record) and isinstance(one.body, dict)]
    assert [body["n"] for body in bodies] == [1, 2, 3, 4, 5]
    days = [body["day"] for body in bodies]
    assert days == [None, None, "10000-01-01", "0044-03-15 BC", "2026-01-02"]
    assert [bodies[0][name] for name in ("moment", "zoned")] == [None, None]
    assert (bodies[4]["moment"], str(bodies[4]["zoned"])[:19]) == (
        "2026-01-02T00:00:00",
        "2026-01-02T00:00:00",
    )
    first = found[0]
    assert isinstance(first, Record)
    assert (first.cleanings[0].where, first.cleanings[0].before, first.cleanings[0].after) == (
        "day",
        "inf",
        "null",
    )


def test_a_large_result_stays_on_the_server(database: str) -> None:
    """A query over a large table would take all memory of the machine that runs it."""
    wide = "SELECT n AS id, repeat('x', 4000) AS t FROM generate_series(1, {}) n"
    count, size = peak(database, wide.format(30_000))
    _, base = peak(database, wide.format(1))
    print(f"30,000 rows of 4 kB: {size} MB, one row: {base} MB")
    assert count == 30_000
    assert size < base + 20


def test_nanoseconds_are_kept(tmp_path: Path) -> None:
    """Where pandas is installed, the last three digits of a time were cut off without a note."""
    pytest.importorskip("pandas")
    table = pa.table(
        {
            "id": ["a"],
            "at": pa.array([1_700_000_000_000_000_001], pa.timestamp("ns", "UTC")),
            "took": pa.array([1_000_000_001], pa.duration("ns")),
            "round": pa.array([1_700_000_000_000_000_000], pa.timestamp("ns")),
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    settings = Settings()
    source = Source.from_path(tmp_path / "a.parquet", settings)
    (found,) = read_records(source, schema=RecordSchema(dict), settings=settings)
    assert isinstance(found, Record)
    assert found.body == {
        "id": "a",
        "at": "2023-11-14T22:13:20.000000001+00:00",
        "took": "P0DT0H0M1.000000001S",
        "round": "2023-11-14T22:13:20",
    }
