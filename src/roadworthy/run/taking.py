"""An input on its way into the ledger, batch by batch, and out of it again as what is to be worked on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

from roadworthy._failpoints import failpoint
from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.accept.record import Record, Unusable
from roadworthy.keep.held import Held, find_held
from roadworthy.keep.intake import find_unchanged, take_in
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.record import Kept


@quick(frozen=True, slots=True)
class Taken:
    """A record to be worked on.

    Attributes:
        kept: where it stands.
        value: what the input says it is; None where it is read back from the ledger when its turn comes.
        held: what the ledger holds of it, where that was looked up for its whole batch.
    """

    kept: Kept
    value: object | None = None
    held: Held | None = None


class Taking:
    """How a run takes its input in.

    Args:
        store: the ledger.
        settings: `intake_batch`, `intake_bytes_max`, `queue_record_bytes_max`.
        job_id: whose lines they are.
        run_id: the run that reads them.
    """

    def __init__(self, store: Ledger, settings: Settings, job_id: int, run_id: int) -> None:
        self._store = store
        self._settings = settings
        self._job_id = job_id
        self._run_id = run_id

    def batch(self, items: Iterator[Record | Unusable]) -> list[Record | Unusable]:
        """The next records for one transaction: so many, or so many bytes."""
        bytes_max = self._settings.intake_bytes_max
        batch: list[Record | Unusable] = []
        size = 0
        for item in islice(items, self._settings.intake_batch):
            batch.append(item)
            size += item.size if isinstance(item, Record) else len(item.raw)
            if size >= bytes_max:
                break
        return batch

    async def take(self, batch: Sequence[Record | Unusable], owner: int | None) -> list[Taken]:
        """Take a batch in; what is to be worked on, claimed for `owner` where there is one."""
        change = partial(take_in, job_id=self._job_id, run_id=self._run_id, batch=batch, owner=owner)
        firsts = await self._store.write(change)
        failpoint("intake_committed")
        large = self._large(batch)
        return [
            Taken(replace(kept, stored=None)) if kept.line in large else Taken(kept, value)
            for kept, value in firsts
            if kept.outcome != "rejected" or kept.stored is not None
        ]

    async def take_again(self, batch: Sequence[Record | Unusable], owner: int | None) -> list[Taken]:
        """The same for a job with answers: nothing is written for what is unchanged, and what is held is looked up at once."""
        store, large = self._store, self._large(batch)
        known = store.read(lambda tx: find_unchanged(tx, self._job_id, batch))
        rest = [item for item in batch if item.line not in known]
        taken = await self.take(rest, owner) if rest else []
        small = {
            item.line: item.value for item in batch if isinstance(item, Record) and item.line not in large
        }
        taken += [Taken(kept, small.get(line)) for line, kept in known.items()]
        ids = [one.kept.id for one in taken if one.value is not None and one.kept.outcome != "pending"]
        held = store.read(lambda tx: find_held(tx, ids))
        looked_at = frozenset(ids)
        return [Taken(one.kept, one.value, held) if one.kept.id in looked_at else one for one in taken]

    def _large(self, batch: Sequence[Record | Unusable]) -> frozenset[int]:
        """Lines whose record does not wait in memory for its turn."""
        most = self._settings.queue_record_bytes_max
        return frozenset(item.line for item in batch if isinstance(item, Record) and item.size > most)
