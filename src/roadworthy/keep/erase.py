"""Erasing contents: what came in, what was asked, what came back and what people wrote. Accounts stay.

An account is an attempt with its model, ending, tokens and money, a record's outcome, who ruled when, and a run.
Retention (`gc`) keeps what a record is recognized by, so that the same input later is the same record; its replies are
gone and may be bought again. Forgetting removes that too: the same input later is a new record.

A run writes nothing for a record that it merely sees again, so retention goes by the run: what a line of a job names
was seen by the job's newest run. What no line names any more, and what code handed over directly, was last seen when
it last changed.

A reply belongs to the record that bought it. Another record that asked the very same question used it and holds its
own answer; that stays. Judged anew it would ask again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import orjson

from roadworthy._errors import LedgerUnavailable
from roadworthy._quick import quick
from roadworthy.keep.jobs import DIRECT
from roadworthy.keep.transaction import Transaction, as_int, as_text

OUTLIVED = "its contents were removed by retention"
FORGOTTEN = "forgotten: its contents were erased"


@quick(frozen=True, slots=True)
class Contents:
    """How much a set of records holds.

    Attributes:
        size: characters and bytes of bodies, originals, answers and replies.
    """

    records: int
    replies: int
    size: int


@quick(frozen=True, slots=True)
class Compacted:
    """What writing a ledger anew came to.

    Attributes:
        before_bytes, after_bytes: how much room it takes.
        put_off: why it was not done, and what was removed may still be in the ledger; "" where it was done.
        beyond: where copies of what was removed may be that no ledger can reach; "" for nowhere.
    """

    before_bytes: int
    after_bytes: int
    put_off: str = ""
    beyond: str = ""


def outlived(tx: Transaction, app: str, before: float, after: int, count: int) -> list[int]:
    """The next records that ended and were not seen since `before` (seconds since 1970)."""
    rows = tx.rows("outlived", app=app, before=before, after=after, count=count, direct=DIRECT)
    return [as_int(row[0]) for row in rows]


def hold_outlived(tx: Transaction, app: str, before: float, after: int, count: int) -> None:
    """Until the commit no run of these jobs begins, and nobody changes what is outlived now; it is looked up after that."""
    if not tx.concurrent:
        return
    tx.change("hold_jobs", app=app)
    for record_id in outlived(tx, app, before, after, count):
        tx.change("hold_record", record_id=record_id)


def contents(tx: Transaction, record_ids: Iterable[int]) -> Contents:
    """How much these records hold."""
    wanted = list(record_ids)
    found = [tx.row("contents_of", record_id=record_id) for record_id in wanted]
    rows = [row for row in found if row is not None]
    beside = [tx.row("pieces_length", record_id=record_id) for record_id in wanted]
    size = sum(as_int(row[1]) for row in rows) + sum(as_int(row[0]) for row in beside if row is not None)
    return Contents(len(rows), sum(as_int(row[0]) for row in rows), size)


def outlive(tx: Transaction, record_id: int) -> None:
    """Remove what retention removes of one record."""
    place = tx.row("place_of_record", record_id=record_id)
    assert place is not None
    _job_id, app, entry, key, _outcome, _run = place
    _erase(tx, record_id, OUTLIVED)
    tx.change("erase_onces", record_id=record_id)
    tx.change("erase_label", app=app, entry=entry, key=key)


def of_key(tx: Transaction, app: str, key: str) -> dict[str, list[int]]:
    """Every record of a key by namespace, in every job and version: candidates' copies and lines that used the key again included."""
    found: dict[str, list[int]] = {}
    for record_id, namespace in tx.rows("copies_of_key", app=app, key=key):
        found.setdefault(as_text(namespace), []).append(as_int(record_id))
    pattern = "".join(f"!{letter}" if letter in "!%_" else letter for letter in key) + "@%"
    for record_id, kept, line, namespace in tx.rows("conflicts_of_key", app=app, pattern=pattern):
        if kept == f"{key}@{as_int(line)}":
            found.setdefault(as_text(namespace), []).append(as_int(record_id))
    return found


