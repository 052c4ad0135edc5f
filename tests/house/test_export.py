"""Rows out: every kind, as JSONL and CSV, page by page."""

import csv
import json
from decimal import Decimal

import pytest
from click.testing import CliRunner
from tests.house.conftest import Build
from tests.house.house import APP, STEP, House, letter
from tests.ledgers import change

from roadworthy.run import export

KINDS = tuple(export.TABLES)


def filled(build: Build) -> House:
    """A ledger with records, attempts, a review, a label and a run."""
    letters = [letter(number) for number in range(1, 31)]
    letters[4] = letter(5, id="=1+1", body="@SUM(A1)")
    house = build(letters, {"L2": "?unsure", "=1+1": "=cmd()"})
    house.json("run", STEP, "in.jsonl")
    house.put([{"key": "L3", "label": '{"topic":"post","sure":1.0}'}], "labels.jsonl")
    house.json("label", STEP, "labels.jsonl")
    return house


@pytest.mark.timeout(90)
def test_every_kind_of_row_comes_out_as_both(build: Build) -> None:
    """A row of the ledger could not be taken elsewhere, or would come out as something else."""
    house = filled(build)
    counts = {"records": 30, "attempts": 30, "reviews": 1, "labels": 1, "runs": 1}
    assert set(counts) == set(KINDS)
    for what, count in counts.items():
        for ending in ("jsonl", "csv"):
            said = house.json("export", APP, "--what", what, "-o", f"{what}.{ending}")
            assert said == {"what": what, "rows": count, "output": f"{what}.{ending}"}
        rows = house.rows(f"{what}.jsonl")
        table = list(csv.DictReader((house.folder / f"{what}.csv").open(newline="")))
        assert len(rows) == len(table) == count
        assert [list(row) for row in rows] == [list(row) for row in table]
    records, attempts = house.rows("records.jsonl"), house.rows("attempts.jsonl")
    assert records[0]["body"]["body"] == "letter number 1"
    assert records[0]["value"] == {"topic": "post", "sure": 0.9}
    assert (records[1]["outcome"], records[1]["waiting_for"]) == ("waiting", "review")
    assert sum(Decimal(row["cost_usd"]) for row in attempts) == house.sim.bill().total.cost_usd
    assert house.rows("labels.jsonl")[0]["label"] == {"topic": "post", "sure": 1.0}


@pytest.mark.fault("E16")
@pytest.mark.timeout(60)
def test_what_a_spreadsheet_would_run_is_text(build: Build) -> None:
    """A record's words would be run as a formula by whoever opens the file."""
    house = filled(build)
    house.json("export", APP, "-o", "records.csv")
    rows = list(csv.DictReader((house.folder / "records.csv").open(newline="")))
    assert "'=1+1" in [row["key"] for row in rows]
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.timeout(60)
def test_pages_join_without_a_gap_and_an_error_leaves_the_old_file(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row at the end of a page would be missing, or a half-written file stand for a whole one."""
    house = filled(build)
    monkeypatch.chdir(house.folder)
    monkeypatch.setenv("ROADWORTHY_LEDGER", house.ledger)
    monkeypatch.setattr(export, "_PAGE", 7)
    done = CliRunner().invoke(export.export, [str(APP), "-o", "paged.jsonl"])
    assert done.exit_code == 0, done.output
    assert [row["line"] for row in house.rows("paged.jsonl")] == list(range(1, 31))

    def broken(*_: object) -> bytes:
        raise OSError("the disk is full")

    monkeypatch.setattr(export, "_json", broken)
    assert CliRunner().invoke(export.export, [str(APP), "-o", "paged.jsonl"]).exit_code == 1
    assert len(house.rows("paged.jsonl")) == 30
    assert sorted(file.name for file in house.folder.glob(".paged*")) == []


@pytest.mark.timeout(60)
def test_one_job_alone_and_wrong_names(build: Build) -> None:
    """A job's rows could not be told from another's, or a wrong name would give an empty file."""
    house = filled(build)
    house.put([letter(1)], "one.jsonl")
    house.json("run", STEP, "one.jsonl", "--job", "one")
    assert house.json("export", APP, "--job", "one", "-o", "x.jsonl")["rows"] == 1
    assert house.call("export", APP, "--job", "none", "-o", "x.jsonl").returncode == 2
    assert house.call("export", APP, "--what", "labels", "--job", "one", "-o", "x.jsonl").returncode == 2
    assert house.call("export", APP, "-o", "x.xlsx").returncode == 2
    assert json.loads((house.folder / "x.jsonl").read_text())["job"] == "one"


def test_no_export_lies_where_documents_are_read(file_build: Build) -> None:
    """The next run over the folder would read the export as one of its documents, and pay for it."""
    house = file_build([letter(1)])
    house.json("run", STEP, "in.jsonl")
    inbox = house.folder / "inbox"
    inbox.mkdir()
    change(house.ledger, f"UPDATE job SET name = '{inbox}'")
    done = house.call("export", APP, "-o", "inbox/records.jsonl")
    assert done.returncode == 2
    assert "would be read as one of its documents" in " ".join(done.stderr.split())
    assert list(inbox.iterdir()) == []
