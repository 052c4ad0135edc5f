"""Vectors that are paid: bought by a hidden step, so that budget, journal and replies are those of any question."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from roadworthy._errors import Waiting, WrongUse
from roadworthy.accept.intake import record_from_value
from roadworthy.ask.passages import Vectors
from roadworthy.decide.verdict import Accept
from roadworthy.keep.intake import take_direct
from roadworthy.keep.jobs import DIRECT, begin_run, open_job
from roadworthy.keep.records import find_record
from roadworthy.run.context import Asking
from roadworthy.run.desk import Desk
from roadworthy.run.entry import Step
from roadworthy.run.runtime import Runtime
from roadworthy.run.session import Session, WouldAsk
from roadworthy.run.step import run_step
from roadworthy.run.work import begin, run_record

if TYPE_CHECKING:
    from roadworthy.run.vectors import Embedded, Texts


class Embedding:
    """Buys vectors for one step.

    Args:
        runtime: the app at work.
        step: the hidden one, `step.embedding`.
    """

    def __init__(self, runtime: Runtime, step: Step[Texts, Embedded]) -> None:
        self._runtime = runtime
        self._step = step
        self._place: tuple[int, int] | None = None

    async def of_passages(self, texts: list[str]) -> Vectors:
        """Vectors of passages: a record of the app's own, so that the same texts are bought once.

        Raises:
            WrongUse: they could not be had; says why.
        """
        runtime, step, given = self._runtime, self._step, {"texts": texts}
        taken = record_from_value(given, schema=step.record_schema, key=step.key, settings=runtime.settings)
        job_id, run_id = await self._job()
        kept = await runtime.store.write(lambda tx: take_direct(tx, job_id, run_id, taken))
        fate = await run_record(step, given, begin(runtime, kept, run_id))
        after = runtime.store.read(lambda tx: find_record(tx, kept.id))
        if fate.outcome != "accepted" or after is None or after.value is None:
            why = f"{fate.outcome} {fate.waiting_for}: {fate.reason}"
            raise WrongUse(
                f"{step.name}: no vectors for {len(texts)} passages: {why}. What was bought is kept."
            )
        return step.read_answer(after.value).vectors

    async def of_query(self, text: str, session: Asking) -> Vectors | None:
        """The vector of what a record asks for, bought for that record; None where it may not be bought, which is noted.

        Raises:
            Waiting: for budget or provider.
        """
        assert isinstance(session, Session)
        given, pinned = {"texts": [text]}, session.question_id
        desk = Desk(session, self._step.name, given)
        try:
            verdict = await run_step(self._step, given, desk)
        except WouldAsk:
            said = text.encode()
            name = hashlib.sha256(self._step.name.encode() + b"\0" + said).digest()
            session.unembedded[name] = (self._step.name, len(said))
            return None
        finally:
            await asyncio.shield(desk.finish())
            session.question_id = pinned
        if not isinstance(verdict, Accept):
            raise Waiting("provider", f"{self._step.name}: {verdict.grounds}")
        return verdict.valid.value.vectors

    async def _job(self) -> tuple[int, int]:
        if self._place is None:
            runtime = self._runtime
            store, plan = runtime.store, runtime.plan
            job_id = await store.write(
                lambda tx: open_job(tx, plan.name, self._step.name, DIRECT, plan.payer)
            )
            await asyncio.to_thread(runtime.set_caps, job_id, None)
            run_id = await store.write(lambda tx: begin_run(tx, job_id, store.owner))
            self._place = (job_id, run_id)
        return self._place
