"""Workbooks (`.xlsx`, `.xlsm`, `.ods`; extra `excel`): the rows of one sheet, parsed by a child process that may die."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Final

import orjson

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.cells import Cells
from roadworthy.accept.reason import WrongRecord
from roadworthy.accept.record import Cleaning, Unusable

ENDINGS: Final = (".xlsx", ".xlsm", ".ods")
"""What a workbook's file ends with."""

_MISSING: Final = "A workbook needs the extra `excel`: pip install 'roadworthy[excel]'."
_COMPOUND: Final = b"\xd0\xcf\x11\xe0"  # a compound file: an old .xls, or a workbook behind a password
_ZIP: Final = b"PK\x03\x04"


def is_workbook(place: str | Path) -> bool:
    """Whether an input is a workbook, by its ending."""
    return Path(place).suffix.lower() in ENDINGS


def check_workbook(path: Path) -> None:
    """Find before anything is read what keeps a workbook from being read at all.

    Raises:
        WrongUse: the extra is missing, it is encrypted, or no workbook.
    """
    if find_spec("python_calamine") is None:
        raise WrongUse(_MISSING)
    with path.open("rb") as stream:
        head = stream.read(len(_ZIP))
    if head == _COMPOUND:
        raise WrongUse(f"{path} is encrypted, or an .xls of old. Save it as .xlsx without a password.")
    if head != _ZIP:
        raise WrongUse(f"{path} is no workbook, whatever its name says. Save it again as .xlsx.")


def read_workbook(path: Path, sheet: str, settings: Settings) -> Iterator[Cells | Unusable]:
    """The rows below the header of one sheet, in order; rows without any value are skipped.

    The header is the first row with a value. The child holds the sheet, this process one row at a time.

    Args:
        path: a file that `check_workbook` let pass.
        sheet: its name; empty where only one of those that are not hidden has rows.
        settings: `document_cpu_s` and `document_memory_bytes` for the child, `line_bytes_max` and `json_depth_max` for
            a row.

    Raises:
        WrongUse: no such sheet, several with rows and none named, no rows, a name twice in the header, damaged, or
            reading it takes more than the child may have.
    """
    last = 0
    asked: dict[str, object] = {"path": str(path), "sheet": sheet, "settings": asdict(settings)}
    with _child(asked, settings.document_memory_bytes) as said:
        for line in said:
            found = orjson.loads(line)
            if "use" in found:
                raise WrongUse(f"{path} {found['use']}")
            if "end" in found:
                return
            last = found["row"]
            yield _unit(found, str(path))
    after = f" after row {last}" if last else ""
    raise WrongUse(
        f"Reading {path} took more than {settings.document_cpu_s:g} s of processor time or "
        f"{settings.document_memory_bytes:,} bytes of memory{after}. Check where it comes from; raise document_cpu_s or "
        "document_memory_bytes if it is sound, or save the sheet as .csv."
    )


def _unit(found: dict[str, Any], name: str) -> Cells | Unusable:
    number = found["row"]
    if wrong := found.get("wrong"):
        return Unusable(f"row-{number}", number, b"", f"{name}, row {number}: {WrongRecord(*wrong)}")
    cleanings = tuple(Cleaning(*one) for one in found["cleanings"])
    return Cells(number, found["cells"], cleanings, found["size"])


@contextmanager
def _child(asked: dict[str, object], memory_bytes: int) -> Iterator[IO[bytes]]:
    """What the process that parses says, line by line; it ends with the block, whatever it is doing."""
    command = [sys.executable, "-m", "roadworthy.accept.sheet", str(memory_bytes)]
    child = subprocess.Popen(  # noqa: S603 - our own module and a number
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        with suppress(BrokenPipeError), closing(child.stdin):  # one that is dead already says nothing
            child.stdin.write(orjson.dumps(asked))
        yield child.stdout
    finally:
        child.kill()
        child.stdout.close()
        child.wait()
