"""One record's whole story, gathered from the ledger: what came in, what was asked, answered, decided, ruled."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson

from roadworthy._quick import quick
from roadworthy.accept.image import Image
from roadworthy.accept.passage import Passage
from roadworthy.ask.example import EXAMPLES, examples_in, examples_message
from roadworthy.ask.pinned import PASSAGES, passages_in
from roadworthy.call.price import usd
from roadworthy.keep.record import Kept
from roadworthy.keep.records import find_whole
from roadworthy.keep.transaction import (
    Row,
    Transaction,
    Value,
    as_bytes,
    as_float,
    as_int,
    as_text,
    text_or_none,
)
from roadworthy.observe.batched import batch_words


@quick(frozen=True, slots=True)
class Asked:
    """One pinned question: the step, the prompt's version and what was said, by role."""

    id: int
    step: str
    version: str
    messages: tuple[tuple[str, str], ...]
    passages: tuple[Passage, ...] = ()


@quick(frozen=True, slots=True, kw_only=True)
class Tried:
    """One attempt: at most one request on the wire.

    Attributes:
        words: what was added to the question for a re-ask; "" for the question itself.
        state: `settled`, `unknown` (charged at its reservation), `unsent`, or `intent` while on the wire.
        reply: the raw text; None where none came.
        batch: the provider's batch that it went through, in words; "" for none.
    """

    id: int
    question_id: int
    model: str
    served_model: str
    sample: int
    words: str
    output_cap: int
    state: str
    ending: str
    reserved_usd: Decimal
    cost_usd: Decimal | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    provider_id: str
    detail: str
    at: float
    latency_s: float | None
    reply: str | None
    finish: str
    batch: str = ""


@quick(frozen=True, slots=True)
class Reviewed:
    """One question to a person, and what they decided."""

    step: str
    kind: str
    grounds: str
    suggestion: str | None
    at: float
    ruling: str
    correction: str | None
    note: str
    ruled_by: str


@quick(frozen=True, slots=True)
class Drawn:
    """The audit coin of one answer of the record: the epoch it fell into, its chance, and what came of it."""

    step: str
    epoch: int
    share: float
    state: str


@quick(frozen=True, slots=True, kw_only=True)
class Story:
    """Everything the ledger knows of one version of one record.

    Attributes:
        lines: the lines of the input that are this record: (number, first | duplicate | conflict).
        raw: the bytes as they came, where cleaning changed them or the record was rejected.
        cleanings: what cleaning changed: (kind, where, before, after).
        onces: functions that ran once for it: (name, result as JSON, done).
        events: what else happened: (time, kind, words).
    """

    job: str
    entry: str
    record: Kept
    lines: tuple[tuple[int, str], ...]
    raw: bytes | None
    cleanings: tuple[tuple[str, str, str, str], ...]
    questions: tuple[Asked, ...]
    attempts: tuple[Tried, ...]
    reviews: tuple[Reviewed, ...]
    audits: tuple[Drawn, ...]
    label: tuple[str | None, bool | None, str] | None
    onces: tuple[tuple[str, str | None, bool], ...]
    events: tuple[tuple[float, str, str], ...]

    def as_json(self) -> dict[str, object]:
        """JSON; money as text, bytes as text with what is not UTF-8 escaped."""
        found: dict[str, object] = orjson.loads(orjson.dumps(self, default=_plain))
        record = found["record"]
        assert isinstance(record, dict)
        return {**found, "record": {**record, "body": record.pop("stored")}}


def stories(tx: Transaction, app: str, key: str) -> list[Story]:
    """The stories of every record of an app with this key, newest first; versions and jobs each have their own."""
    return [_story(tx, app, as_int(row[0])) for row in tx.rows("records_by_key", app=app, key=key)]


