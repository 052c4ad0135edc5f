"""Short requests, a student alone, and requests that are none of its business."""

from __future__ import annotations

import gzip
import json
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.doubt.page import DATA, table

from roadworthy.learn.student import Student
from roadworthy.learn.threshold import caps_of, choose_for_batch, start_of

DELTA = 0.1
LABELS = 1_000  # rows of the batch that people label
SPLITS = 400
CAPS = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """The student's answer to one request."""

    doubt: float
    wrong: bool
    outside: bool


def answers(student: Student, rows: Sequence[dict[str, Any]]) -> list[Answer]:
    """An answer to a request out of scope is always wrong."""
    guesses = student.guess([row["text"] for row in rows])
    return [
        Answer(1 - guess.chance, guess.label != row["gold"], row["oos"])
        for guess, row in zip(guesses, rows, strict=True)
    ]


def split(
    seed: int, batch: Sequence[Answer], tuning: Sequence[Answer], labels: int, max_error: float
) -> list[float] | None:
    """In-scope coverage, out-of-scope recall, whether the promise was broken; None where nothing is certified."""
    chance = random.Random(seed)
    drawn = set(chance.sample(range(len(batch)), labels))
    doubts, wrong = [one.doubt for one in tuning], [one.wrong for one in tuning]
    caps = caps_of(doubts, CAPS)
    start = start_of(caps, doubts, wrong, labels, max_error, DELTA)
    sampled = [(batch[i].doubt, batch[i].wrong) for i in drawn]
    chosen = choose_for_batch(caps, start, sampled, [one.doubt for one in batch], max_error, DELTA)
    if chosen.cap is None:
        return None
    rest = [one for i, one in enumerate(batch) if i not in drawn]
    accepted = [one for one in rest if one.doubt <= chosen.cap]
    inside = sum(not one.outside for one in rest)
    outside = sum(one.outside for one in rest)
    let_in = sum(one.outside for one in accepted)
    broken = sum(one.wrong for one in accepted) > max_error * len(accepted)
    return [(len(accepted) - let_in) / inside, 1 - let_in / outside, float(broken)]


def mixed(inside: Sequence[Answer], outside: Sequence[Answer], share: float, seed: int) -> list[Answer]:
    """A set with this share out of scope, as large as the smaller part allows."""
    chance = random.Random(seed)
    size = min(len(outside) / share, len(inside) / (1 - share))
    return [
        *chance.sample(list(inside), round(size * (1 - share))),
        *chance.sample(list(outside), round(size * share)),
    ]


def clinc(splits: int = SPLITS) -> str:
    """The section of the page."""
    with gzip.open(DATA / "clinc150" / "clinc150_full.jsonl.gz", "rt") as lines:
        rows = [json.loads(line) for line in lines]
    parts: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        parts.setdefault(row["split"], []).append(row)
    student = Student.train([row["text"] for row in parts["train"]], [row["gold"] for row in parts["train"]])
    inside, outside = answers(student, parts["test"]), answers(student, parts["oos_test"])
    tune_inside = answers(student, parts["val"])
    tune_outside = answers(student, [*parts["oos_val"], *parts["oos_train"]])
    right = 1 - statistics.fmean(one.wrong for one in inside)
    natural = len(outside) / (len(inside) + len(outside))
    out: list[list[object]] = []
    for share, max_error, goal in [
        (natural, 0.05, ".83 / .92"), (natural, 0.1, ".93 / .80"), (0.5, 0.1, ".79 / .94"), (0.5, 0.05, "says so"),
    ]:  # fmt: skip
        found = []
        for seed in range(splits):
            batch = mixed(inside, outside, share, seed)
            tuning = mixed(tune_inside, tune_outside, share, seed)
            found.append(split(seed, batch, tuning, LABELS, max_error))
        held = [one for one in found if one is not None]
        means = [statistics.fmean(column) for column in zip(*held, strict=True)] if held else [0.0, 1.0, 0.0]
        broken = sum(one[2] for one in held) / splits
        out.append([
            f"{share:.0%}", f"{max_error:.2f}", means[0], means[1], goal,
            f"{len(found) - len(held)} of {splits}", broken,
        ])  # fmt: skip
        print(out[-1], flush=True)
    head = [
        "out of scope", "max_error", "in-scope coverage", "out-of-scope recall", "goal",
        "splits in which nothing is certified", "promise broken",
    ]  # fmt: skip
    text = (
        f"The student is trained on the 15,000 in-scope examples and is right on {right:.1%} of the in-scope test. "
        f"{LABELS:,} rows of the batch are labelled; error among the accepted, delta = {DELTA}, {splits} splits; caps and "
        "start come from the validation part. Means are over the splits in which something is certified.\n\n"
    )
    return text + table(head, out)
