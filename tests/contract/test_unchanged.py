"""Records that come again: what is read and not written is what would have been written as it is."""

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledgers import ask

from roadworthy._settings import DEFAULTS
from roadworthy.accept.record import Record, Unusable
from roadworthy.call.meter import Ask, Opened, Settlement
from roadworthy.call.reply import Ending
from roadworthy.keep.attempts import Payer, Pin, find_reply, open_attempt, scopes_of, settle_attempt
from roadworthy.keep.held import HELD_MOST, Held, find_held, find_question
from roadworthy.keep.intake import find_direct, find_unchanged, take_in
from roadworthy.keep.jobs import begin_run, open_job
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.record import Fate
from roadworthy.keep.records import find_record, keep
from roadworthy.keep.reviews import Doubt, ask_person, is_put, open_reviews
from roadworthy.keep.rulings import rule
from roadworthy.keep.store import SqliteStore

Units = list[Record | Unusable]
ENTRIES = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("112"), st.booleans()), max_size=10)
TABLES = (
    "SELECT id, key, version, line, outcome, body FROM record ORDER BY id",
    "SELECT number, record_id, kind FROM line ORDER BY number",
)


def record(key: str, body: str, line: int) -> Record:
    """A record with this key and body."""
    return Record(key, {"id": key, "body": body}, hashlib.sha256(body.encode()).digest(), line, None)


def units(entries: list[tuple[str, str, bool]]) -> Units:
    """An input: (key, body, whether it is usable) by line."""
    return [
        record(key, body, number) if usable else Unusable(key, number, b"x", f"line {number}")
        for number, (key, body, usable) in enumerate(entries, start=1)
    ]


def begin(store: Ledger) -> tuple[int, int]:
    """(job, run)."""
    job = store.write_now(lambda tx: open_job(tx, "a", "e", "j"))
    return job, store.write_now(lambda tx: begin_run(tx, job, store.owner))


def take(store: Ledger, job: int, run: int, batch: Units) -> list[int]:
    """Take a batch in, and accept what it brought: the numbers of the records to look at."""
    if not batch:
        return []
    firsts = store.write_now(lambda tx: take_in(tx, job, run, batch, owner=store.owner))
    for kept, _ in firsts:
        if kept.outcome == "pending":
            store.write_now(lambda tx, i=kept.id: keep(tx, i, Fate("accepted", value="{}")))  # type: ignore[misc] # bound now
    return [kept.id for kept, _ in firsts]


@settings(deadline=None, max_examples=60)
@given(ENTRIES, ENTRIES)
def test_an_input_read_with_and_without_writing_leaves_the_same_ledger(
    first: list[tuple[str, str, bool]], second: list[tuple[str, str, bool]]
) -> None:
    """A line would be lost, counted twice, or be another record's, where what is unchanged is not written again."""
    found: list[tuple[list[object], set[int]]] = []
    for skips in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "l.db"
            store = SqliteStore(place, DEFAULTS)
            job, run = begin(store)
            take(store, job, run, units(first))
            batch, known = units(second), {}
            if skips and batch:
                known = store.read(lambda tx, j=job, b=batch: find_unchanged(tx, j, b))  # type: ignore[misc] # bound now
            worked_on = take(store, job, run, [item for item in batch if item.line not in known])
            worked_on += [kept.id for kept in known.values()]
            store.close()
            found.append(([ask(str(place), query) for query in TABLES], set(worked_on)))
    assert found[0] == found[1]


def test_what_is_unchanged_is_read_as_it_stands(store: Ledger) -> None:
    """A run over known records would judge another record, or write what is there already."""
    job, run = begin(store)
    batch: Units = [record("a", "1", 1), record("b", "1", 2), record("c", "1", 3), record("é\"'", "1", 4)]
    take(store, job, run, batch)
    again: Units = [*batch[:1], record("b", "2", 2), record("c", "1", 5), batch[3], record("new", "1", 6)]
    known = store.read(lambda tx: find_unchanged(tx, job, again))
    assert [(line, kept.key, kept.outcome) for line, kept in known.items()] == [
        (1, "a", "accepted"),
        (4, "é\"'", "accepted"),
    ]
    whole = store.read(lambda tx: find_record(tx, known[1].id))
    assert whole is not None
    assert (known[1].body_hash, known[1].value, known[1].stored) == (whole.body_hash, whole.value, None)


def answered(
    store: Ledger, job: int, run: int, record_id: int, number: int, text: str | None = "reply"
) -> Ask:
    """A request of a record that was sent: its question and its reply, where one came, are in the ledger."""
    key = hashlib.sha256(f"{record_id} {number}".encode()).digest()
    request = Ask(f"m{number}", b"{}", key, "", 10, 100, 10)
    pin = Pin(record_id, "s", "v", bytes([number]) * 32, f'["q{number}"]')
    payer = Payer(scopes_of("a", "", job), "", run, store.owner)
    opened = store.write_now(lambda tx: open_attempt(tx, request, pin, payer))
    assert isinstance(opened, Opened)
    ending = Ending.AUTH if text is None else Ending.OK
    done = Settlement(opened.attempt_id, 100, "settled", ending, 50, 0.1, text=text, finish="stop")
    store.write_now(lambda tx: settle_attempt(tx, done, payer.scopes))
    return request


