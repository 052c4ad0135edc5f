"""The page of figures; see `write`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def write(rows: Sequence[dict[str, Any]], page: Path) -> list[Path]:
    """Write the figures, one JSON object a line, as they were measured."""
    import json  # noqa: PLC0415 - one call

    page.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return [page]
