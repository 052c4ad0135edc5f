"""The whole run, or the page made of it.

python -m benchmarks [--out FILE] [--quick | --large] [--only calls,files]     measure; result lines go to FILE
python -m benchmarks report [--results FILE] [--page docs/performance.md]       write the page from them
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import report
from benchmarks.child import Broke, note
from benchmarks.machine import ROOT, stamp
from benchmarks.suite import FULL, QUICK, SECTIONS
from benchmarks.versus import RESULTS as PEERS

RESULTS = ROOT / ".bench" / "results.jsonl"
PAGE = ROOT / "docs" / "performance.md"


def measure(words: Sequence[str]) -> int:
    """Run the sections; a section that breaks is a line too, and the status says so."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--out", type=Path, default=RESULTS)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="two minutes: whether everything works")
    size.add_argument("--large", action="store_true", help="with a file of a million records")
    parser.add_argument("--only", default=",".join(SECTIONS), help="sections, with commas")
    given = parser.parse_args(words)
    extent = QUICK if given.quick else FULL
    if given.large:
        extent = replace(extent, files=(*extent.files, 1_000_000))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    broken = 0
    with given.out.open("w", encoding="utf-8") as out:
        _write(out, {"section": "stamp", **stamp(), "extent": "quick" if given.quick else "full"})
        for name in given.only.split(","):
            began = time.monotonic()
            try:
                for row in SECTIONS[name](extent):
                    broken += "error" in row
                    _write(out, {"section": name, **row})
            except Broke as broke:
                broken += 1
                _write(out, {"section": name, "error": str(broke)})
                note(f"{name} broke: {broke}")
            note(f"== {name}: {time.monotonic() - began:.0f} s")
        _write(out, {"section": "end", "load": stamp()["load"]})
    note(f"results: {given.out}")
    return 1 if broken else 0


def _write(out: object, row: dict[str, object]) -> None:
    print(json.dumps(row), file=out, flush=True)  # type: ignore[call-overload] # an open file


def write_page(words: Sequence[str]) -> int:
    """Write the page and its pictures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks report")
    parser.add_argument("--results", type=Path, action="append")
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args(words)
    places = given.results or [RESULTS, *(place for place in (PEERS,) if place.exists())]
    rows = [json.loads(line) for place in places for line in place.read_text().splitlines()]
    for place in report.write(rows, given.page):
        note(f"wrote {place}")
    return 0


def main() -> None:
    """Measure, or write."""
    words = sys.argv[1:]
    sys.exit(write_page(words[1:]) if words[:1] == ["report"] else measure(words))


if __name__ == "__main__":
    main()
