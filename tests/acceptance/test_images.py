"""Images through a whole run: what is sent, what is reserved, what `why` tells, what is rejected for nothing."""

import base64
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from tests.acceptance.bench import Bench
from tests.unit.accept.test_image import png

from roadworthy.accept.image import Image
from roadworthy.call.vision import OPENAI_MAX, any_image_tokens
from roadworthy.vet.process import start_simulator

APP = """
from pydantic import BaseModel
from roadworthy import App, Image, Model, Price, Prompt

app = App("scans")

class Scan(BaseModel):
    id: str
    note: str
    image: str

class Total(BaseModel):
    total: str

@app.step(models=[Model("openai:small", price=Price(input="0.1", output="0.4"))])
def total(scan: Scan) -> Prompt[Total]:
    return Prompt("Read the total.", scan.note, Image(scan.image))
"""


@pytest.fixture
def scans(tmp_path: Path) -> Iterator[Bench]:
    """A large image, and a text that calls itself one."""
    (tmp_path / "app.py").write_text(APP)
    large = base64.b64encode(png(2_000, 1_500) + b"\0" * 300_000).decode()
    rows = [{"id": "s1", "note": "the first receipt", "image": large}]
    rows += [{"id": "s2", "note": "the second receipt", "image": base64.b64encode(b"<svg/>").decode()}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    answer = {"id": "s1", "text": "the first receipt", "answers": {"small": {"total": "12.30"}}}
    (tmp_path / "answers.jsonl").write_text(json.dumps(answer) + "\n")
    with start_simulator(seed=3, answers=str(tmp_path / "answers.jsonl"), prices={"small": "0.1,0.4"}) as sim:
        yield Bench(tmp_path, sim)


def test_an_image_is_sent_reserved_for_and_kept(scans: Bench) -> None:
    """A picture would be paid for as text byte by byte, or one that is none would be sent."""
    planned = json.loads(scans.call("plan", "app.py", "in.jsonl", "--json", OPENAI_API_KEY="sk-test").stdout)
    assert planned["input_tokens"] < 10_000, "the bytes of an image are no text"
    said = scans.run("app.py", "in.jsonl", "-o", "out.jsonl", OPENAI_API_KEY="sk-test")
    assert (said["accepted"], said["rejected"], said["attempts"]) == (1, 1, 1)
    first, second = scans.rows("out.jsonl")
    assert first["value"] == {"total": "12.30"}
    assert second["reason"].startswith("no image that models take: it begins with 3c 73 76 67")
    ((reserved,),) = scans.ask("scans.db", "SELECT reserved_pico FROM attempt")
    usd = Decimal(reserved) / Decimal(10) ** 12
    most = any_image_tokens(Image(png(2_000, 1_500)))
    assert OPENAI_MAX * Decimal("0.1") / 10**6 < usd < (most + 5_000) * Decimal("0.1") / 10**6
    told = scans.call("why", "app.py", "s1", OPENAI_API_KEY="sk-test").stdout
    assert "[image 1: image/png, 2000 x 1500, " in told
    again = scans.run("app.py", "in.jsonl", OPENAI_API_KEY="sk-test")
    assert (again["accepted"], again["rejected"], again["attempts"]) == (1, 1, 0)


def test_masking_refuses_what_it_cannot_see(scans: Bench) -> None:
    """Personal data on a picture would leave the house although the step says that it is hidden."""
    (scans.folder / "app.py").write_text(APP.replace('output="0.4"))])', 'output="0.4"))], mask=True)'))
    said = scans.run(
        "app.py", "in.jsonl", "--limit", "1", "-o", "out.jsonl", status=1, OPENAI_API_KEY="sk-test"
    )
    assert (said["failed"], said["attempts"]) == (1, 0)
    assert "what an image shows it cannot see" in scans.rows("out.jsonl")[0]["reason"]
