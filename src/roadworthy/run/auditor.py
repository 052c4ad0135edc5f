"""The auditor of an app at work: whose answers are drawn for a check, and what stands back meanwhile."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, TypeVar

from roadworthy._secret import Secret
from roadworthy._settings import Settings
from roadworthy.decide.promise import Promise
from roadworthy.decide.verdict import Accept, Hold, Review, Verdict
from roadworthy.keep.alarms import ALARM, Alarm
from roadworthy.keep.audits import (
    Audited,
    Epoch,
    Policy,
    coin_secret,
    enter_epoch,
    find_audit,
    put_audit,
    stamp,
)
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.reviews import Doubt, ask_person
from roadworthy.keep.rulings import FIRST, PERSON, SECOND
from roadworthy.keep.transaction import Transaction
from roadworthy.learn.claim import Claim
from roadworthy.learn.coin import is_audited
from roadworthy.observe.certified import claim_for, claims
from roadworthy.observe.watched import share_now
from roadworthy.run.entry import Step
from roadworthy.run.policy import version_of
from roadworthy.run.watch import raise_alarms, standing

if TYPE_CHECKING:
    from roadworthy._clock import Clock
    from roadworthy.keep.record import Kept

R = TypeVar("R")
T = TypeVar("T")
_REST = 50  # times as long as a look took, until the next one
HELD = "held until the step is certified: its answers are accepted by the same run command once it is"


class Case(Protocol):
    """One step of one record, as far as an audit needs it."""

    @property
    def kept(self) -> Kept:
        """The record."""

    @property
    def subject(self) -> bytes:
        """The hash of what the step is asked about."""

    @property
    def since(self) -> int:
        """The number of the state since which the step's answers come about as this one did."""

    @property
    def vouched(self) -> str | None:
        """The answer that a person called right, as JSON text."""


class Auditor:
    """Audits of an app's steps in one process.

    What it has seen of the ledger it keeps: the coin's secret and the epochs that answers fell into. So a draw is one
    statement.

    Args:
        app: the app's name.
        store: its ledger.
        settings: `audit_share`, `certificate_confidence`, `second_reader_share`, `certificate_look_s`.
        clock: when the claim was last looked at.
    """

    def __init__(self, app: str, store: Ledger, settings: Settings, clock: Clock) -> None:
        self.app = app
        self.settings = settings
        self.secret: Secret | None = None
        self._store = store
        self._clock = clock
        self._epochs: dict[str, Epoch] = {}
        self._policies: dict[tuple[str, int], Policy] = {}
        self._claims: dict[str, tuple[float, Claim]] = {}  # until when each is good
        self._alarms: dict[str, list[Alarm]] = {}
        self._looked_until = -math.inf

    def judge(self, step: Step[R, T], desk: Case, verdict: Verdict[T]) -> tuple[Verdict[T], Draw | None]:
        """What becomes of a verdict where the step makes a promise, and the coin that goes with it.

        A person's answer is nobody's to audit. While an alarm stands nothing new is accepted; what was accepted before
        stays.
        """
        promise = step.promise
        if promise is None or not isinstance(verdict, Accept) or verdict.valid.reply.model == PERSON:
            return verdict, None
        draw = Draw(self, self.policy(step, promise, desk.since), desk, verdict)
        if (words := self.alarm(step.name)) and not self._store.read(draw.is_known):
            return Review(f"alarm: {words}", verdict.valid.body, verdict.confidence), None
        if promise.hold and desk.vouched != draw.answer and not self.claim(step, promise).is_certified:
            return Hold(HELD), draw
        return verdict, draw

    def is_certified(self, step: Step[R, T]) -> bool:
        """Whether an answer of the step that is accepted now is covered by a certificate."""
        return step.promise is not None and self.claim(step, step.promise).is_certified

    def policy(self, step: Step[R, T], promise: Promise, since: int) -> Policy:
        """How the step's answers come about in this process and since that state."""
        if (step.name, since) not in self._policies:
            share = promise.share(self.settings.audit_share)
            self._policies[step.name, since] = Policy(self.app, step.name, version_of(step), since, share)
        return self._policies[step.name, since]

    def claim(self, step: Step[R, T], promise: Promise) -> Claim:
        """The step's certificates, at most `certificate_look_s` old; older where counting takes long."""
        now = self._clock.monotonic()
        seen = self._claims.get(step.name)
        if seen is None or now >= seen[0]:
            found = self._store.read(lambda tx: claim_for(tx, self.app, step.name, promise, self.settings))
            if raise_alarms(self._store, self.app, {step.name: promise}, self.settings):
                self.look_again()
            after = self._clock.monotonic()
            rest_s = max(self.settings.certificate_look_s, _REST * (after - now))
            seen = self._claims[step.name] = (after + rest_s, found)
        return seen[1]

    def alarm(self, step: str) -> str:
        """Why everything of a step goes to review; "" where it does not."""
        return next((alarm.words for alarm in self._standing(step) if alarm.kind == ALARM), "")

    def share(self, policy: Policy) -> float:
        """The chance that an answer is picked with by now; the share of its policy, or more."""
        return share_now(policy.share, self._standing(policy.step), self.settings)

    def look_again(self) -> None:
        """Something was raised in this process: see it with the next answer."""
        self._looked_until = -math.inf

    def _standing(self, step: str) -> list[Alarm]:
        now = self._clock.monotonic()
        if now >= self._looked_until:
            self._alarms = standing(self._store, self.app)
            self._looked_until = now + self.settings.certificate_look_s
        return self._alarms.get(step, [])

    def epoch(self, policy: Policy, asked: str, served: str) -> Epoch | None:
        """The epoch an answer belongs to, as far as this process knows."""
        known = self._epochs.get(policy.step)
        return known if known is not None and known.fits(policy, asked, served) else None

    def saw(self, secret: Secret, epoch: Epoch) -> None:
        """What a draw found in the ledger is on disk."""
        self.secret = secret
        self._epochs[epoch.policy.step] = epoch


