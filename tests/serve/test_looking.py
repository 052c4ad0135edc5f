"""The service looks for what was left behind, again and again, among everything that it ever answered."""

from contextlib import closing
from pathlib import Path

import pytest

from roadworthy._settings import DEFAULTS
from roadworthy.keep.queries import queries
from roadworthy.keep.store import SqliteStore


@pytest.mark.parametrize("name", ["served_unfinished", "ruled_records"])
def test_a_look_reads_what_is_open_and_not_what_has_ended(tmp_path: Path, name: str) -> None:
    """Each look would read every record that was ever answered, and a service would slow down with its age."""
    values = {"job_id": 1, "after": 0, "count": 10, "owner": 1}
    with closing(SqliteStore(tmp_path / "shop.db", DEFAULTS)) as store:
        plan = store.read(
            lambda tx: tx._connection.execute(f"EXPLAIN QUERY PLAN {queries()[name]}", values).fetchall()
        )
    told = [str(row[-1]) for row in plan if "record" in str(row[-1])]
    assert any("record_open" in words for words in told), told
