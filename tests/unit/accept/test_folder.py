"""Folders and single documents as input: what is a unit, in which order, under which name, and what is not opened."""

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict
from tests.unit.accept.conftest import Stranger
from tests.unit.accept.papers.test_reader import pdf
from tests.unit.accept.test_image import png

from roadworthy import Image
from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.folder import storable_name
from roadworthy.accept.identity import checked_key
from roadworthy.accept.intake import read_records
from roadworthy.accept.paper import document_of
from roadworthy.accept.papers.pdf import grey_png
from roadworthy.accept.reason import WrongRecord
from roadworthy.accept.record import Record, Unusable
from roadworthy.accept.schema import RecordSchema
from roadworthy.accept.source import Source


class Paper(BaseModel):
    id: str
    text: str
    document: dict[str, Any]


class Bare(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    text: str


def records(path: Path, kind: object = Paper, **limits: int) -> list[Record | Unusable]:
    """What an input gives."""
    settings = Settings(**limits)
    source = Source.from_path(path, settings)
    return list(read_records(source, schema=RecordSchema(kind), settings=settings))


def told(items: Sequence[Record | Unusable]) -> list[tuple[str, str]]:
    """Keys, each with the text or the reason."""
    return [
        (one.key, one.reason if isinstance(one, Unusable) else str(document_of(one.body).text))
        for one in items
    ]


def test_every_file_is_a_unit_in_the_order_of_paths(tmp_path: Path) -> None:
    """A document would be lost, or the output's order would change from run to run."""
    (tmp_path / "b" / "deep").mkdir(parents=True)
    (tmp_path / "b" / "deep" / "z.md").write_text("# Z\nlast")
    (tmp_path / "a.txt").write_text("first")
    (tmp_path / "b" / "c.html").write_text("<p>middle")
    (tmp_path / "b.exe").write_bytes(b"MZ")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    (tmp_path / "~$a.docx").write_bytes(b"x")
    found = records(tmp_path)
    assert [one.line for one in found] == [1, 2, 3, 4]
    assert [key for key, _ in told(found)] == ["a.txt", "b.exe", "b/c.html", "b/deep/z.md"]
    broken = found[1]
    assert isinstance(broken, Unusable)
    assert "b.exe: it ends with '.exe', which is no kind of document" in broken.reason


def test_a_record_type_gets_id_text_and_what_is_known_of_the_file(tmp_path: Path) -> None:
    """A step could not cite a page, or a type that names no `document` could not be used."""
    text = "# One\ncafÃ© opens\f# Two\nshut"
    (tmp_path / "menu.md").write_text(text)
    (found,) = records(tmp_path / "menu.md")
    assert isinstance(found, Record)
    assert isinstance(found.value, Paper)
    assert (found.key, found.value.text) == ("menu.md", text.replace("Ã©", "é"))
    assert [note.kind for note in found.cleanings] == ["mojibake"]
    facts = found.value.document
    assert (facts["name"], facts["kind"], len(facts["sha256"])) == ("menu.md", "text/markdown", 64)
    whole = document_of(found.body)
    assert next(one.heading for one in whole.passages()) == ("One",)
    assert all(whole.text[one.start : one.end] == one.text for one in whole.passages())

    (bare,) = records(tmp_path / "menu.md", Bare)
    assert isinstance(bare, Record)
    assert bare.body == {"id": "menu.md", "text": found.value.text}
    (alone,) = records(tmp_path / "menu.md", str)
    assert isinstance(alone, Record)
    assert alone.value == found.value.text


def test_the_same_bytes_under_two_names_are_a_duplicate(tmp_path: Path) -> None:
    """A folder of copies would be paid for copy by copy."""
    (tmp_path / "a.txt").write_text("the same")
    (tmp_path / "b.txt").write_text("another")
    (tmp_path / "c.txt").write_text("the same")
    first, _, third = records(tmp_path)
    assert isinstance(first, Record)
    assert isinstance(third, Record)
    assert (third.key, third.body_hash, third.line) == (first.key, first.body_hash, 3)


def test_the_same_bytes_of_two_kinds_are_two_documents(tmp_path: Path) -> None:
    """They say different things: one was lost under the other's name, or refused for what the other is not."""
    (tmp_path / "a.pdf").write_text("just words")
    (tmp_path / "b.txt").write_text("just words")
    (tmp_path / "c.html").write_text("<p>hi</p>")
    (tmp_path / "d.txt").write_text("<p>hi</p>")
    found = records(tmp_path)
    assert [one.key for one in found] == ["a.pdf", "b.txt", "c.html", "d.txt"]
    assert isinstance(found[0], Unusable)
    assert [
        one.body["text"] for one in found[1:] if isinstance(one, Record) and isinstance(one.body, dict)
    ] == [
        "just words",
        "hi\n",
        "<p>hi</p>",
    ]


def test_links_lead_nowhere_but_to_files_of_the_folder(tmp_path: Path) -> None:
    """A folder from a stranger would send the reader's own files to a provider."""
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (inside / "a.txt").write_text("open")
    (inside / "b.txt").symlink_to("a.txt")
    (inside / "c.txt").symlink_to(tmp_path / "secret.txt")
    (inside / "d.txt").symlink_to("d.txt")
    (inside / "e.txt").symlink_to(tmp_path)
    (inside / "f.txt").symlink_to("f")
    (inside / "g").symlink_to(inside)
    os.mkfifo(inside / "h.txt")
    found = dict(told(records(inside)))
    assert "secret" not in " ".join(found.values()).replace("secret.txt", "")
    assert found.pop("a.txt") == "open"
    assert {key: words.split(": ")[2].split(".")[0] for key, words in found.items()} == {
        "c.txt": "it is a link that leads out of the folder",
        "d.txt": "it is a link that leads nowhere",
        "e.txt": "it is a link that leads out of the folder",
        "f.txt": "it is a link that leads nowhere",
        "g": "it is a link to a folder",
        "h.txt": "it is no regular file",
    }


def test_files_that_cannot_be_looked_at_are_fates_of_their_own(stranger: Stranger) -> None:
    """One folder that lists its files and opens none would end the run over all the others."""
    (stranger.folder / "a.png").write_bytes(png(1, 1))  # an image: nothing is started to read it
    listed = stranger.folder / "listed"
    listed.mkdir()
    (listed / "b.png").write_bytes(png(2, 1))
    listed.chmod(0o744 if os.geteuid() == 0 else 0o444)
    with stranger.acts():
        good, bad = records(stranger.folder, dict)
    assert isinstance(good, Record)
    assert isinstance(bad, Unusable)
    assert (bad.key, "Permission denied" in bad.reason) == ("listed/b.png", True)


def test_limits_and_broken_documents_are_fates_of_one_record(tmp_path: Path) -> None:
    """One bad file among thousands would stop the run."""
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4 and nothing else")
    (tmp_path / "b.txt").write_text("x" * 101)
    (tmp_path / "c.txt").write_text("fine")
    (tmp_path / "d.txt").write_text("")
    (tmp_path / "e.txt").write_text("y" * 300)
    found = dict(told(records(tmp_path, document_chars_max=100, document_bytes_max=200)))
    assert "it is damaged, or no PDF" in found["a.pdf"]
    assert "than 100 " in found["b.txt"]
    assert found["c.txt"] == "fine"
    assert "it is empty" in found["d.txt"]
    assert "it has 300 bytes and at most 200 are read" in found["e.txt"]
    with pytest.raises(WrongUse, match="more than 3 files"):
        records(tmp_path, folder_files_max=3)


def test_names_that_are_no_text_become_keys(tmp_path: Path) -> None:
    """A file name may hold any bytes: a database would refuse it, or a terminal run it."""
    folder = os.fsencode(tmp_path)
    for name in (b"\xff\n.txt", b"\x1b[31m.txt", "caf\u00e9 \u202e.txt".encode()):
        with open(folder + b"/" + name, "w") as file:  # noqa: PTH123 - bytes are no Path
            file.write(repr(name))
    assert sorted(key for key, _ in told(records(tmp_path))) == [
        "\\x1b[31m.txt",
        "\\xff\\n.txt",
        "caf\u00e9 \\u202e.txt",
    ]


@given(st.binary(min_size=1, max_size=600).map(os.fsdecode))
def test_any_name_is_a_key(name: str) -> None:
    """A record would be rejected for the name of its file."""
    if storable_name(name).strip() not in {"", ".", ".."}:  # which no file is called
        assert checked_key(storable_name(name), "") == storable_name(name)


def test_a_body_that_was_no_document_is_refused_or_taken_as_text() -> None:
    """What reads documents out of records would fail on a record of another kind with a traceback."""
    assert document_of("plain").text == "plain"
    assert document_of({"id": 7, "text": "row"}).key == "7"
    with pytest.raises(WrongRecord, match="no document"):
        document_of({"id": 7})
    with pytest.raises(WrongRecord, match="no document"):
        document_of({"text": "x", "document": {"name": "n"}})


class Scan(BaseModel):
    id: str
    image: str = ""
    images: list[str] = []
    document: dict[str, Any]


def test_image_files_are_records_with_the_image(tmp_path: Path) -> None:
    """A folder of photographs could not be an input, or a file that only calls itself one would be sent."""
    (tmp_path / "a.jpg").write_bytes(png(3, 5))
    (tmp_path / "b.png").write_bytes(b"<svg/>")
    (tmp_path / "c.png").write_bytes(png(3, 5))
    (tmp_path / "d.gif").write_bytes(b"")
    (tmp_path / "e.png").write_bytes(png(9_000, 1))
    first, broken, again, empty, wide = records(tmp_path, Scan)
    assert isinstance(first, Record)
    assert isinstance(first.value, Scan)
    assert Image(first.value.image).data == png(3, 5)
    assert (first.value.document["kind"], first.value.document["width"]) == ("image/png", 3)
    assert isinstance(again, Record)
    assert (again.key, again.body_hash) == ("a.jpg", first.body_hash)
    for item, words in (
        (broken, "no image that models take"),
        (empty, "it is empty"),
        (wide, "9000 x 1 pixels"),
    ):
        assert isinstance(item, Unusable)
        assert words in item.reason


def test_pages_without_text_are_rendered_where_the_settings_ask(tmp_path: Path) -> None:
    """A scan could only be rejected, or pages be sent as images that nobody asked for."""
    (tmp_path / "scan.pdf").write_bytes(pdf(["", "", "typed", ""]))
    (plain,) = records(tmp_path / "scan.pdf", Scan)
    assert isinstance(plain, Record)
    assert isinstance(plain.value, Scan)
    assert plain.value.images == []
    (tmp_path / "all.pdf").write_bytes(pdf(["", ""]))
    (refused,) = records(tmp_path / "all.pdf", Scan)
    assert isinstance(refused, Unusable)
    assert "document_scans_max" in refused.reason
    limits = {"document_scans_max": 2, "document_scan_side": 400}
    for name, blank in (("scan.pdf", [1, 2, 4]), ("all.pdf", [1, 2])):
        (found,) = records(tmp_path / name, Scan, **limits)
        assert isinstance(found, Record)
        assert isinstance(found.value, Scan)
        assert found.value.document["blank_pages"] == blank
        sizes = [(image.width, image.height) for image in map(Image, found.value.images)]
        assert sizes == [(310, 400), (310, 400)]


def test_a_page_is_rendered_as_it_looks(tmp_path: Path) -> None:
    """A model would be sent a page that is white, cut or skewed."""
    lines = [bytes(200 if (x + y) % 2 else 10 for x in range(7)) for y in range(5)]
    image = Image(grey_png(7, lines))
    assert (image.width, image.height) == (7, 5)
    chunk = image.data[image.data.index(b"IDAT") + 4 : image.data.index(b"IEND") - 8]
    assert zlib.decompress(chunk) == b"".join(b"\0" + line for line in lines)
    drawn = pdf([""]).replace(
        b"<</Length 0>>stream\n\nendstream", b"<</Length 24>>stream\n0 0 612 396 re f        \nendstream"
    )
    (tmp_path / "half.pdf").write_bytes(drawn)
    (found,) = records(tmp_path / "half.pdf", Scan, document_scans_max=1, document_scan_side=80)
    assert isinstance(found, Record)
    assert isinstance(found.value, Scan)
    data = Image(found.value.images[0]).data
    rows = zlib.decompress(data[data.index(b"IDAT") + 4 : data.index(b"IEND") - 8])
    width = 62
    page = [rows[place + 1 : place + 1 + width] for place in range(0, len(rows), width + 1)]
    assert page[5][30] == 255, "the upper half is white"
    assert page[70][30] == 0, "the lower half is black"
