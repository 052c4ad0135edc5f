"""Workbooks: the rows of one sheet as people keep them, read by a process that may die."""

import datetime as dt
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from tests.workbooks import Sheets, book

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.intake import read_records
from roadworthy.accept.record import Record, Unusable
from roadworthy.accept.schema import RecordSchema
from roadworthy.accept.source import Source

AT = dt.datetime(2026, 1, 2, 3, 4)  # noqa: DTZ001 - a workbook knows no time zones


def records(
    path: Path, kind: object = dict, settings: Settings | None = None, sheet: str = ""
) -> list[Record | Unusable]:
    """What a workbook gives."""
    settings = settings or Settings()
    source = Source.from_place(str(path), sheet, settings)
    return list(read_records(source, schema=RecordSchema(kind), settings=settings))


def refusal(path: Path, settings: Settings | None = None, sheet: str = "") -> str:
    """Why a workbook is refused as a whole."""
    with pytest.raises(WrongUse) as refused:
        records(path, settings=settings, sheet=sheet)
    return str(refused.value)


def test_rows_keep_their_numbers_and_types(tmp_path: Path) -> None:
    """A whole number would come as 5.0, a date as a count of days, an empty cell as text; a reason named another row."""
    header: list[object] = ["id", "text", "count", "price", "day", "at", "open"]
    row: list[object] = ["A", "caf\u00e9", 5, 12.3, dt.date(2026, 1, 2), AT, True]
    path = book(tmp_path / "t.xlsx", {"Tickets": [[], header, row, [], ["B"]]})
    first, second = records(path)
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert first.body == {
        "id": "A",
        "text": "café",
        "count": 5,
        "price": 12.3,
        "day": "2026-01-02",
        "at": "2026-01-02T03:04:00",
        "open": True,
    }
    assert isinstance(first.body["count"], int)
    assert [(one.where, one.before) for one in first.cleanings] == [("day", "date"), ("at", "datetime")]
    assert second.body == dict.fromkeys(map(str, header), None) | {"id": "B"}
    assert (first.line, second.line) == (3, 5)


def test_a_value_without_a_name_is_the_fate_of_its_row(tmp_path: Path) -> None:
    """A note beside the table would be dropped in silence, or stop the run."""
    path = book(tmp_path / "t.xlsx", {"S": [["id", "text"], ["A", "x"], ["B", "y", "see me"], ["C", "z"]]})
    first, second, third = records(path)
    assert isinstance(first, Record)
    assert isinstance(second, Unusable)
    assert isinstance(third, Record)
    assert "t.xlsx, row 3: column C holds 'see me' and has no name in the header" in second.reason
    (dated,) = records(book(tmp_path / "d.xlsx", {"S": [["id"], ["A", dt.date(2026, 1, 2)]]}))
    assert isinstance(dated, Unusable)
    assert "column B holds 2026-01-02 and has no name" in dated.reason, (
        "as people write it, not as Python does"
    )


def test_a_header_of_blanks_names_no_column(tmp_path: Path) -> None:
    """A note under it would be dropped in silence, and two such cells would refuse the whole sheet."""
    header: list[object] = ["id", " ", "text", "\t"]
    path = book(tmp_path / "t.xlsx", {"S": [header, ["A", None, "x"], ["B", "see me", "y"]]})
    first, second = records(path)
    assert isinstance(first, Record)
    assert first.body == {"id": "A", "text": "x"}
    assert isinstance(second, Unusable)
    assert "column B holds 'see me' and has no name in the header" in second.reason


class Order(BaseModel):
    id: str
    zip: str
    count: int = 1


def test_a_number_is_taken_as_text_where_the_field_is_text(tmp_path: Path) -> None:
    """A workbook keeps order numbers and postal codes as numbers, so every row would be rejected."""
    path = book(tmp_path / "t.xlsx", {"S": [["id", "zip", "count"], [1042, 10115, None], [1043, "x", 2.5]]})
    first, second = records(path, Order)
    assert isinstance(first, Record)
    assert first.value == Order(id="1042", zip="10115")
    assert {(one.kind, one.where, one.after) for one in first.cleanings} == {
        ("type", "id", "text"),
        ("type", "zip", "text"),
        ("empty", "count", "absent"),
    }
    assert isinstance(second, Unusable)
    assert "field `count`: expected a valid integer" in second.reason


def test_the_one_sheet_with_rows_is_taken_and_of_several_one_must_be_named(tmp_path: Path) -> None:
    """Somebody's notes would be run as records, or a hidden sheet instead of the one that is seen."""
    rows: list[list[object]] = [["id", "text"], ["A", "x"]]

    def hide(made: dict[str, Any]) -> None:
        made["Hidden"].hide()

    path = book(tmp_path / "one.xlsx", {"Empty": [], "Inbox": rows, "Hidden": [["id"], ["H"]]}, hide)
    (found,) = records(path)
    assert isinstance(found, Record)
    assert found.key == "A"
    assert [one.key for one in records(path, sheet="Hidden")] == ["H"]
    path = book(tmp_path / "two.xlsx", {"Inbox": rows, "Notes": [["remember"]]})
    assert "has several sheets with rows: 'Inbox', 'Notes'. Name one with --query" in refusal(path)
    assert [one.key for one in records(path, sheet="Inbox")] == ["A"]
    assert "has no sheet 'inbox'. Name one of these with --query: 'Inbox'" in refusal(path, sheet="inbox")


