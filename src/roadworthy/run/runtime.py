"""What an app needs while it works: ledger, lanes, driver, tally. Opened by the app, closed with it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import orjson

from roadworthy._clock import Clock, SystemClock
from roadworthy._errors import LedgerUnavailable, WrongUse
from roadworthy._events import Listener, Noted, hears_spans, silence
from roadworthy._failpoints import failpoint
from roadworthy._settings import Settings
from roadworthy.ask.example import without_examples
from roadworthy.ask.question import Question
from roadworthy.call.batch.rung import batched
from roadworthy.call.driver import Buyer, Driver
from roadworthy.call.endpoint import find_endpoint
from roadworthy.call.lane import Lane
from roadworthy.call.model import Function
from roadworthy.call.rung import EndpointRung, FunctionRung, Rung
from roadworthy.call.transport import PyreqwestTransport, Transport
from roadworthy.decide.confidence import STUDENT, TokenProbability, kinds_of
from roadworthy.keep.attempts import Payer, scopes_of
from roadworthy.keep.jobs import remember_version, set_cap
from roadworthy.keep.ledger import Ledger, bury
from roadworthy.keep.students import find_student
from roadworthy.keep.submissions import namespace_of
from roadworthy.keep.transaction import Change, damaged
from roadworthy.learn.learned import NOTHING, StepLearned
from roadworthy.observe.summary import Did
from roadworthy.run.auditor import Auditor
from roadworthy.run.context import Context, VectorBuyer
from roadworthy.run.entry import Step
from roadworthy.run.keys import KeyWatch
from roadworthy.run.late import Late
from roadworthy.run.plan import Plan
from roadworthy.run.served import ServedModels
from roadworthy.run.sharing import SharedLanes
from roadworthy.run.showing import Showing
from roadworthy.run.states import States
from roadworthy.run.watch import Watch

if TYPE_CHECKING:
    from roadworthy.run.vectors import Embedded, Texts

R = TypeVar("R")
T = TypeVar("T")
_VERSIONS_MAX = 1_000
_REAP_EVERY_S = 2.0
_DAY_S = 86_400.0


class Runtime:
    """An app at work in one event loop.

    Args:
        plan: the app's declarations.
        store: its ledger.
        settings: limits and rates.
        environ: where keys and base URLs are read.
        transport: the one way out; another one is for tests of what needs no wire.

    Raises:
        WrongUse: a model, price or key is wrong; found here, before anything is paid.
    """

    def __init__(
        self,
        plan: Plan,
        store: Ledger,
        settings: Settings,
        environ: Mapping[str, str],
        *,
        clock: Clock | None = None,
        transport: Transport | None = None,
        tell: Listener = silence,
    ) -> None:
        self.plan = plan
        self.store = store
        self.late = Late(store)
        self.settings = settings
        self.clock = clock or SystemClock()
        self._namespaces: dict[int, str] = {}
        self._period = (-1.0, "")
        self.capped: str | None = None
        """The period whose account has the app's cap from this process; a later one's gets it with its first intent."""
        self._payer = ((-1.0, 0, 0, 0), Payer((), "", 0, 0))
        self.tally = Did()
        self.tell = tell
        self.traced = hears_spans(tell)
        """Whether somebody hears of each step, call and check; else those events are not made."""
        self.hang_up: Callable[[], None] | None = None
        """Ends what hands `tell`'s events on."""
        self.stopped = ""
        self.sharing = SharedLanes(store, settings, self.clock, self._lanes_of_name)
        self.bought_before = (
            math.inf
        )  # the last attempt that is not this command's own, where its own come late
        self.driver = Driver(settings, self.clock, tell, self.sharing)
        self.buyer: Buyer = self.driver
        self._transport: Transport = transport or PyreqwestTransport(settings)
        self._lanes: dict[str, Lane] = {}
        self._rungs: dict[str, list[Rung]] = {}
        self._students: dict[int, Rung | None] = {}
        self.served = ServedModels(store, self.tally.served_models)
        self.keys = KeyWatch(self._every_rung, self._lanes, environ, settings, self.clock, self._lane, tell)
        self.auditor = Auditor(plan.name, store, settings, self.clock)
        self.watch = Watch(plan.name, store, settings, self.clock)
        own = plan.payer == plan.name
        self.states = States(plan.payer, store, self.clock, settings.state_look_s, trusting=own)
        self.showing = Showing(plan.payer, store, self.clock, settings, self.namespace)
        self.bugs: set[tuple[str, str]] = set()
        """Those in the team's code that were told: entry, kind and place."""
        self._remembered: set[tuple[str, str]] = set()
        self._contexts: dict[str, Context] = {}
        self.buyer_of: Callable[[Step[Texts, Embedded]], VectorBuyer] = _nobody
        """Who buys vectors that are paid; whoever makes the runtime says it, because buying works with it."""
        self._settlement: asyncio.Event | None = None
        """The next one, where somebody waits for it: for its money, or for another's flight."""
        self._reaped_at = self.clock.monotonic()
        for step in plan.steps:
            self._rungs[step.name] = self._build(step, environ)
            if step.judging is not None:
                self._rungs[step.judging.name] = self._build(step.judging, environ)
            if step.embedding is not None:
                self._rungs[step.embedding.name] = self._build(step.embedding, environ)

    def rungs(self, step: Step[R, T], learned: StepLearned = NOTHING) -> list[Rung]:
        """The models of a step, made ready, cheapest first; its student leads them where it has joined."""
        rungs = self._rungs[step.name]
        student = self._student(step, learned.student) if learned.student else None
        return rungs if student is None else [student, *rungs]

    def use_batches(self) -> None:
        """Word and price every model that has a batch API as it is asked through that."""
        self._rungs = {name: [batched(rung) or rung for rung in rungs] for name, rungs in self._rungs.items()}

    def rungs_of(self, step: str) -> list[Rung]:
        """The models of a step by its name, judges' too; empty where the app has it no more."""
        return self._rungs.get(step, [])

    def lane_of_student(self, step: Step[R, T]) -> Lane:
        """Where a student is asked."""
        return self._lane(f"{STUDENT}{step.name}", None, None)

    def _student(self, step: Step[R, T], number: int) -> Rung | None:
        """A student that joined; None where this machine cannot ask it, which is said once."""
        if number not in self._students:
            from roadworthy.run.pupil import StudentRung  # noqa: PLC0415 - few steps have one

            kept = self.store.read(lambda tx: find_student(tx, number))
            if kept is None:
                raise damaged(f"student {number} of {step.name}", None)
            lane = self.lane_of_student(step)
            try:
                self._students[number] = StudentRung(f"{STUDENT}{step.name}", kept, step.apart, lane)
            except WrongUse as error:
                self._students[number] = None
                self.tell(Noted(f"{STUDENT}{step.name} is passed over: {error}"))
        return self._students[number]

    async def prepare(self, *, buy: bool = True) -> None:
        """Index what changed in every corpus of the app, so that what is wrong with one is told before records are.

        Args:
            buy: whether vectors that are paid may be bought; else passages are found by their words alone.

        Raises:
            WrongUse: a corpus is not there, or holds no text, or its vectors could not be bought.
        """
        for step in self.plan.steps:
            if step.context is not None:
                await self.context(step).prepare(buy=buy)

    def context(self, step: Step[R, T]) -> Context:
        """The corpus of a step at work; steps that declare the same share one."""
        declared = step.context
        assert declared is not None
        name = f"{step.home_folder}|{declared!r}|{step.mask}"
        if name not in self._contexts:
            buyer = None if step.embedding is None else self.buyer_of(step.embedding)
            self._contexts[name] = Context(
                declared, step.home_folder, self.plan.payer, self.store, self.settings, self.tell, buyer
            )
        return self._contexts[name]

    @property
    def lanes(self) -> list[Lane]:
        """Every lane that the app's models use."""
        return list({rung.lane.name: rung.lane for rung in self._every_rung()}.values())

    def payer(self, job_id: int, run_id: int, record_id: int) -> Payer:
        """Whose money a record of this run is asked for with, at this moment."""
        capped = record_id if self.plan.record_budget_pico is not None else 0
        whose = (self.clock.now() // _DAY_S, job_id, run_id, capped)
        known, payer = self._payer
        if known != whose:
            period = self.period()
            scopes = scopes_of(self.plan.payer, period, job_id, capped)
            payer = Payer(scopes, period, run_id, self.store.owner)
            self._payer = whose, payer
        return payer

    def namespace(self, job_id: int) -> str:
        """The namespace of a job's replies: the app's, and within it that of whoever handed the records over."""
        if job_id not in self._namespaces:
            own = self.store.read(lambda tx: namespace_of(tx, job_id))
            self._namespaces[job_id] = f"{self.plan.namespace}/{own}" if own else self.plan.namespace
        return self._namespaces[job_id]

    def period(self) -> str:
        """The budget period that now lies in, UTC: "" for one without end. Every period is whole days."""
        now = self.clock.now()
        day = now // _DAY_S
        if self._period[0] != day:
            self._period = day, self.plan.period(dt.datetime.fromtimestamp(now, dt.UTC))
        return self._period[1]

    def set_caps(self, job_id: int, job_cap_pico: int | None) -> None:
        """Write the app's cap for this period and the job's."""
        period = self.period()
        job, app = scopes_of(self.plan.payer, period, job_id)[:2]
        self.store.write_now(
            lambda tx: (set_cap(tx, job, job_cap_pico), set_cap(tx, app, self.plan.budget_pico))
        )
        self.capped = period

    def reap(self) -> list[int]:
        """Charge what processes that are gone had on the wire."""
        return bury(self.store)

    async def look_for_dead(self) -> None:
        """The same now and then, for whoever waits: a process is known to be gone only once its lease is over."""
        if self.clock.monotonic() - self._reaped_at > _REAP_EVERY_S:
            self._reaped_at = self.clock.monotonic()
            await asyncio.to_thread(self.reap)

    def unseen_version(self, step: Step[R, T], question: Question) -> Change[None] | None:
        """The change that keeps the text behind a prompt version, the first time this process meets it."""
        seen = (step.name, question.version)
        if seen in self._remembered or len(self._remembered) > _VERSIONS_MAX:
            return None
        self._remembered.add(seen)
        system = "\n".join(message.text for message in without_examples(question) if message.role == "system")
        spec = {
            "instructions": system,
            "schema": step.prepared.schema.canonical.decode(),
            "models": [model.name for model in step.models],
        }
        text = orjson.dumps(spec).decode()
        return lambda tx: remember_version(tx, self.plan.name, step.name, question.version, text)

    def unsure(self, undo: Change[None] | None) -> None:
        """An intent may be in the ledger or not, with all that was written beside it: nobody heard.

        Args:
            undo: takes it back where it is there; None where it cannot be.
        """
        self._remembered.clear()
        if undo is not None:
            self.late.leave(undo)

    def settled(self, count: int) -> None:
        """Attempts were settled: wake whoever waits for their money or their replies."""
        if count and self._settlement is not None:
            self._settlement.set()
            self._settlement = None

    async def durable(self, writing: Awaitable[None] | None, count: int) -> None:
        """An outcome that was handed to the ledger is on disk, with so many settlements; at once where none was."""
        if writing is not None:
            await writing
            failpoint("outcome_committed")
            self.settled(count)

    async def wait_for_settlement(self, seconds: float) -> None:
        """Return when an attempt of this process was settled, or after `seconds`."""
        settlement = self._settlement = self._settlement or asyncio.Event()
        try:
            # Not `wait_for`: before Python 3.12 it swallows a cancellation that comes together with the event.
            async with asyncio.timeout(seconds):
                await settlement.wait()
        except TimeoutError:
            self.settled(await self.late.settle())
            await self.look_for_dead()

    async def close(self) -> None:
        """Close the wire and the ledger; what was counted and not kept yet is kept, where that can be."""
        await self.close_wire()
        await self.sharing.close()
        with contextlib.suppress(LedgerUnavailable):
            await asyncio.to_thread(self.watch.keep_all)
        self.store.close()
        if self.hang_up is not None:
            await asyncio.to_thread(self.hang_up)

    async def close_wire(self) -> None:
        """Close every connection; any loop may."""
        await self._transport.close()

    def close_rest(self) -> None:
        """All but the wire, without the loop that it worked in: nothing is at work there any more."""
        with contextlib.suppress(LedgerUnavailable):
            self.watch.keep_all()
        self.store.close()
        if self.hang_up is not None:
            self.hang_up()

    def _lanes_of_name(self) -> Mapping[str, Lane]:
        return self._lanes

    def _every_rung(self) -> list[Rung]:
        return [rung for rungs in self._rungs.values() for rung in rungs]

    def _build(self, step: Step[R, T], environ: Mapping[str, str]) -> list[Rung]:
        prepared = step.prepared
        if step.split is not None:
            _ = step.merging  # says what is missing, before anything is paid
        built: list[Rung] = []
        for model in step.models:
            if model.name.startswith(STUDENT):
                self._refuse_student(step, model.name)
                continue
            if isinstance(model, Function):
                lane = self._lane(f"function/{model.name}", None, None)
                built.append(FunctionRung(model, prepared.schema, lane, self.settings))
                continue
            endpoint = find_endpoint(model, environ, self.plan.prices)
            lane = self._lane(endpoint.lane, model.requests_per_minute, model.tokens_per_minute)
            logprobs = TokenProbability in kinds_of(step.rule.source)
            built.append(
                EndpointRung(
                    model, endpoint, prepared.schema, lane, self._transport, self.settings, logprobs=logprobs
                )
            )
        return built

    @staticmethod
    def _refuse_student(step: Step[R, T], name: str) -> None:
        """A student leads the ladder of its own step, and answers what others answer too."""
        if name != f"{STUDENT}{step.name}" or step.models[0].name != name or len(step.models) == 1:
            raise WrongUse(
                f"{step.name}: write its student first, and a model after it: "
                f'models=["{STUDENT}{step.name}", "openai:gpt-5-nano"].'
            )

    def _lane(self, name: str, requests_per_minute: int | None, tokens_per_minute: int | None) -> Lane:
        if name not in self._lanes:
            self._lanes[name] = Lane(
                name,
                self.settings,
                requests_per_minute=requests_per_minute,
                tokens_per_minute=tokens_per_minute,
            )
        return self._lanes[name]


def _nobody(step: Step[Texts, Embedded]) -> VectorBuyer:
    raise WrongUse(f"{step.name}: nobody buys vectors here. Start the app by its door.")
