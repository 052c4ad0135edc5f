"""Strings that break software, through a whole run: in at the file, out of the ledger and the export."""

import json
import os
from pathlib import Path

import pytest
from tests.house.conftest import Build
from tests.house.house import APP, STEP, letter

NAUGHTY = (
    Path(os.environ.get("ROADWORTHY_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "hostile"
    / "naughty_strings.jsonl"
)


@pytest.mark.timeout(100)
def test_naughty_strings_come_out_as_they_went_in(build: Build) -> None:
    """A string would break the run, the ledger or the export, or be changed without a word about it."""
    if not NAUGHTY.exists():
        pytest.skip(f"{NAUGHTY} is not here; set ROADWORTHY_SHARED_DATA")
    texts = [json.loads(line)["text"] for line in NAUGHTY.read_bytes().splitlines()]
    letters = [letter(number, body=text) for number, text in enumerate(texts)]
    house = build(letters)
    said = house.json("run", STEP, "in.jsonl", "-o", "out.jsonl")
    assert sum(said[fate] for fate in ("accepted", "rejected", "failed", "pending")) + sum(
        said["waiting"].values()
    ) == len(texts)
    assert (said["failed"], said["pending"]) == (0, 0)
    house.json("export", APP, "-o", "records.jsonl")
    rows = {row["key"]: row for row in house.rows("records.jsonl")}
    assert len(rows) == len(texts) == len(house.rows("out.jsonl"))
    changed = 0
    for one in letters:
        row = rows[one["id"]]
        if row["body"] is None:
            assert (row["outcome"], one["body"].strip()) == ("rejected", ""), one
        elif row["body"]["body"] != one["body"]:
            changed += 1
            assert row["cleanings"], one
        else:
            assert not row["cleanings"], one
    assert 0 < changed < 20
