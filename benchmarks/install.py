"""How much an installation takes: distributions and megabytes, without bytecode. Standard library only.

python -m benchmarks.install [NAME]      NAME with what it needs; without it everything that is installed
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path
from typing import Any

_OURS = "roadworthy"


def needed(name: str) -> dict[str, Distribution]:
    """A distribution with everything that it requires here, by normal name."""
    requirements: Any = importlib.import_module("packaging.requirements")
    found: dict[str, Distribution] = {}
    queue = [name]
    while queue:
        name = queue.pop().lower().replace("_", "-")
        if name in found:
            continue
        found[name] = distribution(name)
        for line in found[name].requires or ():
            requirement = requirements.Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                queue.append(requirement.name)
    return found


def megabytes(parts: Iterable[Distribution]) -> float:
    """The size of the distributions' files."""
    total = 0
    for part in parts:
        files = [Path(str(part.locate_file(file))) for file in part.files or ()]
        if part.metadata["Name"] == _OURS:  # installed from its tree: what the wheel would hold
            files += [place for place in Path("src", _OURS).rglob("*") if "__pycache__" not in place.parts]
        total += sum(place.stat().st_size for place in files if place.suffix != ".pyc" and place.is_file())
    return total / 1e6


def main() -> None:
    """Print the size."""
    found = needed(sys.argv[1]) if len(sys.argv) > 1 else {d.metadata["Name"]: d for d in distributions()}
    versions = {name: part.version for name, part in sorted(found.items())}
    said = {"distributions": len(found), "mb": round(megabytes(found.values()), 1), "versions": versions}
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