def forget(tx: Transaction, app: str, key: str, record_id: int) -> None:
    """Remove everything that one record said and is recognized by."""
    place = tx.row("place_of_record", record_id=record_id)
    assert place is not None
    _erase_version_specs(tx, as_text(place[1]), record_id)
    _erase(tx, record_id, FORGOTTEN)
    _erase_examples(tx, record_id)
    tx.change("drop_open_reviews", record_id=record_id)
    tx.change("drop_onces", record_id=record_id)
    tx.change("forget_audits", record_id=record_id)
    tx.change("forget_lots", record_id=record_id)
    tx.change("forget_submissions", record_id=record_id)
    tx.change("drop_labels", app=app, key=key, record_id=record_id)
    tx.change("erase_identity", record_id=record_id, key=forgotten_key(record_id), body_hash=b"")


def forgotten_key(record_id: int) -> str:
    """What a forgotten record is called from then on."""
    return f"forgotten-{record_id}"


def check_idle(tx: Transaction, record_ids: Iterable[int], app: str, is_alive: Callable[[int], bool]) -> None:
    """Nobody works on these records; else what is erased would be written again.

    Raises:
        LedgerUnavailable: a run of one of their jobs is under way, or one of them is being asked.
    """
    if tx.concurrent:
        tx.change("hold_jobs", app=app)
    alive = {
        as_int(job_id): as_text(name)
        for _run, owner, job_id, name, _entry in tx.rows("runs_under_way", app=app)
        if is_alive(as_int(owner))
    }
    for record_id in record_ids:
        place = tx.row("place_of_record", record_id=record_id)
        on_the_wire = tx.row("open_of_record", record_id=record_id)
        assert place is not None
        assert on_the_wire is not None
        job = alive.get(as_int(place[0]))
        if job is None:
            continue
        if job != DIRECT:
            raise LedgerUnavailable(
                f"The job {job!r} is running and may hold this record. Wait for its end, or stop it: "
                "roadworthy cancel APP. Nothing was erased."
            )
        if as_int(on_the_wire[0]) or place[4] == "pending":
            raise LedgerUnavailable("This record is being asked just now. Try again; nothing was erased.")


def _erase(tx: Transaction, record_id: int, reason: str) -> None:
    tx.change("erase_replies", record_id=record_id)
    tx.change("erase_attempt_words", record_id=record_id)
    tx.change("erase_batch_calls", record_id=record_id)
    tx.change("erase_questions", record_id=record_id, fixed=b"")
    tx.change("erase_events", record_id=record_id)
    for row in tx.rows("reviews_of_record", record_id=record_id):
        # The subject is what finds a ruling again; a ruling without its answer must not be found.
        review_id = as_int(row[0])
        tx.change("erase_review", review_id=review_id, subject=b"erased-%d" % review_id)
    tx.change("erase_pieces", record_id=record_id)
    tx.change("erase_record", record_id=record_id, reason=reason)


def _erase_examples(tx: Transaction, record_id: int) -> None:
    """Questions that show the record as an example go on without it. Asked again they are other questions."""
    for question_id, body in tx.rows("questions_with_example", record_id=record_id):
        rows = orjson.loads(as_text(body))
        for row in rows:
            if "shown" in row:
                row["shown"] = [one for one in row["shown"] if one[0] != record_id]
        left = [row for row in rows if row.get("shown", True)]
        tx.change("put_question_body", question_id=as_int(question_id), body=orjson.dumps(left).decode())
    tx.change("drop_example", record_id=record_id)


def _erase_version_specs(tx: Transaction, app: str, record_id: int) -> None:
    """The text behind a prompt's version is that of the first record asked: words of its own go with it."""
    for step, version, body in tx.rows("question_versions", record_id=record_id):
        spec = tx.row("app_version", app=app, step=step, version=version)
        if spec is None or body == "[]":
            continue
        other = tx.row("question_of_another", step=step, version=version, record_id=record_id)
        if other is not None and _system(as_text(other[0])) == _system(as_text(body)):
            continue
        known = orjson.loads(as_text(spec[0]))
        if known.get("instructions"):
            text = orjson.dumps({**known, "instructions": ""}).decode()
            tx.change("put_version_spec", app=app, step=step, version=version, spec=text)


def _system(body: str) -> list[str]:
    return [message["text"] for message in orjson.loads(body) if message["role"] == "system"]
