"""Batches on their way out: planned, created, found again when nobody saw how their creation ended."""

from __future__ import annotations

from enum import Enum

from roadworthy._events import Noted
from roadworthy._failpoints import failpoint
from roadworthy.call.batch.courier import Courier, CutOff
from roadworthy.call.batch.dialect import NotSaid, Parcel, Standing, read_line, read_whole
from roadworthy.call.batch.rung import BatchRung
from roadworthy.call.reply import Ending, Exchange
from roadworthy.keep.batches import (
    Batch,
    calls_of,
    is_of_batch,
    open_batches,
    plan_batch,
    submitted,
    unknown_batches,
    unplan,
)
from roadworthy.run.runtime import Runtime

_SKEW_S = 600.0
_PAGES_MAX = 100
_PASSING = frozenset({408, 409, 425, 429})


class Sent(Enum):
    """What came of sending a batch."""

    DONE = "the provider has it"
    LATER = "it was provably not created; the same again later may be"
    REFUSED = "it was provably not created, and will not be"
    UNSEEN = "nobody saw whether it was created"


class Sender:
    """Sends what is queued, and finds what was sent and not seen."""

    def __init__(self, runtime: Runtime, courier: Courier) -> None:
        self._runtime = runtime
        self._courier = courier
        self._not_ours: set[str] = set()

    async def plan(self, rung: BatchRung) -> Batch | None:
        """The next batch of a model, on disk before the provider hears of it; None where nothing is queued."""
        runtime, settings, dialect = self._runtime, self._runtime.settings, rung.dialect
        app, owner = runtime.plan.payer, runtime.store.owner
        most = min(settings.batch_bytes_max, dialect.bytes_max(settings))
        batch_id = await runtime.store.write(
            lambda tx: plan_batch(
                tx,
                app,
                rung.name,
                owner,
                calls_max=settings.batch_calls_max,
                bytes_max=most,
                overhead=dialect.envelope,
            )
        )
        if not batch_id:
            return None
        failpoint("batch_planned_committed")
        found = runtime.store.read(lambda tx: open_batches(tx, app))
        return next(batch for batch in found if batch.id == batch_id)

    async def send(self, rung: BatchRung, batch: Batch) -> tuple[Sent, str]:
        """Create a planned batch at its provider: what came of it, and what was said."""
        runtime, dialect = self._runtime, rung.dialect
        calls = runtime.store.read(lambda tx: calls_of(tx, batch.id))
        file_id = ""
        if (parcel := dialect.upload(batch.tag, calls)) is not None:
            exchange = await self._courier.carry(rung.endpoint, parcel)
            try:
                file_id = dialect.uploaded(read_whole(exchange)) if _is_good(exchange) else ""
            except NotSaid:
                file_id = ""
            if not file_id:
                return self._judge(rung, exchange, created=False)
        await runtime.store.write(lambda tx: tx.change("sending_batch", batch_id=batch.id, now=tx.now))
        failpoint("batch_sending_committed")
        exchange = await self._courier.carry(rung.endpoint, dialect.create(batch.tag, calls, file_id))
        try:
            standing = dialect.standing(read_whole(exchange)) if _is_good(exchange) else None
        except NotSaid:
            standing = None
        if standing is None:
            return self._judge(rung, exchange, created=True)
        failpoint("batch_created")
        await self.note(batch, standing)
        runtime.tell(Noted(f"batch {batch.id}: {batch.calls} calls to {batch.model} are with the provider"))
        return Sent.DONE, ""

    async def note(self, batch: Batch, standing: Standing, words: str = "") -> None:
        """Write down that the provider has a batch."""
        await self._runtime.store.write(lambda tx: submitted(tx, batch.id, standing.provider_id, words))
        failpoint("batch_submitted_committed")

    async def give_back(self, batch: Batch) -> None:
        """A batch that was never created: its calls are queued again, or taken back where it was cancelled."""
        await self._runtime.store.write(lambda tx: unplan(tx, batch))

    async def find(self, rung: BatchRung, batch: Batch) -> Standing | Sent | None:
        """The batch among those of the account, where nobody saw how its creation ended.

        Returns:
            The batch as it stands; None where it is not there; `UNSEEN` where that cannot be told yet.
        """
        dialect = rung.dialect
        since = (batch.sent_at or batch.planned_at) - _SKEW_S
        page, doubtful = "", False
        for _ in range(_PAGES_MAX):
            said = await self.ask(rung, dialect.listing(page))
            if said is None:
                return Sent.UNSEEN
            found, page = dialect.listed(said)
            for standing in found:
                if dialect.keeps_tag:
                    if standing.tag == batch.tag:
                        return standing
                elif (ours := await self._is_ours(rung, batch, standing, since)) is not False:
                    if ours:
                        return standing
                    doubtful = True
            times = [one.created_at for one in found if one.created_at is not None]
            if not page or (times and max(times) < since):
                return Sent.UNSEEN if doubtful else None
        return Sent.UNSEEN

    async def ask(self, rung: BatchRung, parcel: Parcel) -> dict[str, object] | None:
        """What a provider says; None where it says nothing that can be read just now."""
        exchange = await self._courier.carry(rung.endpoint, parcel)
        if exchange.status in {401, 403}:
            self._judge(rung, exchange, created=False)
        said = read_line(exchange.body) if _is_good(exchange) else None
        return None if said is None else dict(said)

    async def _is_ours(self, rung: BatchRung, batch: Batch, standing: Standing, since: float) -> bool | None:
        """Whether a batch that carries no tag is this one, by the ids of its results; None while it has none."""
        name = standing.provider_id
        if (
            name in self._not_ours
            or (standing.created_at or since) < since
            or (standing.calls is not None and standing.calls != batch.calls)
            or not self._runtime.store.read(lambda tx: unknown_batches(tx, [name]))
        ):
            return False
        if not standing.files:
            return None
        try:
            async for line in self._courier.lines(rung.endpoint, rung.dialect.fetch(standing.files[0])):
                if (row := read_line(line)) is None:
                    continue
                called, _ = rung.dialect.result(row, rung.endpoint.wire)
                if self._runtime.store.read(lambda tx, called=called: is_of_batch(tx, batch.id, called)):  # type: ignore[misc] # mypy cannot tell a lambda with a default
                    return True
                break
        except CutOff:
            return None
        self._not_ours.add(name)
        return False

    def _judge(self, rung: BatchRung, exchange: Exchange, *, created: bool) -> tuple[Sent, str]:
        """What an exchange that brought no batch means; it closes the lane where the key is why."""
        outcome = rung.endpoint.wire.read(exchange, self._runtime.clock.now())
        words = outcome.detail or outcome.ending.value
        if outcome.ending in {Ending.AUTH, Ending.QUOTA, Ending.UNTRUSTED}:
            rung.lane.close(f"{outcome.ending.value}: {words}")
            return Sent.LATER, words
        if exchange.error in {"unsent", "untrusted"} or not created:
            final = 400 <= exchange.status < 500 and exchange.status not in _PASSING
            return Sent.REFUSED if final else Sent.LATER, words
        if 400 <= exchange.status < 500:
            return Sent.LATER if exchange.status in _PASSING else Sent.REFUSED, words
        return Sent.UNSEEN, words


def _is_good(exchange: Exchange) -> bool:
    return 200 <= exchange.status < 300 and not exchange.error
