"""Does memory grow with the number of parts? A PDF and a text of two sizes each go through split and merge.

    python -m benchmarks.large

Each file is the input of one `roadworthy run` in a process of its own, with a function for a model, so that what is
measured is Roadworthy. The peak is the process's own (the reader of documents is another process, with its own limit).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pypdfium2

APP = """
import re
from pydantic import BaseModel
from roadworthy import App, Function, Prompt

app = App("large")

class Paper(BaseModel):
    id: str
    text: str

class Count(BaseModel):
    lines: int
    last: int

def model(prompt: str) -> dict[str, int]:
    found = [int(n) for n in re.findall(r"Line (\\d+)", prompt)]
    return {"lines": len(found), "last": max(found)}

@app.step(models=[Function(model, usd_per_call="0.000001")], split="text")
def count(paper: Paper) -> Prompt[Count]:
    return Prompt("Count the lines.", paper.text)

@count.merge
def merged(answers: list[Count], paper: Paper) -> Count:
    return Count(lines=sum(one.lines for one in answers), last=max(one.last for one in answers))
"""
LINE = "Line {} of this report says that nothing of note was seen on the road that day.\n"
PAGE_LINES = 40
CHILD = """
import resource
import sys
from roadworthy.__main__ import main
try:
    main()
finally:
    own, reader = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(own, reader, file=sys.stderr)
"""


def text(place: Path, megabytes: int) -> int:
    """A text of so many megabytes; returns its lines."""
    written = number = 0
    with place.open("w") as out:
        while written < megabytes * 1_000_000:
            number += 1
            written += out.write(LINE.format(number))
    return number


def pdf(place: Path, pages: int) -> int:
    """A PDF of so many pages; returns its lines."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    kids, number = [], 0
    for _ in range(pages):
        lines = [LINE.format(number + n).strip() for n in range(1, PAGE_LINES + 1)]
        number += PAGE_LINES
        shown = " T* ".join(f"({line}) Tj" for line in lines)
        stream = f"BT /F1 10 Tf 14 TL 50 760 Td {shown} ET".encode()
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>"
            % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (pages, b" ".join(kids))
    body, places = b"%PDF-1.4\n", []
    for at, one in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (at, one)
    table = b"".join(b"%010d 00000 n \n" % at for at in places)
    size = len(objects) + 1
    body += b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        size, table, size, len(body))  # fmt: skip
    place.write_bytes(body)
    assert len(pypdfium2.PdfDocument(str(place))) == pages
    return number


def measured(folder: Path, name: str, lines: int) -> str:
    """Run the file and say what it took."""
    ledger = folder / f"{name}.db"
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", CHILD, "run", "app.py", name, "-o", f"{name}.jsonl", "--json"],
        cwd=folder,
        env={**os.environ, "ROADWORTHY_LEDGER": str(ledger)},
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - began
    assert done.returncode == 0, done.stderr[-2_000:]
    (row,) = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
    assert row["value"] == {"lines": lines, "last": lines}, row
    own, reader = (int(n) / 1024 for n in done.stderr.split()[-2:])
    size = (folder / name).stat().st_size / 1e6
    return f"{name:12} {size:6.1f} MB  {row['attempts']:5} questions  {took:6.1f} s  peak {own:6.0f} MiB, of its reader {reader:6.0f} MiB"


def main() -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "app.py").write_text(APP)
        for megabytes in (5, 50):
            name = f"{megabytes}mb.txt"
            print(measured(folder, name, text(folder / name, megabytes)), flush=True)
        for pages in (30, 300):
            name = f"{pages}p.pdf"
            print(measured(folder, name, pdf(folder / name, pages)), flush=True)


if __name__ == "__main__":
    main()
