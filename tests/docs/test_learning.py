"""The page about learning shows what its commands print."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.certificate.shop import Shop

from roadworthy.vet.process import start_simulator

PAGE = (Path(__file__).parents[2] / "docs" / "learning.md").read_text(encoding="utf-8")
SHOWN = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def answer(number: int) -> dict[str, object]:
    """Every fifth answer is unsure, and half of those are wrong."""
    return {"mood": "sad" if number % 10 == 0 else "glad", "sure": 0.3 if number % 5 == 0 else 0.9}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """The page's app with 400 notes, and 40 that come later."""
    rows = [
        {
            "id": f"N{number:04}",
            "text": f"this is note number {number:04}",
            "answers": {"small": answer(number)},
        }
        for number in range(440)
    ]
    for name, part in (("in", rows[:400]), ("later", rows[400:])):
        lines = [json.dumps({"id": row["id"], "text": row["text"]}) + "\n" for row in part]
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    labels = [
        json.dumps({"key": row["id"], "label": {"mood": "glad", "sure": 1}}) + "\n" for row in rows[:400]
    ]
    (tmp_path / "labels.jsonl").write_text("".join(labels))
    with start_simulator(answers=rows, text_field="text", prices={"small": "0.1,0.4"}) as sim:
        shop = Shop(tmp_path, str(tmp_path / "shop.db"), sim)
        shop.open('max_error=0.10, confidence="field:sure", examples=4')
        yield shop


def test_the_page_is_what_the_commands_print(shop: Shop) -> None:
    """A reader would follow the page and see something else."""
    (shown,) = SHOWN.findall(PAGE)
    printed = ""
    for line in shown.splitlines():
        if line.startswith("$ roadworthy "):
            printed = shop.call(*line.removeprefix("$ roadworthy ").split())
        elif line != "...":
            assert line in printed.splitlines(), (line, printed)