class Draw:
    """The coin of one accepted answer: written with the outcome, the same whenever it is written.

    Args:
        policy: how the answer came about.
        desk: the step of the record.
        verdict: the answer.
    """

    def __init__(self, auditor: Auditor, policy: Policy, desk: Case, verdict: Accept[T]) -> None:
        self._auditor = auditor
        self._policy = policy
        self._kept = desk.kept
        self._subject = desk.subject
        self._reply = verdict.valid.reply
        self._confidence = verdict.confidence
        self.answer = verdict.valid.body.decode()
        digest = hashlib.sha256(self._subject + self.answer.encode("utf-8", "surrogatepass"))
        self.item = digest.hexdigest()[:32]
        self._found: tuple[Secret, Epoch] | None = None

    def is_known(self, tx: Transaction) -> bool:
        """Whether the coin was drawn before."""
        return find_audit(tx, self._kept.id, self.item) is not None

    def write(self, tx: Transaction) -> None:
        """Draw it, unless it was drawn; a picked answer is put to a person, some of them to two."""
        auditor, settings = self._auditor, self._auditor.settings
        secret = auditor.secret or coin_secret(tx)
        asked, served = self._reply.model, self._reply.served_model
        epoch = auditor.epoch(self._policy, asked, served) or enter_epoch(tx, self._policy, asked, served)
        self._found = secret, epoch
        share = auditor.share(self._policy)
        name, version = f"{self._kept.id} {self.item} {self._kept.key}", str(epoch.id)
        picked = is_audited(secret, name, version, share)
        if not put_audit(tx, Audited(self._kept.id, epoch.id, self.item, share, picked)) or not picked:
            return
        known = find_audit(tx, self._kept.id, self.item)
        assert known is not None
        self._ask(tx, known[0], FIRST)
        second = settings.second_reader_share
        if second and is_audited(secret, name, f"{version} second reader", min(1.0, second)):
            self._ask(tx, known[0], SECOND)

    def committed(self) -> None:
        """It is on disk."""
        if self._found is not None:
            self._auditor.saw(*self._found)

    def _ask(self, tx: Transaction, audit_id: int, reader: int) -> None:
        grounds = "audit: accepted, and picked by chance to be checked"
        step = self._policy.step
        doubt = Doubt(step, self._subject, "audit", grounds, self.answer, self._confidence, audit_id, reader)
        ask_person(tx, self._kept.id, doubt)


def stamp_all(store: Ledger, app: str, promises: Mapping[str, Promise], settings: Settings) -> None:
    """Mark each accepted record as covered or not, as the certificates stand now; raise what the rulings tell."""
    if not promises:
        return
    raise_alarms(store, app, promises, settings)
    found = store.read(lambda tx: claims(tx, app, promises, settings))

    def change(tx: Transaction) -> None:
        for claim in found:
            for epoch in claim.certified:
                stamp(tx, epoch, certified=True)
        for claim in found:
            for epoch in claim.uncertified:
                stamp(tx, epoch, certified=False)

    store.write_now(change)
