"""What an input holds: a look at all of it, or at a sample of a long one, that buys nothing."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field, replace
from typing import Any

from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.accept.intake import read_records
from roadworthy.accept.record import Record, Unusable
from roadworthy.accept.sketch import Sketch, sketch
from roadworthy.accept.source import Source
from roadworthy.keep.record import Kept
from roadworthy.keep.records import find_record
from roadworthy.keep.transaction import as_int
from roadworthy.run.entry import Entry
from roadworthy.run.runtime import Runtime
from roadworthy.run.session import Session, WouldAsk
from roadworthy.run.work import begin, look


@quick(frozen=True, slots=True)
class Drawn:
    """An input as `plan` looks at it.

    Attributes:
        sketch: the input, or a sample of a long one.
        items: what is in the sketch, as records; as often as one likes.
    """

    sketch: Sketch
    items: Callable[[], Iterator[Record | Unusable]]

    @classmethod
    def of(cls, source: Source, entry: Entry[Any, Any], settings: Settings, *, at_least: int = 0) -> Drawn:
        """Go through an input once.

        Args:
            at_least: records that are wanted, where that is more than the setting `plan_records_max`.
        """
        most = max(settings.plan_records_max, at_least)
        found = sketch(source, units_max=most, bytes_max=settings.plan_bytes_max)

        def items() -> Iterator[Record | Unusable]:
            return read_records(found.source, schema=entry.record_schema, key=entry.key, settings=settings)

        return cls(found, items)


@quick(slots=True)
class Count:
    """What one pass over the input found; `error` is the relative standard error of `to_ask`.

    Attributes:
        answered: records with an accepted answer in the ledger that still stands.
        would_fail: records that would end without one and without asking anybody, as would those that
            `would_be_rejected` or `would_wait`; they failed or wait already, or the team's code stops them.
        queries: how many different ones need a vector that is paid, and their bytes, by who buys them.
    """

    records: int = 0
    duplicates: int = 0
    rejected: int = 0
    answered: int = 0
    would_fail: int = 0
    would_be_rejected: int = 0
    would_wait: int = 0
    to_ask: int = 0
    request_bytes: int = 0
    output_caps: int = 0
    first_steps: dict[str, int] = field(default_factory=dict)
    unembedded: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    queries: dict[str, tuple[int, int]] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)
    looked_at: int = 0
    error: float = 0.0

    def of_all(self, whole: Sketch) -> Count:
        """What the whole input holds, where these are the counts of its sample."""
        queries: dict[str, tuple[int, int]] = {}
        for step, size in self.unembedded.values():
            number, length = queries.get(step, (0, 0))
            queries[step] = (number + 1, length + size)
        if whole.is_whole:
            return replace(self, looked_at=self.records, queries=queries)
        scale = whole.different / max(1, self.records)
        share = self.to_ask / max(1, self.records)
        return Count(
            records=whole.total,
            duplicates=round(whole.total - whole.unusable - whole.different),
            rejected=whole.unusable + round(self.rejected * scale),
            answered=round(self.answered * scale),
            would_fail=round(self.would_fail * scale),
            would_be_rejected=round(self.would_be_rejected * scale),
            would_wait=round(self.would_wait * scale),
            to_ask=round(self.to_ask * scale),
            request_bytes=round(self.request_bytes * scale),
            output_caps=round(self.output_caps * scale),
            first_steps={step: round(count * scale) for step, count in self.first_steps.items()},
            queries={
                step: (round(number * scale), round(size * scale)) for step, (number, size) in queries.items()
            },
            looked_at=self.records,
            error=math.sqrt((1 - share) / (share * self.records)) if share else 0.0,
        )

    def add(self, outcome: str) -> None:
        """Count a record that would end like this without asking anybody."""
        self.answered += outcome == "accepted"
        self.would_fail += outcome == "failed"
        self.would_be_rejected += outcome == "rejected"
        self.would_wait += outcome == "waiting"


async def survey(runtime: Runtime, entry: Entry[Any, Any], drawn: Drawn, job_id: int | None) -> Count:
    """Look at what was drawn of an input and at what the ledger knows of it; the counts are of the whole input."""
    count = Count()
    for item in drawn.items():
        await _look_at(runtime, entry, item, job_id, count)
    return count.of_all(drawn.sketch)


def draw_sample(items: Iterable[Record | Unusable], size: int) -> list[Record]:
    """The `size` usable records whose content hashes are smallest: a random sample that a second look repeats."""
    heap: list[tuple[int, int, Record]] = []
    seen: set[int] = set()
    for item in items:
        if isinstance(item, Unusable):
            continue
        rank = -int.from_bytes(item.body_hash[:8], "big")
        if rank in seen:
            continue
        seen.add(rank)
        if len(heap) < size:
            heapq.heappush(heap, (rank, item.line, item))
        elif rank > heap[0][0]:
            heapq.heapreplace(heap, (rank, item.line, item))
    return sorted((record for _, _, record in heap), key=lambda record: record.line)


async def _look_at(
    runtime: Runtime, entry: Entry[Any, Any], item: Record | Unusable, job_id: int | None, count: Count
) -> None:
    count.records += 1
    if isinstance(item, Unusable):
        count.rejected += 1
        return
    mark, body = hash(item.key), int.from_bytes(item.body_hash[:8], "big")
    if mark in count.seen:
        count.duplicates += count.seen[mark] == body
        count.rejected += count.seen[mark] != body
        return
    count.seen[mark] = body
    kept = _known_record(runtime, item, job_id)
    session: Session = begin(runtime, kept, 0, offline=True)
    try:
        count.add(await look(entry, item.value, session))
    except WouldAsk as missing:
        if missing.tried and kept.outcome in {"failed", "waiting"} and kept.waiting_for in {"", "review"}:
            count.add(kept.outcome)
            return
        count.to_ask += 1
        count.unembedded |= session.unembedded
        count.request_bytes += missing.request_bytes
        count.output_caps += missing.output_cap
        count.first_steps[missing.step] = count.first_steps.get(missing.step, 0) + 1


def _known_record(runtime: Runtime, record: Record, job_id: int | None) -> Kept:
    """The record as the ledger has it, or as it would be taken in."""
    if job_id is not None:
        row = runtime.store.read(lambda tx: tx.row("newest_version", job_id=job_id, key=record.key))
        if row is not None and row[2] == record.body_hash:
            found = runtime.store.read(lambda tx: find_record(tx, as_int(row[0])))
            if found is not None:
                return found
    return Kept.new(job_id or 0, record)
