"""Corrections as examples: what a state's records say, read where they lie, so that what was forgotten is not shown."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import orjson

from roadworthy._clock import Clock
from roadworthy._errors import Fault, WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.reason import WrongRecord
from roadworthy.ask.build import question_from
from roadworthy.ask.example import without_examples
from roadworthy.ask.question import Shown
from roadworthy.call.reply import Ending, Reply
from roadworthy.check.checked import Checked, Valid
from roadworthy.decide.confidence import without
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.record import Kept
from roadworthy.keep.records import find_record
from roadworthy.keep.rulings import PERSON
from roadworthy.keep.transaction import Transaction, as_bytes, as_text, text_or_none
from roadworthy.learn.judgement import Judgement
from roadworthy.learn.learned import StepLearned
from roadworthy.run.entry import Step
from roadworthy.run.masking import question_of
from roadworthy.run.revive import revived


class Showing:
    """The examples of an app's steps, read anew after `state_look_s`.

    Args:
        app: the app's name.
        store: its ledger.
        clock: how old what was read is.
        settings: `example_bytes_max`, `state_look_s`.
        whose: the namespace of a job's records, by its number.
    """

    def __init__(
        self, app: str, store: Ledger, clock: Clock, settings: Settings, whose: Callable[[int], str]
    ) -> None:
        self._app = app
        self._store = store
        self._clock = clock
        self._settings = settings
        self._whose = whose
        self._known: dict[tuple[str, int], tuple[float, list[tuple[str, Shown]]]] = {}

    def of(
        self, step: Step[Any, Any], learned: StepLearned, *, but: int, namespaces: Collection[str]
    ) -> tuple[Shown, ...]:
        """The examples for one record: at most as many as the step shows, and never its own correction.

        Args:
            namespaces: whose corrections it may be shown.
        """
        if not learned.examples:
            return ()
        place, now = (step.name, learned.since), self._clock.monotonic()
        known = self._known.get(place)
        if known is None or now >= known[0]:
            found = [one for number in learned.examples if (one := self._example(step, number)) is not None]
            known = self._known[place] = (now + self._settings.state_look_s, found)
        fitting = [one for whose, one in known[1] if whose in namespaces and one.record != but]
        return tuple(fitting[: step.examples])

    def _example(self, step: Step[Any, Any], number: int) -> tuple[str, Shown] | None:
        def look(tx: Transaction) -> tuple[Kept | None, Judgement]:
            kept = find_record(tx, number)
            row = None
            if kept is not None:
                row = tx.row("label", app=self._app, entry=step.name, key=kept.key, record_id=kept.id)
            return kept, Judgement() if row is None else _judgement(step, row)

        kept, judgement = self._store.read(look)
        if kept is None:
            return None
        if judgement == Judgement():
            shown = self._store.read(lambda tx: example_within(tx, step, kept, self._settings))
        else:
            shown = example_of(step, kept, judgement, self._settings, self._store)
        return None if shown is None else (self._whose(kept.job_id), shown)


def example_of(
    step: Step[Any, Any], kept: Kept, judgement: Judgement, settings: Settings, store: Ledger
) -> Shown | None:
    """A labelled record as an example; None where it has no contents or no valid answer, or is too long."""
    if kept.stored is None or judgement.right is None:
        return None
    try:
        value = revived(step.record_schema, kept, store)
        question, _ = question_of(step, value, settings, ())
        checked = step.prepared.checker.check(Reply(0, PERSON, Ending.OK, judgement.right, "stop"), value)
    except (WrongRecord, WrongUse, Fault):
        return None
    if not isinstance(checked, Valid):
        return None
    return _shown(step, kept, question.messages[-1].text, checked.body, settings)


def example_within(tx: Transaction, step: Step[Any, Any], kept: Kept, settings: Settings) -> Shown | None:
    """A correction of a step inside a workflow as an example; None where it was asked more than one thing there."""
    corrections = tx.rows("corrected_within", record_id=kept.id, step=step.name)
    asked = tx.rows("questions_of_step", record_id=kept.id, step=step.name)
    if not corrections or len(asked) != 1 or kept.stored is None:
        return None
    question = question_from(as_text(asked[0][1]).encode(), as_text(asked[0][2]), as_bytes(asked[0][3]))
    said = Reply(0, PERSON, Ending.OK, as_text(corrections[0][0]), "stop")
    checked: Checked[Any] = step.without_checks().check(said, None, ())
    if not question.messages or not isinstance(checked, Valid):
        return None
    return _shown(step, kept, without_examples(question)[-1].text, checked.body, settings)


def _shown(step: Step[Any, Any], kept: Kept, asked: str, body: bytes, settings: Settings) -> Shown | None:
    answer = orjson.dumps(without(orjson.loads(body), step.apart)).decode()
    text = f"Input:\n{asked}\nOutput:\n{answer}"
    return Shown(kept.id, text) if len(text.encode()) <= settings.example_bytes_max else None


def _judgement(step: Step[Any, Any], row: tuple[Any, ...]) -> Judgement:
    answer, correct, _source, _at, judged = row
    called = None if correct is None else bool(correct)
    return Judgement(text_or_none(answer), called, text_or_none(judged), step.apart)