@pytest.mark.parametrize(
    ("sheets", "why"),
    [
        ({"S": []}, "has no rows"),
        ({"S": [["id", "text"]]}, "has no rows below a header in its sheet 'S'"),
        ({"S": [["id", "id"], ["a", "b"]]}, "names 'id' twice in its header, row 1"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, sheets: Sheets, why: str) -> None:
    """A run would be done with nothing, or lose a column to its namesake."""
    assert why in refusal(book(tmp_path / "t.xlsx", sheets))


def test_what_is_no_workbook_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """A damaged, encrypted or misnamed file would end in a traceback of a library."""
    whole = book(tmp_path / "t.xlsx", {"S": [["id"], ["A"]]}).read_bytes()
    for content, why in (
        (whole[: len(whole) // 2], "is no workbook, or a damaged one"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "is encrypted, or an .xls of old"),
        (b"id,text\nA,x\n", "is no workbook, whatever its name says"),
    ):
        (tmp_path / "bad.xlsx").write_bytes(content)
        assert f"bad.xlsx {why}" in refusal(tmp_path / "bad.xlsx")
    (tmp_path / "old.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    assert "Save the workbook as .xlsx." in refusal(tmp_path / "old.xls")


def test_a_sheet_that_says_it_is_giant_costs_nobody_their_memory(tmp_path: Path) -> None:
    """Two cells at the corners of a sheet would take all memory of the machine, and the run with it."""

    def corner(made: dict[str, Any]) -> None:
        made["S"].write(1_048_575, 16_383, "far")

    path = book(tmp_path / "t.xlsx", {"S": [["id"], ["A"]]}, corner)
    assert "bytes of memory. Check where it comes from" in refusal(path)


def test_a_sheet_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """A sheet that unpacks to gigabytes would keep a processor busy for hours."""
    path = tmp_path / "t.xlsx"
    row = b'<row r="2"><c r="A2" t="inlineStr"><is><t>x</t></is></c></row>'
    with (
        zipfile.ZipFile(book(tmp_path / "small.xlsx", {"S": [["id"], ["A"]]})) as small,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in small.namelist():
            part, end = small.read(name), b"</sheetData>"
            with bomb.open(name, "w") as grown:
                head, found, tail = part.partition(end)
                grown.write(head)
                for _ in range(400 if found else 0):
                    grown.write(row * 10_000)
                grown.write(found + tail)
    settings = Settings(document_cpu_s=1.0)
    assert "took more than 1 s of processor time" in refusal(path, settings)


def test_the_process_ends_with_whoever_stops_reading(tmp_path: Path) -> None:
    """A run that is limited to some records would leave a process behind that holds the whole sheet."""
    rows: list[list[object]] = [[f"R-{number}"] for number in range(20_000)]
    path = book(tmp_path / "t.xlsx", {"S": [["id"], *rows]})
    units = iter(Source.from_path(path, Settings()))
    next(units)
    before = _children()
    units.close()  # type: ignore[attr-defined] # it is a generator
    assert len(before) == 1
    assert _children() == []


def test_a_row_that_is_too_long_is_its_own_fate(tmp_path: Path) -> None:
    """One giant cell would stop the run."""
    path = book(tmp_path / "t.xlsx", {"S": [["id", "text"], ["A", "x" * 5_000], ["B", "y"]]})
    first, second = records(path, settings=Settings(line_bytes_max=4_000))
    assert isinstance(first, Unusable)
    assert "row 2: the row has more than 4,000 bytes" in first.reason
    assert isinstance(second, Record)


def test_an_open_document_sheet_is_read_alike(tmp_path: Path) -> None:
    """A team that works with LibreOffice could not give its sheet."""
    space = 'xmlns:{0}="urn:oasis:names:tc:opendocument:xmlns:{0}:1.0"'
    spaces = " ".join(space.format(name) for name in ("office", "table", "text"))

    def cell(value: str) -> str:
        return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'

    rows = "".join(
        f"<table:table-row>{''.join(map(cell, row))}</table:table-row>"
        for row in (("id", "text"), ("A", "x"))
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {spaces} office:version="1.2"><office:body>'
        f'<office:spreadsheet><table:table table:name="S">{rows}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    path = tmp_path / "t.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
    (found,) = records(path)
    assert isinstance(found, Record)
    assert found.body == {"id": "A", "text": "x"}


def test_without_the_extra_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has not installed the extra would see an import error of a library they never heard of."""
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    path = book(tmp_path / "t.xlsx", {"S": [["id"], ["A"]]})
    assert "pip install 'roadworthy[excel]'" in refusal(path)


def _children() -> list[str]:
    """The processes that read sheets for this one."""
    own = Path("/proc/self/task")
    return [
        child
        for task in own.iterdir()
        for child in (task / "children").read_text().split()
        if b"roadworthy.accept.sheet" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
