"""What a batch says: of a finished run that is certified whole, in words and figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import orjson

from roadworthy._quick import quick
from roadworthy.keep.lots import CERTIFIED, EXHAUSTED, OPEN, OVERTAKEN, Lot, is_overtaken
from roadworthy.keep.transaction import Transaction
from roadworthy.learn.certificate import percent

_FIGURES = (
    "answers",
    "wrong_in_sample",
    "peeled",
    "labels",
    "wrong_found",
    "put_right",
    "at_most",
    "unlabelled",
)


@quick(frozen=True, slots=True, kw_only=True)
class Batched:
    """A batch as it stands.

    Attributes:
        number: which of the job's batches it is; each uses some of delta.
        answers: how many a model gave when it was opened.
        sampled: how many of them were drawn by chance; `wrong_in_sample` those of them that were wrong.
        peeled: how many of the worst went to people; `labels` is what people judged, the sample included.
        wrong_found: answers that people found to be wrong; none of them is left.
        put_right: how many of these have the right answer in their place, counted in the ledger; the others are rejected
            or forgotten. None where it was not counted: a batch that ended before it was.
        at_most: how many may be wrong in the end.
        unlabelled: answers that nobody looked at.
        waiting: questions that wait for people now.
    """

    batch: int
    step: str
    number: int
    max_error: float
    delta: float
    state: str
    sampled: int
    answers: int = 0
    wrong_in_sample: int = 0
    peeled: int = 0
    labels: int = 0
    wrong_found: int = 0
    put_right: int | None = None
    at_most: int = 0
    unlabelled: int = 0
    waiting: int = 0

    @classmethod
    def of(cls, batch: Lot, figures: dict[str, Any] | None = None) -> Batched:
        """A batch of the ledger with the figures it has by now, else those it ended with."""
        return cls(
            batch=batch.id,
            step=batch.step,
            number=batch.number,
            max_error=batch.max_error,
            delta=batch.delta,
            state=batch.state,
            sampled=batch.sampled,
            **(orjson.loads(batch.figures) if figures is None else figures),
        )

    @classmethod
    def standing(cls, tx: Transaction, batch: Lot) -> Batched:
        """A batch of the ledger; one whose answers changed since is overtaken, whatever it ended with."""
        found = cls.of(batch)
        if batch.state in {CERTIFIED, EXHAUSTED} and is_overtaken(tx, batch):
            return replace(found, state=OVERTAKEN)
        return found

    def figures(self) -> str:
        """What it ended with, as JSON text."""
        return orjson.dumps({name: getattr(self, name) for name in _FIGURES}).decode()

    def as_json(self) -> dict[str, object]:
        """Flat JSON."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """For a person."""
        yield (
            f"{self.step}: batch {self.number}: {self.answers:,} answers, of which at most {self.at_most:,} "
            f"({percent(self.max_error)}) are to be wrong in the end, with confidence {1 - self.delta:.4f}"
        )
        yield (
            f"  {self.labels:,} judged by people: {self.sampled:,} drawn by chance, {self.peeled:,} of the most doubtful"
            f"; {self._wrong()}"
        )
        yield {
            OPEN: f"  not yet: {self.waiting:,} questions wait for people. `roadworthy review APP`, then this command again",
            CERTIFIED: f"  certified: of {self.answers:,} at most {self.at_most:,} are wrong by the reviewers' judgement; "
            f"{self.unlabelled:,} were looked at by nobody",
            EXHAUSTED: "  every answer was judged by a person: there is nothing left to certify",
            OVERTAKEN: "  overtaken: answers changed since it was opened; the same command opens another one",
        }[self.state]

    def _wrong(self) -> str:
        said = f"{self.wrong_found:,} were wrong"
        if not self.wrong_found or self.put_right is None:
            return said
        gone = self.wrong_found - self.put_right
        return (
            said
            + f", {self.put_right:,} of them are put right"
            + (f" and {gone:,} have no answer any more" if gone else "")
        )

    def short(self) -> str:
        """One line for a report."""
        said = {
            CERTIFIED: f"at most {self.at_most:,} of {self.answers:,} are wrong",
            OPEN: "not yet certified",
        }
        return f"batch: {self.step}: {said.get(self.state, self.state)} (confidence {1 - self.delta:.4f})"
