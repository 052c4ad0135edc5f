"""Records in the ledger: taken in once, versions, duplicates, conflicts, rejections."""

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledgers import ask

from roadworthy._settings import DEFAULTS
from roadworthy.accept.record import Record, Unusable
from roadworthy.keep.intake import take_in
from roadworthy.keep.jobs import begin_run, open_job
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.record import Fate
from roadworthy.keep.records import claim_unfinished, fates, find_record, keep, open_records, page_lines
from roadworthy.keep.store import SqliteStore


def record(key: str, body: str, line: int) -> Record:
    """A record with this key and body."""
    return Record(key, {"id": key, "body": body}, hashlib.sha256(body.encode()).digest(), line, None)


def begin(store: Ledger) -> tuple[int, int]:
    """(job, run)."""
    job = store.write_now(lambda tx: open_job(tx, "a", "e", "j"))
    return job, store.write_now(lambda tx: begin_run(tx, job, store.owner))


def lines(store: Ledger, job: int) -> list[tuple[int, str, str, str]]:
    """(number, kind, key, outcome) of every line."""
    return [
        (line.number, line.kind, line.key, line.outcome)
        for line in store.read(lambda tx: page_lines(tx, job, 0, 1_000))
    ]


def test_duplicates_share_a_fate_and_conflicts_are_rejected(store: Ledger) -> None:
    """A line would be lost from the accounts, or two records would answer to one key."""
    job, run = begin(store)
    batch: list[Record | Unusable] = [
        record("a", "1", 1),
        record("a", "1", 2),
        record("a", "2", 3),
        Unusable("b", 4, b"x", "not JSON"),
    ]
    firsts = store.write_now(lambda tx: take_in(tx, job, run, batch, owner=store.owner))
    assert [kept.key for kept, _ in firsts] == ["a"]
    store.write_now(lambda tx: keep(tx, firsts[0][0].id, Fate("accepted", value="{}")))
    assert [row[1] for row in lines(store, job)] == ["first", "duplicate", "conflict", "first"]
    outcomes, _ = store.read(lambda tx: fates(tx, job))
    assert outcomes == {"accepted": 2, "rejected": 2, "failed": 0, "waiting": 0, "pending": 0}


def test_a_line_that_cannot_be_used_never_hides_a_usable_record_behind_it(store: Ledger) -> None:
    """A corrected record below its broken line was rejected as a conflict, and accepted by the next run."""
    job, run = begin(store)
    batch: list[Record | Unusable] = [
        Unusable("a", 1, b"x", "no"),
        record("a", "1", 2),
        record("a", "1", 3),
        record("a", "2", 4),
    ]
    for _ in range(2):
        firsts = store.write_now(lambda tx: take_in(tx, job, run, batch, owner=store.owner))
        assert [kept.line for kept, _ in firsts] == [2]
        kinds = [(kind, outcome) for _, kind, _, outcome in lines(store, job)]
        assert kinds == [
            ("first", "rejected"),
            ("first", "pending"),
            ("duplicate", "pending"),
            ("conflict", "rejected"),
        ]


def test_a_batch_that_is_new_is_taken_in_as_its_lines_would_be_one_by_one(store: Ledger, ledger: str) -> None:
    """What is written for a whole batch at once would not be what is written where one of its lines is unusable."""
    batch: list[Record | Unusable] = [record(key, key, line) for line, key in enumerate("abc", start=1)]
    taken = []
    for name, more in (("whole", []), ("mixed", [Unusable("x", 4, b"x", "no")])):
        job = store.write_now(lambda tx, name=name: open_job(tx, "a", "e", name))  # type: ignore[misc] # bound at once
        run = store.write_now(lambda tx, job=job: begin_run(tx, job, store.owner))  # type: ignore[misc] # as above
        items = [*batch, *more]
        firsts = store.write_now(
            lambda tx, job=job, run=run, items=items: take_in(tx, job, run, items, owner=store.owner)  # type: ignore[misc] # as above
        )
        written = ask(
            ledger,
            "SELECT line.number, line.kind, record.key, record.version, record.line, record.body, record.outcome, "
            "record.owner, record.pieces, record.cleanings, record.id FROM line JOIN record ON record.id = line.record_id "
            f"WHERE line.job_id = {int(job)} AND line.number <= 3 ORDER BY line.number",
        )
        assert [kept.id for kept, _ in firsts] == [row[-1] for row in written]
        taken.append([row[:-1] for row in written])
    assert taken[0] == taken[1]
    assert len(taken[0]) == 3