def _story(tx: Transaction, app: str, record_id: int) -> Story:
    record = find_whole(tx, record_id)
    assert record is not None
    origin = tx.row("record_origin", record_id=record_id)
    job = tx.row("job_of_record", record_id=record_id)
    assert origin is not None
    assert job is not None
    label = tx.row("label", app=app, entry=as_text(job[1]), key=record.key, record_id=record_id)
    return Story(
        job=as_text(job[0]),
        entry=as_text(job[1]),
        record=record,
        lines=tuple(
            (as_int(n), as_text(kind)) for n, kind in tx.rows("lines_of_record", record_id=record_id)
        ),
        raw=None if origin[0] is None else as_bytes(origin[0]),
        cleanings=_cleanings(origin[1]),
        questions=tuple(_asked(row) for row in tx.rows("questions", record_id=record_id)),
        attempts=tuple(
            replace(tried, batch=batch_words(tx, tried.id))
            for tried in map(_tried, tx.rows("attempts_of_record", record_id=record_id))
        ),
        reviews=tuple(_reviewed(row) for row in tx.rows("reviews_of_record", record_id=record_id)),
        audits=tuple(
            Drawn(as_text(step), as_int(epoch), as_float(share), as_text(state))
            for _number, step, epoch, share, state in tx.rows("audits_of_record", record_id=record_id)
        ),
        label=None if label is None else _label(label),
        onces=tuple(
            (as_text(name), text_or_none(value), bool(done))
            for name, value, done, _at in tx.rows("onces_of_record", record_id=record_id)
        ),
        events=tuple(
            (as_float(at), as_text(kind), as_text(data))
            for at, kind, data in tx.rows("events_of_record", record_id=record_id)
        ),
    )


def _cleanings(text: Value) -> tuple[tuple[str, str, str, str], ...]:
    if text is None:
        return ()
    return tuple((c["kind"], c["where"], c["before"], c["after"]) for c in orjson.loads(as_text(text)))


def _asked(row: Row) -> Asked:
    question_id, step, version, body, _sample, _at = row
    rows = orjson.loads(as_text(body))
    messages = [(as_text(row["role"]), _told(row)) for row in rows if row["role"] not in {PASSAGES, EXAMPLES}]
    if shown := examples_in(rows):
        messages.insert(-1, ("examples", examples_message(shown).text))
    return Asked(as_int(question_id), as_text(step), as_text(version), tuple(messages), passages_in(rows))


def _told(row: dict[str, Any]) -> str:
    """What a message says; of an image what it is, for its bytes tell a reader nothing."""
    images = (f"[image {n}: {Image(data).told()}]\n" for n, data in enumerate(row.get("images", ()), start=1))
    return "".join(images) + str(row["text"])


def _tried(row: Row) -> Tried:
    (number, question, model, sample, words, cap, state, ending, reserved, cost, tokens_in, tokens_out) = row[
        :12
    ]
    (cached, reasoning, served, provider_id, detail, at, latency, _run, _key, reply, finish) = row[12:]
    return Tried(
        id=as_int(number),
        question_id=as_int(question),
        model=as_text(model),
        served_model=text_or_none(served) or "",
        sample=as_int(sample),
        words=text_or_none(words) or "",
        output_cap=as_int(cap),
        state=as_text(state),
        ending=text_or_none(ending) or "",
        reserved_usd=usd(as_int(reserved)),
        cost_usd=None if cost is None else usd(as_int(cost)),
        input_tokens=_whole(tokens_in),
        output_tokens=_whole(tokens_out),
        cached_tokens=_whole(cached),
        reasoning_tokens=_whole(reasoning),
        provider_id=text_or_none(provider_id) or "",
        detail=text_or_none(detail) or "",
        at=as_float(at),
        latency_s=None if latency is None else as_float(latency),
        reply=text_or_none(reply),
        finish=text_or_none(finish) or "",
    )


def _reviewed(row: Row) -> Reviewed:
    _, step, kind, grounds, suggestion, _confidence, at, ruling, correction, note, ruled_by, _ruled_at = row
    return Reviewed(
        step=as_text(step),
        kind=as_text(kind),
        grounds=as_text(grounds),
        suggestion=text_or_none(suggestion),
        at=as_float(at),
        ruling=text_or_none(ruling) or "",
        correction=text_or_none(correction),
        note=text_or_none(note) or "",
        ruled_by=text_or_none(ruled_by) or "",
    )


def _label(row: Row) -> tuple[str | None, bool | None, str]:
    answer, correct, source, *_ = row
    return text_or_none(answer), None if correct is None else bool(correct), as_text(source)


def _whole(cell: Value) -> int | None:
    return None if cell is None else as_int(cell)


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return f"{value:f}"
