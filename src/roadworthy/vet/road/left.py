"""What an app leaves in its folder: the files that it writes itself, beside what Roadworthy keeps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from roadworthy._quick import quick
from roadworthy.vet.road.bench import Sample
from roadworthy.vet.road.trial import Trial

_OURS: Final = ("input.jsonl", "out.jsonl", "trial.db", "home-", "__pycache__", ".out.jsonl")
_FILE_BYTES_MAX: Final = 20_000_000


@quick(frozen=True, slots=True)
class Left:
    """What was written.

    Attributes:
        marks: for each file, the keys of records that occur in it.
        lines: for each file, how many lines it has.
    """

    marks: Mapping[str, frozenset[str]]
    lines: Mapping[str, int]

    def missing_in(self, other: Left) -> tuple[str, ...]:
        """What is here and not in the other: records by their keys; where no file names any, lines."""
        said = []
        for name in self.lines:
            gone = sorted(self.marks[name] - other.marks.get(name, frozenset()))
            if gone:
                said.append(
                    f"{name}: {len(gone)} of {len(self.marks[name])} records are gone, such as {gone[0]}"
                )
            elif not self.marks[name] and other.lines.get(name, 0) < self.lines[name]:
                said.append(f"{name}: {other.lines.get(name, 0)} lines instead of {self.lines[name]}")
        return tuple(said)


def left_by(trial: Trial, samples: tuple[Sample, ...]) -> Left:
    """What the app has written in a trial's folder that its copy did not hold."""
    marks, lines = {}, {}
    for place in sorted(_files(trial)):
        text = place.read_bytes()[:_FILE_BYTES_MAX].decode("utf-8", "replace")
        name = str(place.relative_to(trial.folder))
        lines[name] = text.count("\n")
        marks[name] = frozenset(sample.key for sample in samples if sample.key in text)
    return Left(marks, lines)


def _files(trial: Trial) -> list[Path]:
    found = []
    for place in trial.folder.rglob("*"):
        name = place.relative_to(trial.folder)
        is_ours = any(part.startswith(_OURS) for part in name.parts) or place.suffix == ".pyc"
        if place.is_file() and not place.is_symlink() and not is_ours and not (trial.origin / name).exists():
            found.append(place)
    return found
