"""What came back of a batch: every line of its files, written once each, in slices."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from roadworthy._events import AttemptEnded, Noted
from roadworthy._failpoints import failpoint
from roadworthy.call.batch.courier import Courier, CutOff
from roadworthy.call.batch.dialect import Standing, not_reached, read_line
from roadworthy.call.batch.rung import BatchRung, batched
from roadworthy.call.driver import settle
from roadworthy.call.meter import Ask, Opened, Settlement
from roadworthy.call.reply import Ending, Outcome
from roadworthy.keep.batches import Batch, InBatch, end_batch, find_call, is_of_batch, left_open, settle_call
from roadworthy.keep.jobs import note
from roadworthy.keep.transaction import Transaction
from roadworthy.run.runtime import Runtime

_GONE = frozenset({404, 410})
_NAMED_MAX = 5


class Importer:
    """Fetches the results of batches and settles their calls."""

    def __init__(self, runtime: Runtime, courier: Courier) -> None:
        self._runtime = runtime
        self._courier = courier

    async def bring(self, rung: BatchRung, batch: Batch, standing: Standing) -> bool:
        """Import everything that came of a batch that has ended; False where that did not come to its end."""
        missing = self._missing(standing)
        try:
            await self._all(rung, batch, standing)
        except CutOff as cut:
            if cut.status not in _GONE:
                words = f"batch {batch.id}: its results did not come whole ({cut}); they are fetched again"
                self._runtime.tell(Noted(words))
                return False
            missing = Outcome(Ending.UNKNOWN, detail="the provider has the results of its batch no more")
        await self.close(rung, batch, missing, standing.state, standing.detail)
        return True

    async def close(
        self, rung: BatchRung, batch: Batch, missing: Outcome, state: str, detail: str = ""
    ) -> None:
        """Settle what is left of a batch as `missing`, and let its records go on."""
        runtime, settings = self._runtime, self._runtime.settings
        while names := runtime.store.read(lambda tx: left_open(tx, batch.id, settings.batch_slice)):
            await self._slice(rung, batch, [(name, missing) for name in names])
        await runtime.store.write(lambda tx: end_batch(tx, batch.id, batch.app, state, detail))
        failpoint("batch_ended_committed")
        words = f": {detail}" if detail else ""
        runtime.tell(
            Noted(f"batch {batch.id}: {batch.calls} calls to {batch.model} are imported ({state}{words})")
        )

    async def _all(self, rung: BatchRung, batch: Batch, standing: Standing) -> None:
        """Every result, slice by slice.

        Raises:
            CutOff: a file did not come to its end; the slices before it are written.
        """
        wire, dialect, most = rung.endpoint.wire, rung.dialect, self._runtime.settings.batch_slice
        held: list[tuple[str, Outcome]] = []
        async for row in self._rows(rung, standing):
            held.append(dialect.result(row, wire))
            if len(held) >= most:
                failpoint("batch_downloaded")
                await self._slice(rung, batch, held)
                held = []
        if held:
            failpoint("batch_downloaded")
            await self._slice(rung, batch, held)

    async def _rows(self, rung: BatchRung, standing: Standing) -> AsyncIterator[Mapping[str, Any]]:
        for row in standing.rows:
            yield row
        for file in standing.files:
            async for line in self._courier.lines(rung.endpoint, rung.dialect.fetch(file)):
                if (found := read_line(line)) is not None:
                    yield found

    async def _slice(self, rung: BatchRung, batch: Batch, results: list[tuple[str, Outcome]]) -> None:
        """One transaction: each call that is not settled is; one that is stays as it was."""
        runtime = self._runtime
        done: list[Settlement] = []
        remarks = [
            words
            for _, outcome in results
            if (words := runtime.served.saw(batch.model, outcome.served_model))
        ]

        def change(tx: Transaction) -> None:
            done.clear()
            strays: list[str] = []
            for name, outcome in results:
                call = find_call(tx, batch.id, name)
                if call is None:
                    strays += [] if is_of_batch(tx, batch.id, name) else [name]
                    continue
                settlement = self._settlement(rung, call, outcome, tx.now)
                if settle_call(tx, call, settlement):
                    done.append(settlement)
            for words in remarks:
                note(tx, "served_model", words)
            if strays:
                words = f"batch {batch.id} holds {len(strays)} results that nobody asked for: "
                note(tx, "stray", words + ", ".join(strays[:_NAMED_MAX]))
            failpoint("batch_slice_written")

        await runtime.store.write(change)
        failpoint("batch_slice_committed")
        for settlement in done:
            runtime.tally.cost_pico += settlement.cost_pico
            runtime.tally.unknown += settlement.state == "unknown"
            if settlement.cost_pico > settlement.reserved_pico:
                most = f"{settlement.reserved_pico} was the most it was allowed"
                rung.lane.close(f"it billed {settlement.cost_pico} pico-dollars where {most}")
            said = (batch.model, settlement.ending.value, settlement.cost_pico, settlement.latency_s)
            runtime.tell(AttemptEnded(*said))
        for words in remarks:
            runtime.tell(Noted(words))
        runtime.settled(len(done))

    def _settlement(self, rung: BatchRung, call: InBatch, outcome: Outcome, now: float) -> Settlement:
        """What one result comes to, at the price that its own step has for the model."""
        own = next(
            (one for one in self._runtime.rungs_of(call.step) if one.name == call.model and batched(one)),
            rung,
        )
        priced = batched(own) or rung
        ask = Ask(call.model, b"", b"", "", 0, call.reserved_pico, 0)
        return settle(priced, ask, Opened(call.attempt_id, 0), outcome, max(0.0, now - call.opened_at))

    @staticmethod
    def _missing(standing: Standing) -> Outcome:
        """What a call comes to that no result names."""
        words = f": {standing.detail}" if standing.detail else ""
        match standing.state:
            case "failed" if standing.wait:
                return not_reached(f"the provider cannot take the batch now{words}", cancelled=True)
            case "failed":
                return not_reached(f"the provider refused the batch{words}")
            case "expired":
                return not_reached("the batch expired before the provider got to it")
            case "cancelled":
                return not_reached("the batch was cancelled before the provider got to it", cancelled=True)
            case _:
                return Outcome(Ending.UNKNOWN, detail="the batch ended without a result for it")
