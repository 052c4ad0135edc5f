"""A step's student: trained on its kept answers, and a model of its ladder that costs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson

from roadworthy._errors import Fault, WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.reason import WrongRecord
from roadworthy.accept.record import Json
from roadworthy.ask.example import without_examples
from roadworthy.ask.node import Node, as_node, definitions, target
from roadworthy.ask.question import Question
from roadworthy.call.lane import Lane
from roadworthy.call.meter import Ask
from roadworthy.call.reply import Ending, Outcome, Usage
from roadworthy.call.rung import request_key
from roadworthy.decide.confidence import STUDENT, without
from roadworthy.keep.record import Kept
from roadworthy.keep.records import find_record
from roadworthy.keep.students import KeptStudent
from roadworthy.keep.transaction import Transaction, as_int
from roadworthy.learn.student import Student
from roadworthy.run.entry import Step
from roadworthy.run.masking import question_of

_PAGE = 500


class StudentRung:
    """A student, made ready to be asked.

    Args:
        name: `student:STEP`.
        kept: the student.
        apart: the field of an answer that says how sure it is; the student says its own chance there.
        lane: its lane; nothing in it can fail.
    """

    grows = False

    def __init__(self, name: str, kept: KeptStudent, apart: str, lane: Lane) -> None:
        self.name = name
        self.lane = lane
        self._version = kept.version
        self._apart = apart
        self._student = Student.from_bytes(kept.file)

    def ask(
        self, question: Question, subject: object, *, words: str, room: int, namespace: str, sample: int
    ) -> Ask:
        """The text that it reads, and which student reads it."""
        del room
        body = orjson.dumps({"student": self._version, "text": without_examples(question)[-1].text})
        key = request_key(namespace, self.name, body, sample)
        return Ask(self.name, body, key, words, output_cap=1, worst_pico=0, tokens_likely=0, subject=subject)

    def key(
        self, question: Question, subject: object, *, words: str, room: int, namespace: str, sample: int
    ) -> bytes:
        """The identity of that request alone."""
        return self.ask(question, subject, words=words, room=room, namespace=namespace, sample=sample).key

    async def send(self, ask: Ask, timeout_s: float, now: float) -> Outcome:
        """Answer, in a thread of its own."""
        del timeout_s, now
        text, chance = await asyncio.to_thread(self.answer, orjson.loads(ask.body)["text"])
        return Outcome(
            Ending.OK, text, "stop", served_model=self._version, usage=Usage(), token_probability=chance
        )

    def answer(self, text: str) -> tuple[str, float]:
        """The answer as JSON text, and its chance of being right as the student sees it."""
        guess = self._student.guess([text])[0]
        answer = orjson.loads(guess.label)
        if self._apart and "." not in self._apart and isinstance(answer, dict):
            answer = {**answer, self._apart: round(guess.chance, 4)}
        return orjson.dumps(answer).decode(), guess.chance

    def cost_pico(self, usage: Usage) -> int:
        """Nothing."""
        del usage
        return 0


def wants_student(step: Step[Any, Any]) -> bool:
    """Whether its ladder names its student."""
    return any(model.name == f"{STUDENT}{step.name}" for model in step.models)


def why_not(step: Step[Any, Any]) -> str:
    """Why no student can answer for a step; "" where one can."""
    schema: dict[str, Json] = orjson.loads(step.prepared.schema.canonical)
    defs = definitions(schema)
    fields = as_node(schema["properties"]) if "properties" in schema else {"": schema}
    open_ = [name for name, node in fields.items() if name != step.apart and not _closed(as_node(node), defs)]
    return (
        f"{', '.join(map(repr, open_))} may hold anything; a student chooses among given answers"
        if open_
        else ""
    )


def _closed(node: Node, defs: Node) -> bool:
    if "$ref" in node:
        found = target(node, defs)
        return found is not None and _closed(found[1], {})
    return "enum" in node or "const" in node or node.get("type") == "boolean"


def text_of(step: Step[Any, Any], value: object, settings: Settings) -> str | None:
    """What a student reads of what a step is asked about; None where its prompt cannot be built any more."""
    try:
        return question_of(step, value, settings, ())[0].messages[-1].text
    except (WrongRecord, WrongUse, Fault):
        return None


def label_of(step: Step[Any, Any], answer: str) -> str:
    """What a student learns to say: the answer without how sure someone was of it."""
    plain = without(orjson.loads(answer), step.apart)
    return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS).decode()


def accepted(tx: Transaction, app: str, entry: str) -> Iterator[Kept]:
    """Each accepted record of an entry that has its contents, but for a student's own answers."""
    after = 0
    while page := tx.rows("accepted_records", app=app, entry=entry, after=after, count=_PAGE):
        after = as_int(page[-1][0])
        for (record_id,) in page:
            kept = find_record(tx, as_int(record_id))
            if kept is not None and kept.stored is not None and kept.value is not None:
                yield kept