def test_the_same_input_again_changes_nothing(store: Ledger, ledger: str) -> None:
    """A resumed run would take records in twice."""
    job, run = begin(store)
    batch: list[Record | Unusable] = [
        record("a", "1", 1),
        Unusable("a", 2, b"x", "no"),
        record("a", "1", 3),
        record("c", "9", 4),
    ]
    store.write_now(lambda tx: take_in(tx, job, run, batch, owner=store.owner))
    before = lines(store, job)
    _, second = begin(store)
    firsts = store.write_now(lambda tx: take_in(tx, job, second, batch, owner=store.owner))
    assert lines(store, job) == before
    assert [kept.version for kept, _ in firsts] == [1, 1]
    ((count,),) = ask(ledger, "SELECT count(*) FROM record")
    assert count == 3


def test_two_runs_that_read_the_same_input_at_once_agree(store: Ledger, ledger: str) -> None:
    """A second process on the same job would take a duplicate for a first, or a conflict for a new version."""
    job, older = begin(store)
    _, newer = begin(store)
    batch = [record("a", "1", 1), record("b", "1", 2), record("a", "1", 3), record("b", "2", 4)]
    for run, item in [
        (older, batch[0]),
        (newer, batch[0]),
        (newer, batch[1]),
        (older, batch[1]),
        *((run, item) for item in batch[2:] for run in (older, newer)),
    ]:
        store.write_now(lambda tx, run=run, item=item: take_in(tx, job, run, [item], owner=store.owner))  # type: ignore[misc] # a default
    assert [row[1] for row in lines(store, job)] == ["first", "first", "duplicate", "conflict"]
    ((count,),) = ask(ledger, "SELECT count(*) FROM record")
    assert count == 3


def test_another_body_in_a_later_run_is_a_new_version(store: Ledger) -> None:
    """An edited record would keep the answer of its old text."""
    job, run = begin(store)
    firsts = store.write_now(lambda tx: take_in(tx, job, run, [record("a", "1", 1)], owner=store.owner))
    store.write_now(lambda tx: keep(tx, firsts[0][0].id, Fate("accepted", value="{}")))
    _, second = begin(store)
    again = store.write_now(lambda tx: take_in(tx, job, second, [record("a", "2", 1)], owner=store.owner))
    assert (again[0][0].version, again[0][0].outcome) == (2, "pending")
    assert lines(store, job) == [(1, "first", "a", "pending")]


def test_a_fate_reads_back_as_it_was_written(store: Ledger) -> None:
    """A record whose outcome did not change would be written again at every run."""
    job, run = begin(store)
    firsts = store.write_now(lambda tx: take_in(tx, job, run, [record("a", "1", 1)], owner=store.owner))
    fate = Fate(
        "waiting", "review", "low", '{"x":1}', 0.5, certified=False, model="m", mended="fence", question_id=3
    )
    store.write_now(lambda tx: keep(tx, firsts[0][0].id, fate))
    kept = store.read(lambda tx: find_record(tx, firsts[0][0].id))
    assert kept is not None
    assert fate.is_of(kept)


