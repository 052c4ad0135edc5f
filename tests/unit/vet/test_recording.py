"""Files of recorded answers: what is read, and what is refused with the line named."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from roadworthy._errors import WrongUse
from roadworthy.vet.recording import Answer, Recording, read_rows


def test_a_packed_file_is_read_and_rows_about_the_same_text_are_joined(tmp_path: Path) -> None:
    """Answers of several models in several files could not be replayed together."""
    path = tmp_path / "answers.jsonl.gz"
    lines = b'{"id":"1","text":"one text","answers":{"a":"x"}}\n\n{"id":"2","text":"one text ","answers":{"b":{"y":1}}}\n'
    path.write_bytes(gzip.compress(lines))
    recording = Recording(read_rows(path))
    assert recording.models == ["a", "b"]
    assert recording.find("here: one text") == 0
    assert recording.answer(0, "a", 5) == Answer("x")
    assert recording.answer(0, "b", 0) == Answer('{"y":1}')
    assert recording.answer(0, "c", 0) is None


def test_another_field_may_hold_the_text(tmp_path: Path) -> None:
    """A set whose questions stand under another name would have to be rewritten."""
    path = tmp_path / "answers.jsonl"
    path.write_text('{"id":"1","question":"what is it","answers":{}}')
    assert Recording(read_rows(path, text_field="question")).find("what is it?") == 0


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"id":"1"}',
        '{"text":"t","answers":[]}',
        '{"text":"t","answers":{"a":{"$turns":[]}}}',
        '{"text":"t","answers":{"a":{"$reply":"x"}}}',
        '{"text":"t","answers":{"a":{"$reply":{"content":1}}}}',
        '{"text":"t","answers":{"a":{"$reply":{"finish_reason":"tired"}}}}',
        '{"text":"t","answers":{"a":{"$reply":{"token_probability":0}}}}',
    ],
)
def test_a_row_that_makes_no_sense_is_refused(tmp_path: Path, line: str) -> None:
    """A slip in a file of answers would show only as wrong results of a road test."""
    path = tmp_path / "answers.jsonl"
    path.write_text(line)
    with pytest.raises(WrongUse, match=r"line 1|[Rr]ow 1"):
        Recording(read_rows(path))


@pytest.mark.parametrize("raw", [b"\x1f\x8b broken", gzip.compress(b"{}" * 5000, mtime=0)[:30]])
def test_a_broken_archive_is_refused(tmp_path: Path, raw: bytes) -> None:
    """A damaged download would end in a traceback."""
    path = tmp_path / "answers.jsonl.gz"
    path.write_bytes(raw)
    with pytest.raises(WrongUse, match=r"answers\.jsonl\.gz"):
        Recording(read_rows(path))


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("WHERE  is\nmy card?!", 0),
        ("Hello,\n\nwhere is my card?", 0),
        ("Where was my card?", None),
        ("?!", None),
    ],
)
def test_a_loose_recording_finds_a_text_said_in_another_dress(message: str, found: int | None) -> None:
    """An app that tidies its text would get a made-up answer, and be blamed for it."""
    rows = [{"id": "1", "text": "Where is my card?"}, {"id": "2", "text": "?!..."}]
    assert Recording(rows, loose=True).find(message) == found
    assert Recording(rows).find(message.casefold()) is None
