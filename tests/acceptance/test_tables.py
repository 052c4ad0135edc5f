"""Parquet, workbooks and databases through a whole run: in as typed rows, out as typed rows, the same job again for nothing."""

import json
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.acceptance.bench import Bench
from tests.workbooks import book

from roadworthy.vet.process import start_simulator

APP = """
from decimal import Decimal
from pydantic import BaseModel
from roadworthy import App, Model, Price, Prompt

app = App("shop")

class Item(BaseModel):
    id: str
    name: str
    price: Decimal

class Kind(BaseModel):
    kind: str

@app.step(models=[Model("openai:small", price=Price(input="0.1", output="0.4"))])
def kind(item: Item) -> Prompt[Kind]:
    return Prompt("What is it?", item.name)
"""
NAMES = ["a ripe red apple", "a bar of dark soap", "a ripe red apple"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Bench]:
    """Three items as Parquet and in SQLite; the third has no price."""
    (tmp_path / "app.py").write_text(APP)
    rows = [
        {"id": name, "text": name, "answers": {"small": {"kind": name.split()[-1]}}} for name in NAMES[:2]
    ]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    prices = [Decimal("1.20"), Decimal("3.05"), None]
    parquet.write_table(
        pa.table({"id": ["1", "2", "3"], "name": NAMES, "price": prices}), tmp_path / "items.parquet"
    )
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute("CREATE TABLE item (id TEXT, name TEXT, price TEXT)")
    connection.executemany(
        "INSERT INTO item VALUES (?, ?, ?)", zip("123", NAMES, ("1.20", "3.05", None), strict=True)
    )
    connection.commit()
    connection.close()
    with start_simulator(seed=3, answers=str(tmp_path / "answers.jsonl"), prices={"small": "0.1,0.4"}) as sim:
        yield Bench(tmp_path, sim)


def test_a_sheet_of_a_workbook_is_a_job(shop: Bench) -> None:
    """A team's list, as people keep it, would have to be saved as CSV each day, or two sheets be one job."""
    header = ("id", "name", "price")
    rows = [(number, name, number + 0.2) for number, name in enumerate(NAMES[:2], start=1)]
    book(shop.folder / "items.xlsx", {"March": [header, *rows], "April": [header, rows[1]]})
    refused = shop.call("run", "app.py", "items.xlsx", OPENAI_API_KEY="sk-test").stderr
    assert "has several sheets with rows: 'March', 'April'" in refused
    said = shop.run("app.py", "items.xlsx", "--query", "March", OPENAI_API_KEY="sk-test")
    assert (said["accepted"], said["attempts"]) == (2, 2)
    again = shop.run("app.py", "items.xlsx", "--query", "April", OPENAI_API_KEY="sk-test")
    assert (again["accepted"], again["attempts"], again["job_cost_usd"]) == (1, 0, "0")


def test_parquet_in_and_out(shop: Bench) -> None:
    """A team's tables would have to be converted, and money come out as binary fractions."""
    said = shop.run(
        "app.py", "items.parquet", "-o", "out.parquet", OPENAI_API_KEY="sk-test", ROADWORTHY_LEDGER="l.db"
    )
    assert (said["accepted"], said["rejected"], said["attempts"]) == (2, 1, 2)
    table = parquet.read_table(shop.folder / "out.parquet")
    rows = table.to_pylist()
    assert [(row["key"], row["outcome"]) for row in rows] == [
        ("1", "accepted"),
        ("2", "accepted"),
        ("3", "rejected"),
    ]
    assert json.loads(rows[0]["value"]) == {"kind": "apple"}
    assert sum(row["cost_usd"] for row in rows) == Decimal(said["cost_usd"])
    assert (rows[0]["certified"], rows[0]["attempts"], rows[2]["value"]) == (False, 1, None)
    assert "items.parquet, row 3: field `price`" in rows[2]["reason"]


def test_a_query_is_a_job_of_its_own(shop: Bench) -> None:
    """The same query again would buy everything again, or another one be taken for the same input."""
    url = "sqlite:///shop.db"
    given: dict[str, Any] = {"OPENAI_API_KEY": "sk-test", "ROADWORTHY_LEDGER": "l.db"}
    query = "SELECT * FROM item ORDER BY id"
    planned = json.loads(shop.call("plan", "app.py", url, "--query", query, "--json", **given).stdout)
    assert (planned["records"], planned["rejected"], planned["to_ask"]) == (3, 1, 2)
    first = shop.run("app.py", url, "--query", query, "-o", "out.jsonl", **given)
    assert (first["accepted"], first["rejected"], first["attempts"]) == (2, 1, 2)
    assert first["job"] == f"{url} {query}"
    again = shop.run("app.py", url, "--query", query, **given)
    assert (again["accepted"], again["attempts"]) == (2, 0)
    other = shop.run("app.py", url, "--query", query + " LIMIT 1", **given)
    assert (other["records"], other["accepted"], other["attempts"]) == (1, 1, 0)
    wrong = shop.call("run", "app.py", url, "--query", "SELECT x FROM item", **given)
    assert wrong.returncode == 2
    assert "no such column: x" in wrong.stderr
