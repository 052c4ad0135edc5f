"""Tables: CSV and TSV, well formed and not."""

from __future__ import annotations

import csv
import io
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.record import Unusable
from roadworthy.accept.source import Source
from roadworthy.accept.table import Row


def rows(data: bytes | str, settings: Settings | None = None) -> list[Row | Unusable]:
    """The rows of a table on a stream."""
    raw = data.encode() if isinstance(data, str) else data
    units = Source.from_stream(io.BytesIO(raw), settings or Settings(), form="csv")
    return [unit for unit in units if isinstance(unit, Row | Unusable)]


def cells(data: bytes | str) -> list[dict[str, str]]:
    """The cells of rows that are all good."""
    found = rows(data)
    assert all(isinstance(row, Row) for row in found), found
    return [row.cells for row in found if isinstance(row, Row)]


def test_quoted_line_breaks_delimiters_and_quotes() -> None:
    """A message with a line break would become two broken records."""
    data = 'id,text\r\n1,"two\r\nlines, ""quoted"""\r\n2,plain "inner" quotes\r\n'
    found = rows(data)
    assert [row.cells for row in found if isinstance(row, Row)] == [
        {"id": "1", "text": 'two\r\nlines, "quoted"'},
        {"id": "2", "text": 'plain "inner" quotes'},
    ]
    assert [row.number for row in found if isinstance(row, Row)] == [2, 4]
    assert found[0].raw == b'1,"two\r\nlines, ""quoted"""', "raw is the physical bytes of the row"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    """A European Excel export would have one column."""
    data = delimiter.join(["id", "text", "n"]) + "\n" + delimiter.join(["1", '"a,b;c|d"', "3"]) + "\n"
    assert cells(data) == [{"id": "1", "text": "a,b;c|d", "n": "3"}]


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"'])
def test_the_line_by_which_excel_tells_the_delimiter_is_no_header(first: str) -> None:
    """What Excel exports with it would be refused for a column without a name."""
    found = rows(f"\ufeff{first}\r\nid;text\r\n1;a,b,c\r\n")
    assert [(row.number, row.cells) for row in found if isinstance(row, Row)] == [
        (3, {"id": "1", "text": "a,b,c"})
    ]
    assert cells("sep=;\n") == []


def test_the_delimiter_is_the_one_that_fits_the_rows_too() -> None:
    """A header that mentions alternatives would be cut at them."""
    data = "id,answer (yes|no|maybe|other)\n1,yes\n2,no\n"
    assert cells(data)[0] == {"id": "1", "answer (yes|no|maybe|other)": "yes"}


def test_a_single_column_and_blank_rows() -> None:
    """A list of texts could not be used, or Excel's empty rows at the end would be asked about."""
    assert cells("text\nhello\n\n world \n") == [{"text": "hello"}, {"text": " world "}]
    assert cells("id,text\n1,a\n,\n,\n") == [{"id": "1", "text": "a"}]
    assert cells("id,text\n") == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("id,,text\n1,2,3\n", "line 1: column 2 of 3 has no name"),
        ("id,text,\n1,2,3\n", "column 3 of 3 has no name"),
        ("id,text, id\n1,2,3\n", "names 'id' twice, in columns 1 and 3"),
        ('id,"text\n1,2\n', "no readable header, line 1"),
        ("id,text\r1,a\r2,b\r", "no readable header"),
    ],
)
def test_a_header_that_cannot_be_used_stops_before_any_row(data: str, words: str) -> None:
    """Columns would be lost or mixed up in every record of the run."""
    with pytest.raises(WrongUse, match=words):
        rows(data)


def test_a_header_of_many_columns_costs_time_in_proportion() -> None:
    """A table of many measurements would not begin for minutes, and a header of four megabytes never."""
    names = [f"c{number}" for number in range(100_000)]
    begin = time.process_time()
    (row,) = cells(",".join(names) + "\n" + ",".join(names) + "\n")
    assert list(row) == names
    with pytest.raises(WrongUse, match="names 'c9' twice, in columns 10 and 100001"):
        rows(",".join([*names, "c9"]) + "\n")
    assert time.process_time() - begin < 5


def test_a_row_of_another_length_is_told_and_the_next_one_read() -> None:
    """One comma too many would shift the cells of a record, or end the run."""
    short, long, good = rows("id,text\n1\n2,a,b\n3,ok\n")
    assert isinstance(short, Unusable)
    assert (
        "standard input, line 2: the row has 1 cells and the header names 2, it ends with '1'" in short.reason
    )
    assert isinstance(long, Unusable)
    assert (long.key, long.line, long.raw) == ("line-3", 3, b"2,a,b")
    assert isinstance(good, Row)


