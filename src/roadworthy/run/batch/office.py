"""The office: sends what is queued, looks after batches under way, brings their results home."""

from __future__ import annotations

from collections.abc import Callable

from roadworthy._events import Noted
from roadworthy._quick import quick
from roadworthy.call.batch.courier import Courier
from roadworthy.call.batch.dialect import NotSaid, Standing
from roadworthy.call.batch.rung import BatchRung, batched
from roadworthy.call.reply import Ending, Outcome
from roadworthy.keep.batches import Batch, claim_batches, drop_queued, open_batches, queued, release
from roadworthy.run.app import App
from roadworthy.run.batch.importing import Importer
from roadworthy.run.batch.sending import Sender, Sent
from roadworthy.run.runtime import Runtime

_LOOK_S = 1.0
_HOUR_S = 3_600.0


@quick(slots=True)
class _Due:
    """When something is looked at next, in monotonic seconds, and how long the pause before it was."""

    at: float
    pause_s: float


class Office:
    """Batches of one app, as this process sees to them.

    Args:
        runtime: the app at work.
        ready: whether records of the job can go on.
        wait: stay until nothing is under way; else send, look once, and leave.
    """

    def __init__(self, runtime: Runtime, ready: Callable[[], bool], *, wait: bool) -> None:
        self._runtime = runtime
        self._ready = ready
        self._wait = wait
        self._courier = Courier(runtime.settings)
        self._sender = Sender(runtime, self._courier)
        self._importer = Importer(runtime, self._courier)
        self._due: dict[int, _Due] = {}
        self._later: dict[str, _Due] = {}
        self._told_to_stop: set[int] = set()
        self._silent_since: float | None = None
        self._put_back = False

    async def turn(self) -> bool:
        """Until records can go on, or nothing is to be done here any more. Whether records can go on."""
        runtime = self._runtime
        while not runtime.stopped:
            await self._send_queued()
            await self._look_after()
            if self._ready():
                self._put_back = False
                return True
            batches = runtime.store.read(lambda tx: open_batches(tx, runtime.plan.payer))
            waiting = runtime.store.read(lambda tx: queued(tx, runtime.plan.payer))
            if not batches and not waiting:
                return await self._nothing_left()
            self._stop_if_nobody_answers(batches, waiting)
            if not self._wait or runtime.stopped:
                return False
            await runtime.clock.sleep(self._pause_s())
            await runtime.look_for_dead()
        return False

    async def cancel(self) -> list[Batch]:
        """Tell providers to stop every batch, and look a while whether they have. What is still open."""
        runtime = self._runtime
        for batch in runtime.store.read(lambda tx: open_batches(tx, runtime.plan.payer)):
            rung = self._rung(batch.model)
            if rung is not None and batch.provider_id:
                await self._stop(rung, batch)
        ends = runtime.clock.monotonic() + runtime.settings.batch_cancel_wait_s
        while True:
            self._due.clear()
            await self._look_after()
            left = runtime.store.read(lambda tx: open_batches(tx, runtime.plan.payer))
            if not left or runtime.clock.monotonic() >= ends:
                return left
            await runtime.clock.sleep(min(_LOOK_S, runtime.settings.batch_poll_s))
            await runtime.look_for_dead()

    async def close(self) -> None:
        """Close the way out."""
        await self._courier.close()

    # -- out --

    async def _send_queued(self) -> None:
        runtime, app = self._runtime, self._runtime.plan.payer
        waiting = runtime.store.read(lambda tx: queued(tx, app))
        for model in waiting:
            rung, later = self._rung(model), self._later.get(model)
            if rung is None or rung.lane.closed or (later and later.at > runtime.clock.monotonic()):
                continue
            await runtime.store.write(
                lambda tx: drop_queued(tx, app, "its record was forgotten before it was sent", erased=True)
            )
            while (batch := await self._sender.plan(rung)) is not None:
                if not await self._send(rung, batch):
                    break

    async def _send(self, rung: BatchRung, batch: Batch) -> bool:
        """Send one batch; whether the next one of the model may follow."""
        sent, words = await self._sender.send(rung, batch)
        match sent:
            case Sent.DONE:
                self._later.pop(rung.name, None)
                self._put_off(batch.id, anew=True)
                return True
            case Sent.REFUSED:
                outcome = Outcome(Ending.BAD_REQUEST, detail=f"the provider refused the batch: {words}"[:300])
                await self._importer.close(rung, batch, outcome, "refused", words)
                return False
            case Sent.LATER:
                await self._sender.give_back(batch)
            case Sent.UNSEEN:
                self._put_off(batch.id, anew=True)
        self._say(f"batch {batch.id} of {batch.calls} calls to {batch.model}: {sent.value} ({words})")
        pause_s = self._longer(self._later.get(rung.name))
        self._later[rung.name] = _Due(self._runtime.clock.monotonic() + pause_s, pause_s)
        return False

    # -- back --

    async def _look_after(self) -> None:
        """Look at every batch that is due and that no other living process sees to."""
        runtime, app, owner = self._runtime, self._runtime.plan.payer, self._runtime.store.owner
        now = runtime.clock.monotonic()
        there = runtime.store.read(lambda tx: open_batches(tx, app))
        if all(batch.id in self._due and self._due[batch.id].at > now for batch in there):
            return
        for batch in await runtime.store.write(lambda tx: claim_batches(tx, app, owner)):
            due, rung = self._due.get(batch.id), self._rung(batch.model)
            if (due and due.at > now) or rung is None or rung.lane.closed:
                continue
            self._put_off(batch.id)
            if batch.state == "planned":
                await self._find(rung, batch)
            else:
                await self._look(rung, batch)

    async def _find(self, rung: BatchRung, batch: Batch) -> None:
        """A batch of which it is not known whether it was created."""
        if batch.sent_at is None:
            await self._sender.give_back(batch)
            return
        found = await self._sender.find(rung, batch)
        if isinstance(found, Standing):
            await self._sender.note(batch, found, "found again by listing")
            self._say(f"batch {batch.id}: it had been created and is found again as {found.provider_id}")
            self._due.pop(batch.id, None)
        elif found is None:
            unseen_s = self._runtime.clock.now() - batch.sent_at
            if unseen_s > self._runtime.settings.batch_unseen_s:
                self._say(f"batch {batch.id}: it was not created; its {batch.calls} calls are queued again")
                await self._sender.give_back(batch)

    async def _look(self, rung: BatchRung, batch: Batch) -> None:
        """A batch that the provider has."""
        runtime, now = self._runtime, self._runtime.clock.now()
        overdue = now - (batch.submitted_at or now) > runtime.settings.batch_hours_max * _HOUR_S
        if (overdue or batch.cancelled_at is not None) and batch.id not in self._told_to_stop:
            await self._stop(rung, batch)
        said = await self._sender.ask(rung, rung.dialect.look(batch.provider_id))
        try:
            standing = None if said is None else rung.dialect.standing(said)
        except NotSaid:
            standing = None
        if standing is None:
            self._silent_since = self._silent_since or runtime.clock.monotonic()
            return
        self._silent_since = None
        if standing.state == "working":
            return
        if await self._importer.bring(rung, batch, standing):
            self._due.pop(batch.id, None)
            if standing.wait:
                pause_s = runtime.settings.batch_poll_cap_s
                self._later[rung.name] = _Due(runtime.clock.monotonic() + pause_s, pause_s)

    async def _stop(self, rung: BatchRung, batch: Batch) -> None:
        """Tell the provider to stop a batch, until it has heard of it once."""
        await self._runtime.store.write(lambda tx: tx.change("cancel_batch", batch_id=batch.id, now=tx.now))
        if await self._sender.ask(rung, rung.dialect.cancel(batch.provider_id)) is not None:
            self._told_to_stop.add(batch.id)

    # -- when --

    def _rung(self, model: str) -> BatchRung | None:
        """The app's model of this name, worded for batches; None where the app has it no more, which is said once."""
        for step in self._runtime.plan.steps:
            names = [step.name] + ([step.judging.name] if step.judging is not None else [])
            for rung in (rung for name in names for rung in self._runtime.rungs_of(name)):
                if rung.name == model and (found := batched(rung)) is not None:
                    return found
        if model not in self._later:
            self._say(
                f"{model} is no model of the app any more; its batches wait. Put it back, or cancel them"
            )
            self._later[model] = _Due(float("inf"), 0.0)
        return None

    def _put_off(self, batch_id: int, *, anew: bool = False) -> None:
        due = None if anew else self._due.get(batch_id)
        pause_s = self._longer(due)
        self._due[batch_id] = _Due(self._runtime.clock.monotonic() + pause_s, pause_s)

    def _longer(self, due: _Due | None) -> float:
        settings = self._runtime.settings
        return settings.batch_poll_s if due is None else min(2 * due.pause_s, settings.batch_poll_cap_s)

    def _pause_s(self) -> float:
        """Until the next thing is due, and no longer than others need to be noticed."""
        now = self._runtime.clock.monotonic()
        times = [due.at - now for due in (*self._due.values(), *self._later.values()) if due.at > now]
        return max(0.01, min([_LOOK_S, *times]))

    async def _nothing_left(self) -> bool:
        """Nothing is under way: records that waited for a batch's money go on, once."""
        app = self._runtime.plan.payer
        if self._put_back or not await self._runtime.store.write(lambda tx: release(tx, app)):
            return False
        self._put_back = True
        return self._ready()

    def _stop_if_nobody_answers(self, batches: list[Batch], waiting: dict[str, int]) -> None:
        """Every lane that is needed is closed, or nobody has said a word for as long as patience lasts."""
        runtime = self._runtime
        rungs = [self._rung(model) for model in {*waiting, *(batch.model for batch in batches)}]
        closed = [rung.lane.closed if rung is not None else "no model of the app" for rung in rungs]
        silent_s = runtime.clock.monotonic() - (self._silent_since or runtime.clock.monotonic())
        if all(closed) or silent_s > runtime.settings.patience_s:
            words = "; ".join(filter(None, closed)) or f"no word of a batch for {silent_s:.0f} s"
            self._say(f"the run stops and can be resumed: {words}")
            runtime.stopped = "provider"

    def _say(self, words: str) -> None:
        self._runtime.tell(Noted(words))


async def stop_batches(app: App) -> list[Batch]:
    """Have providers stop every batch of an app. Those that have not ended within `batch_cancel_wait_s`."""
    runtime = app.start()
    office = Office(runtime, lambda: False, wait=False)
    try:
        return await office.cancel()
    finally:
        await office.close()
        await runtime.close()