def test_unfinished_are_pending_and_waiting_for_money_or_provider(store: Ledger) -> None:
    """A resumed run would pass over a record that can go on, or disturb one that waits for a person."""
    job, run = begin(store)
    batch: list[Record | Unusable] = [record(str(n), str(n), n) for n in range(1, 7)]
    firsts = store.write_now(lambda tx: take_in(tx, job, run, batch, owner=store.owner))
    ends = [
        Fate("accepted"),
        Fate("waiting", "budget"),
        Fate("waiting", "provider"),
        Fate("waiting", "review"),
        Fate("failed"),
    ]
    for (kept, _), fate in zip(firsts, ends, strict=False):
        store.write_now(lambda tx, i=kept.id, f=fate: keep(tx, i, f))  # type: ignore[misc] # a lambda's default
    found = store.write_now(lambda tx: claim_unfinished(tx, job, run, after=0, count=10, owner=store.owner))
    assert [kept.key for _, kept in found] == ["2", "3", "6"]
    left = {"pending": 1, "budget": 1, "provider": 1, "review": 1}
    assert store.read(lambda tx: open_records(tx, job)) == left


def test_what_is_left_of_a_job_is_left_of_its_input(store: Ledger) -> None:
    """A run would go round for a record that its input no longer has, and that it never comes by."""
    job, run = begin(store)
    batch: list[Record | Unusable] = [record(key, key, line) for line, key in enumerate("abc", start=1)]
    store.write_now(lambda tx: take_in(tx, job, run, batch, owner=store.owner))
    shorter: list[Record | Unusable] = [record("c", "c", 1)]
    store.write_now(lambda tx: take_in(tx, job, run, shorter, owner=store.owner))
    store.write_now(lambda tx: tx.change("drop_lines_after", job_id=job, number=1))
    assert store.read(lambda tx: open_records(tx, job)) == {"pending": 1}
    assert store.read(lambda tx: fates(tx, job))[0]["pending"] == 1


@settings(deadline=None)  # a disk that others use keeps a test waiting
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("12"), st.booleans()), max_size=12))
def test_every_line_that_was_read_is_counted(entries: list[tuple[str, str, bool]]) -> None:
    """Accepted + rejected + failed + waiting + pending would not be the records read."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "l.db", DEFAULTS)
        job, run = begin(store)
        batch: list[Record | Unusable] = [
            record(key, body, number) if usable else Unusable(key, number, b"x", f"line {number}")
            for number, (key, body, usable) in enumerate(entries, start=1)
        ]
        for _ in range(2):
            store.write_now(lambda tx, r=run: take_in(tx, job, r, batch, owner=store.owner))  # type: ignore[misc] # a lambda's default
            outcomes, _waiting = store.read(lambda tx: fates(tx, job))
            assert sum(outcomes.values()) == len(entries)
            first = lines(store, job)
            _, run = begin(store)
        store.write_now(lambda tx: take_in(tx, job, run, batch, owner=store.owner))
        assert lines(store, job) == first
        store.close()


STANDS = Fate("accepted", value='{"a":1}', confidence=0.9, model="one")
NEWS = {
    "outcome": replace(STANDS, outcome="failed"),
    "waiting_for": replace(STANDS, waiting_for="review"),
    "reason": replace(STANDS, reason="a person said so"),
    "value": replace(STANDS, value='{"a":2}'),
    "confidence": replace(STANDS, confidence=0.5),
    "model": replace(STANDS, model="another"),
    "mended": replace(STANDS, mended="fence"),
    "question_id": replace(STANDS, question_id=7),
}


@pytest.mark.parametrize("news", NEWS.values(), ids=NEWS.keys())
def test_a_fate_is_written_where_any_part_of_it_is_news(store: Ledger, news: Fate) -> None:
    """A record would go on saying what was true before: a fate that the ledger says already is not written again."""
    job, run = begin(store)
    ((kept, _),) = store.write_now(lambda tx: take_in(tx, job, run, [record("a", "1", 1)], owner=store.owner))
    store.write_now(lambda tx: keep(tx, kept.id, STANDS))
    now = store.read(lambda tx: find_record(tx, kept.id))
    assert now is not None
    assert STANDS.is_of(now)
    assert replace(STANDS, certified=True, state=9).is_of(now), "it is stamped apart, and history"
    assert not news.is_of(now)
