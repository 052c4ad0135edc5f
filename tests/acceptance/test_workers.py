"""Workers that have nothing to do end."""

from pathlib import Path

import pytest
from tests.acceptance.small import call, notes, told


def test_a_worker_ends_where_all_that_is_left_is_of_an_input_that_is_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that a shorter input no longer names would keep every worker for ever, which begins a run each half second."""
    (folder / "in.jsonl").write_text(notes("a", "b", "c"))
    with monkeypatch.context() as killed:
        killed.setenv("ROADWORTHY_FAILPOINT", "intake_committed:1")
        assert call(folder, "run", "app.py", "in.jsonl").returncode < 0
    (folder / "in.jsonl").write_text(notes("a"))
    assert call(folder, "run", "app.py", "in.jsonl").returncode == 0
    assert told(folder, "work", "app.py", "--wait", "1")["jobs"] == []