def test_what_is_held_of_many_is_what_each_holds(store: Ledger) -> None:
    """A batch of known records would be judged by other replies, questions or rulings than one record alone."""
    job, run = begin(store)
    ids = take(store, job, run, [record("a", "1", 1), record("b", "1", 2), record("c", "1", 3)])
    asks = [answered(store, job, run, record_id, number) for number, record_id in enumerate(ids[:2], start=1)]
    store.write_now(lambda tx: ask_person(tx, ids[2], Doubt("s", b"x" * 32, "doubt", "unsure", '"a"', None)))
    (review,) = store.read(lambda tx: open_reviews(tx, "a", 0, 9))
    assert store.read(lambda tx: find_held(tx, ids)).ruled == frozenset(), "nobody has ruled yet"
    store.write_now(lambda tx: rule(tx, review.id, "right", None, "ann"))

    held = store.read(lambda tx: find_held(tx, ids))
    assert held.ruled == frozenset({ids[2]})
    for number, (record_id, request) in enumerate(zip(ids[:2], asks, strict=True), start=1):
        fixed = bytes([number]) * 32
        one = store.read(lambda tx, i=record_id, f=fixed: find_question(tx, i, "s", f))  # type: ignore[misc] # bound now
        assert held.questions is not None
        assert one is not None
        assert held.questions[record_id, "s", fixed] == one
        assert held.reply(request.key) == store.read(lambda tx, k=request.key: find_reply(tx, k))  # type: ignore[misc] # bound now
    assert held.reply(b"?" * 32) is None


def test_a_question_to_a_person_is_put_again_where_it_is_another_one(store: Ledger) -> None:
    """A person would see old grounds or an old suggestion, or each run would write the queue anew."""
    job, run = begin(store)
    (record_id,) = take(store, job, run, [record("a", "1", 1)])
    doubt = Doubt("s", b"x" * 32, "doubt", "unsure", '"a"', 0.1)
    assert not store.read(lambda tx: is_put(tx, record_id, doubt))
    store.write_now(lambda tx: ask_person(tx, record_id, doubt))
    assert store.read(lambda tx: is_put(tx, record_id, doubt))
    others = [
        replace(doubt, grounds="other"),
        replace(doubt, suggestion=None),
        replace(doubt, confidence=0.2),
    ]
    others += [replace(doubt, step="t"), replace(doubt, subject=b"y" * 32), replace(doubt, audit_id=1)]
    assert not any(store.read(lambda tx, d=other: is_put(tx, record_id, d)) for other in others)  # type: ignore[misc] # bound now
    (review,) = store.read(lambda tx: open_reviews(tx, "a", 0, 9))
    store.write_now(lambda tx: rule(tx, review.id, "right", None, "ann"))
    assert store.read(lambda tx: is_put(tx, record_id, others[0])), "what was answered is not asked again"


def test_a_record_handed_over_is_found_with_what_is_held_of_it(store: Ledger) -> None:
    """A record that code hands over again would be taken for a new one, or judged without its reply or its ruling."""
    job, run = begin(store)
    given_record = record("a", "1", 1)
    (record_id,) = take(store, job, run, [given_record])
    request = answered(store, job, run, record_id, 1)
    found = store.read(lambda tx: find_direct(tx, job, given_record))
    assert found is not None
    kept, held = found
    assert (kept.id, kept.outcome, held.ruled) == (record_id, "accepted", frozenset())
    assert held == store.read(lambda tx: find_held(tx, [record_id]))
    assert held.reply(request.key) is not None
    assert store.read(lambda tx: find_direct(tx, job, record("a", "2", 1))) is None
    assert store.read(lambda tx: find_direct(tx, job, record("b", "1", 1))) is None

    for number in range(2, HELD_MOST + 1):
        answered(store, job, run, record_id, number)
    found = store.read(lambda tx: find_direct(tx, job, given_record))
    assert found is not None
    assert found[1] == Held(frozenset()), "so many are looked up one by one"


def test_a_request_that_brought_no_reply_is_held_as_none(store: Ledger) -> None:
    """A record handed over again after its account was closed would end with "the ledger is damaged"."""
    job, run = begin(store)
    given_record = record("a", "1", 1)
    (record_id,) = take(store, job, run, [given_record])
    refused = answered(store, job, run, record_id, 1, text=None)
    bought = answered(store, job, run, record_id, 2)
    found = store.read(lambda tx: find_direct(tx, job, given_record))
    assert found is not None
    assert found[1].reply(refused.key) is None
    assert found[1].reply(bought.key) is not None
    assert found[1] == store.read(lambda tx: find_held(tx, [record_id]))