def test_an_unclosed_quote_costs_one_row() -> None:
    """One stray quote would swallow the rest of the file."""
    bad, *good = rows('id,text\n1,"never closed\n' + "".join(f"{i},row\n" for i in range(2, 500)))
    assert isinstance(bad, Unusable)
    assert bad.raw == b'1,"never closed'
    assert "unexpected end of data" in bad.reason
    assert [row.cells["id"] for row in good if isinstance(row, Row)] == [str(i) for i in range(2, 500)]


def test_a_bad_quote_costs_one_row() -> None:
    """Text after a closing quote would be glued on silently, as lenient readers do."""
    bad, good = rows('id,text\n1,"he said "hi" there"\n2,"fine"\n')
    assert isinstance(bad, Unusable)
    assert "line 2: not CSV" in bad.reason
    assert isinstance(good, Row)


def test_a_row_is_bounded_as_a_line_is() -> None:
    """A quote that is never closed would gather gigabytes."""
    settings = Settings(line_bytes_max=1_000)
    found = rows('id,text\n1,"open\n' + "2,row\n" * 1_000, settings)
    assert isinstance(found[0], Unusable)
    assert "a quote is probably not closed" in found[0].reason
    assert len(found[0].raw) <= 1_000
    assert sum(isinstance(row, Row) for row in found) == 1_000
    exact = rows("id,text\n1," + "x" * 998 + "\r\n", settings)
    assert [type(row) for row in exact] == [Row]
    long = rows("id,text\n1," + "x" * 2_000 + "\n2,ok\n", settings)
    assert [type(row) for row in long] == [Unusable, Row]


def test_a_long_line_inside_quotes_costs_its_rows_and_no_more() -> None:
    """A giant cell in the middle of a quoted row would lose the rows behind it."""
    data = 'id,text\n1,"a\n' + "x" * 2_000 + '\nb"\n2,ok\n'
    found = rows(data, Settings(line_bytes_max=1_000))
    assert [row.line for row in found if isinstance(row, Unusable)][:2] == [2, 3]
    assert isinstance(found[-1], Row)
    assert found[-1].cells == {"id": "2", "text": "ok"}


def test_cells_larger_than_the_csv_modules_own_limit() -> None:
    """A document of 200,000 characters in a cell would be refused by a limit nobody set."""
    assert cells("id,text\n1," + "x" * 200_000 + "\n")[0]["text"] == "x" * 200_000


def test_many_stray_quotes_cost_time_in_proportion() -> None:
    """Each stray quote would read the rest of the file again."""
    begin = time.perf_counter()
    found = rows("id,text\n" + '1,"a"b\n' * 20_000 + '2,"open\n' * 20_000)
    assert time.perf_counter() - begin < 20
    assert len(found) >= 20_000


def test_an_excel_export_with_mark_semicolons_and_old_charset() -> None:
    """What the commonest tool writes would not be readable."""
    assert cells(b"\xef\xbb\xbf" + "id;größe\r\n1;süß\r\n".encode()) == [{"id": "1", "größe": "süß"}]
    found = rows("id;text\r\n1;Größe fällt zu klein aus\r\n2;plain\r\n".encode("cp1252"))
    assert [row.cells["text"] for row in found if isinstance(row, Row)] == [
        "Größe fällt zu klein aus",
        "plain",
    ]
    assert [[c.kind for c in row.cleanings] for row in found if isinstance(row, Row)] == [["encoding"], []]


table = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")),
            min_size=width,
            max_size=width,
        ).filter(any),
        max_size=5,
    )
)


@given(table)
def test_what_pythons_writer_writes_is_read_back(wanted: list[list[str]]) -> None:
    """Some table that is correct by RFC 4180 would be read differently or rejected."""
    header = [f"c{i}" for i in range(len(wanted[0]) if wanted else 1)]
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows(wanted)
    units = rows(out.getvalue())
    assert [list(row.cells.values()) if isinstance(row, Row) else row for row in units] == wanted


def test_quotes_that_are_never_closed_are_not_read_again_without_end(tmp_path: Path) -> None:
    """Each line of such a table would be read to the end of the file: a few megabytes would take hours."""
    path = tmp_path / "a.csv"
    path.write_text("id,text\n" + 'a","b\n' * 12_000 + "1,good\n" * 6_000)
    before = time.process_time()
    units = list(Source.from_path(path, Settings(line_bytes_max=20_000)))
    assert time.process_time() - before < 4
    reasons = [unit.reason for unit in units if isinstance(unit, Unusable)]
    last = [int(found[1]) for reason in reasons if (found := re.search(r"down to line (\d+) are", reason))]
    assert last, "what is left out is told"
    assert isinstance(units[-1], Row), "and reading goes on behind it"
