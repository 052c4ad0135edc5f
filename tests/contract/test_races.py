"""Two processes at one moment on Postgres, where nobody waits for a turn to write."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import pytest
from tests import postgres
from tests.conftest import QUICK
from tests.contract.test_money import PIN, request
from tests.ledgers import ask

from roadworthy.accept.record import Record
from roadworthy.call.meter import Opened
from roadworthy.keep.attempts import Payer, Pin, open_attempt, pin_question, reap, scopes_of
from roadworthy.keep.audits import Audited, Policy, coin_secret, enter_epoch, find_audit, put_audit
from roadworthy.keep.batches import plan_batch, queue_attempt
from roadworthy.keep.gates import Test as Gate
from roadworthy.keep.gates import open_gate
from roadworthy.keep.intake import take_direct
from roadworthy.keep.jobs import begin_run, end_run, open_job, put_back_failed
from roadworthy.keep.lanes import claim_probe, open_lane
from roadworthy.keep.ledger import Ledger, open_ledger
from roadworthy.keep.lots import Answer, Lot, open_lot
from roadworthy.keep.record import Fate
from roadworthy.keep.records import claim, claim_all, claim_unfinished, keep
from roadworthy.keep.reviews import Doubt, ask_person
from roadworthy.keep.rulings import FIRST, SECOND, rule, undo
from roadworthy.keep.transaction import Change, Transaction
from roadworthy.run.keeping import sweep

R = TypeVar("R")
WAIT_S = 0.5


@pytest.fixture
def url(postgres_server: postgres.Server) -> str:
    """A new database."""
    return postgres_server.new_database()


@pytest.fixture
def two(url: str) -> Iterator[tuple[Ledger, Ledger]]:
    """One ledger, opened by two processes' worth of stores."""
    first, second = (open_ledger(url, QUICK) for _ in range(2))
    yield first, second
    for store in (first, second):
        store.close()


@contextmanager
def uncommitted(store: Ledger, change: Change[R]) -> Iterator[Future[R]]:
    """A change that is written and not committed while the block runs; committed after it."""
    written, go_on = threading.Event(), threading.Event()

    def held(tx: Transaction) -> R:
        found = change(tx)
        written.set()
        go_on.wait(WAIT_S)  # whoever waits for it meanwhile is let go by the commit
        return found

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(store.write_now, held)
        assert written.wait(10)
        try:
            yield writing
        finally:
            go_on.set()
        writing.result(10)


def job(store: Ledger) -> tuple[int, Payer]:
    """A job, and who pays for it."""
    job_id = store.write_now(lambda tx: open_job(tx, "app", "entry", "job"))
    run_id = store.write_now(lambda tx: begin_run(tx, job_id, store.owner))
    return job_id, Payer(scopes_of("app", "", job_id), "", run_id, store.owner)


def taken(store: Ledger, job_id: int, run_id: int, key: str) -> int:
    """A record that code handed over; its number."""
    record = Record(key, {"key": key}, key.encode() * 32, 0, None)
    return store.write_now(lambda tx: take_direct(tx, job_id, run_id, record)).id


def test_what_a_process_left_on_the_wire_is_charged_to_its_record_once(
    two: tuple[Ledger, Ledger], url: str
) -> None:
    """Two workers that start at one moment would each charge the record for the call that a third one left."""
    first, second = two
    job_id, payer = job(first)
    record_id = taken(first, job_id, payer.run_id, "a")
    pin = Pin(record_id, PIN.step, PIN.version, PIN.fixed, PIN.body)
    gone = open_ledger(url, QUICK)
    left = Payer(payer.scopes, "", payer.run_id, gone.owner)
    assert isinstance(gone.write_now(lambda tx: open_attempt(tx, request(1), pin, left)), Opened)
    gone.close()

    def bury(store: Ledger) -> Change[None]:
        return lambda tx: reap(tx, store.gone(tx))

    with uncommitted(first, bury(first)):
        second.write_now(bury(second))
    assert ask(url, "SELECT attempts, cost_pico, deaths FROM record") == [(1, 100, 1)]


def test_two_readers_of_one_audit_who_rule_at_one_moment_disagree(
    two: tuple[Ledger, Ledger], url: str
) -> None:
    """Each would see its own ruling alone: an audit that is disputed would count as the slower one says, settled by nobody."""
    first, second = two
    job_id, payer = job(first)
    record_id = taken(first, job_id, payer.run_id, "a")
    first.write_now(lambda tx: keep(tx, record_id, Fate("accepted", value='{"mood":"good"}', model="m")))
    first.write_now(lambda tx: put_audit(tx, Audited(record_id, 1, "item", 0.5, picked=True)))
    audit = first.read(lambda tx: find_audit(tx, record_id, "item"))
    assert audit is not None
    for reader in (FIRST, SECOND):
        doubt = Doubt("entry", b"s" * 32, "audit", "audit", '{"mood":"good"}', None, audit[0], reader)
        first.write_now(lambda tx, doubt=doubt: ask_person(tx, record_id, doubt))  # type: ignore[misc] # bound now
    one, two_ = (number for (number,) in ask(url, "SELECT id FROM review ORDER BY reader"))
    with uncommitted(first, lambda tx: rule(tx, one, "right", None, "ann")):
        assert second.write_now(lambda tx: rule(tx, two_, "wrong", '{"mood":"bad"}', "bob"))
    assert ask(url, "SELECT state FROM audit") == [("disputed",)]
    assert ask(url, "SELECT count(*) FROM review WHERE ruling IS NULL AND reader = 2") == [(1,)]


def test_names_of_two_models_that_come_at_one_moment_are_both_kept(
    two: tuple[Ledger, Ledger], url: str
) -> None:
    """One name would be lost: another model behind it later would be taken for its first, and open no epoch."""
    first, second = two
    policy = Policy("app", "step", "abc", 0, 0.05)
    epoch = first.write_now(lambda tx: enter_epoch(tx, policy, "small", "small-2026"))
    with uncommitted(first, lambda tx: enter_epoch(tx, policy, "large", "large-2026")):
        other = second.write_now(lambda tx: enter_epoch(tx, policy, "huge", "huge-2026"))
    assert other.id == epoch.id
    ((served,),) = ask(url, "SELECT served FROM epoch")
    assert all(name in served for name in ("small-2026", "large-2026", "huge-2026"))


def test_a_record_that_a_newcomer_claimed_meanwhile_is_left_to_it(
    two: tuple[Ledger, Ledger], url: str
) -> None:
    """Who waited for a lock while a process began would take its records from it: both would work on them."""
    first, second = two
    job_id, payer = job(first)
    ids = [taken(first, job_id, payer.run_id, key) for key in "ab"]
    with ThreadPoolExecutor(1) as pool:
        with uncommitted(first, lambda tx: claim(tx, ids[0], first.owner)):
            claiming = pool.submit(second.write_now, lambda tx: claim_all(tx, ids, second.owner))
            threading.Event().wait(WAIT_S / 3)
            newcomer = open_ledger(url, QUICK)
            assert newcomer.write_now(lambda tx: claim(tx, ids[1], newcomer.owner))
        claimed = claiming.result(10)
    assert claimed == set()
    assert ask(url, "SELECT owner FROM record ORDER BY id") == [(first.owner,), (newcomer.owner,)]
    newcomer.close()


def test_records_handed_over_at_one_moment_have_a_line_each(two: tuple[Ledger, Ledger], url: str) -> None:
    """The slower one would take the other's line: that record would be in no count, report or output of its job."""
    first, second = two
    job_id, payer = job(first)
    records = [Record(key, {"key": key}, key.encode() * 32, 0, None) for key in "ab"]
    with uncommitted(first, lambda tx: take_direct(tx, job_id, payer.run_id, records[0])):
        second.write_now(lambda tx: take_direct(tx, job_id, payer.run_id, records[1]))
    assert ask(url, "SELECT count(DISTINCT record_id) FROM line") == [(2,)]
    assert ask(url, "SELECT count(*) FROM record JOIN line ON line.number = record.line") == [(2,)]


def test_queued_calls_are_planned_into_one_batch(two: tuple[Ledger, Ledger], url: str) -> None:
    """The slower one would plan a batch without a call: an empty one would be sent, refused, and told as a refusal."""
    first, second = two
    job_id, payer = job(first)
    record_id = taken(first, job_id, payer.run_id, "a")
    pin = Pin(record_id, PIN.step, PIN.version, PIN.fixed, PIN.body)
    first.write_now(lambda tx: queue_attempt(tx, request(1), pin, payer, app="app", body=b"{}"))

    def plan(store: Ledger) -> Change[int]:
        return lambda tx: plan_batch(tx, "app", "m", store.owner, calls_max=9, bytes_max=99, overhead=1)

    with uncommitted(first, plan(first)) as planned:
        assert second.write_now(plan(second)) == 0
    assert planned.result() > 0
    assert ask(url, "SELECT calls FROM batch") == [(1,)]


@pytest.mark.parametrize("other", ["b", "c"])
def test_gates_that_are_opened_at_one_moment_are_noted_once_each(
    two: tuple[Ledger, Ledger], url: str, other: str
) -> None:
    """Two candidates would end in a mistake of ours, and one that two processes test would be noted as two uses of delta."""
    first, second = two
    tests = [Gate("app", "step", "a", new, "", 0.01) for new in ("b", other)]
    with uncommitted(first, lambda tx: open_gate(tx, tests[0], lambda number: 0.05 / 2**number)):
        opened = second.write_now(lambda tx: open_gate(tx, tests[1], lambda number: 0.05 / 2**number))
    count = len({"b", other})
    assert opened.number == count
    assert ask(url, "SELECT count(*) FROM gate") == [(count,)]
    assert ask(url, "SELECT count(*) FROM event WHERE kind = 'delta_spent'") == [(count,)]


def test_a_lot_that_is_opened_at_one_moment_is_noted_once(two: tuple[Ledger, Ledger], url: str) -> None:
    """One use of delta would be noted as two, or a lot hold each of its answers twice."""
    first, second = two
    job_id, _ = job(first)
    lot = Lot(0, "app", "step", job_id, 1, 0.1, 0.05, 1, "open", "{}", 0.0)
    answers = [Answer(1, "item", True, (0.5,), "m")]
    with uncommitted(first, lambda tx: open_lot(tx, lot, answers)):
        second.write_now(lambda tx: open_lot(tx, lot, answers))
    assert ask(url, "SELECT count(*) FROM lot_row") == [(1,)]
    assert ask(url, "SELECT count(*) FROM event WHERE kind = 'delta_spent'") == [(1,)]


def test_what_a_run_takes_up_meanwhile_keeps_its_contents(two: tuple[Ledger, Ledger], url: str) -> None:
    """Retention would erase what it read about before: a record that is being worked on would have lost its body."""
    first, second = two
    job_id, payer = job(first)
    record_id = taken(first, job_id, payer.run_id, "a")
    first.write_now(lambda tx: keep(tx, record_id, Fate("accepted", value="{}", model="m")))
    first.write_now(lambda tx: end_run(tx, payer.run_id, 0, "{}"))
    with ThreadPoolExecutor(1) as pool:
        with uncommitted(first, lambda tx: begin_run(tx, job_id, first.owner)):
            sweeping = pool.submit(sweep, second, "app", time.time() + 60, dry_run=False)
            threading.Event().wait(WAIT_S / 3)
        assert sweeping.result(10).records == 0
    assert ask(url, "SELECT count(*) FROM record WHERE body IS NULL") == [(0,)]


def test_a_record_that_ended_between_the_page_and_the_claim_is_left(
    two: tuple[Ledger, Ledger], url: str
) -> None:
    """It would be worked on as it stood before: what its functions do outside would be done twice."""
    first, second = two
    job_id, payer = job(first)
    ids = [taken(first, job_id, payer.run_id, key) for key in "abc"]
    for one in ids:
        first.write_now(lambda tx, one=one: keep(tx, one, Fate("pending")))  # type: ignore[misc] # bound now

    def finish(tx: Transaction) -> None:
        keep(tx, ids[0], Fate("accepted", value="{}", model="m"))
        keep(tx, ids[1], Fate("waiting", "budget", reason="no money"))

    with ThreadPoolExecutor(1) as pool:
        with uncommitted(first, finish):
            claiming = pool.submit(
                second.write_now,
                lambda tx: claim_unfinished(tx, job_id, payer.run_id, after=0, count=9, owner=second.owner),
            )
            threading.Event().wait(WAIT_S / 3)
        found = [(kept.id, kept.outcome) for _, kept in claiming.result(10)]
    assert found == [(ids[1], "waiting"), (ids[2], "pending")]
    assert ask(url, "SELECT owner FROM record ORDER BY id") == [(None,), (second.owner,), (second.owner,)]


def test_a_probe_that_a_newcomer_claimed_meanwhile_is_left_to_it(
    two: tuple[Ledger, Ledger], url: str
) -> None:
    """Two processes would try a provider that is down, where one at a time is what it is told it gets."""
    first, second = two
    first.write_now(lambda tx: open_lane(tx, "lane", first.owner, 0.0, 0.0))
    held, go_on, came = threading.Event(), threading.Event(), list[int]()

    def claimed(tx: Transaction) -> bool:
        open_lane(tx, "lane", first.owner, 0.0, 0.0)
        held.set()
        go_on.wait(10)
        return claim_probe(tx, "lane", came[0], 60.0, 0.0)

    with ThreadPoolExecutor(2) as pool:
        first_claims = pool.submit(first.write_now, claimed)
        assert held.wait(10)
        claim_now = {"name": "lane", "owner": second.owner, "span_s": 60.0, "now": 0.0}
        second_claims = pool.submit(second.write_now, lambda tx: bool(tx.change("claim_probe", claim_now)))
        threading.Event().wait(WAIT_S / 3)
        newcomer = open_ledger(url, QUICK)
        came.append(newcomer.owner)
        go_on.set()
        assert (first_claims.result(10), second_claims.result(10)) == (True, False)
    newcomer.close()


def test_a_ruling_that_somebody_gave_meanwhile_is_not_taken_back(
    two: tuple[Ledger, Ledger], url: str
) -> None:
    """Who clicks `undo` twice would take back what another person said in between, and nobody would know."""
    first, second = two
    job_id, payer = job(first)
    record_id = taken(first, job_id, payer.run_id, "a")
    doubt = Doubt("entry", b"s" * 32, "doubt", "not sure", '{"mood":"good"}')
    first.write_now(lambda tx: ask_person(tx, record_id, doubt))
    ((review,),) = ask(url, "SELECT id FROM review")
    assert first.write_now(lambda tx: rule(tx, review, "right", None, "ann"))

    def corrected(tx: Transaction) -> None:
        assert undo(tx, "app", "ann") is not None
        assert rule(tx, review, "wrong", '{"mood":"bad"}', "bob")

    with uncommitted(first, corrected):
        assert second.write_now(lambda tx: undo(tx, "app", "ann")) is None
    assert ask(url, "SELECT ruling, ruled_by FROM review") == [("wrong", "bob")]
    assert ask(url, "SELECT label FROM label") == [('{"mood":"bad"}',)]


def test_failed_records_that_two_runs_put_back_at_one_moment_are_asked_once(
    two: tuple[Ledger, Ledger], url: str
) -> None:
    """The second run would raise the sample once more, under the first one's feet: what that one bought would be bought again."""
    first, second = two
    job_id, payer = job(first)
    record_id = taken(first, job_id, payer.run_id, "a")
    pin = Pin(record_id, PIN.step, PIN.version, PIN.fixed, PIN.body)
    question_id = first.write_now(lambda tx: pin_question(tx, pin))
    failed = Fate("failed", reason="no", question_id=question_id)
    first.write_now(lambda tx: keep(tx, record_id, failed))
    with uncommitted(first, lambda tx: put_back_failed(tx, job_id)):
        assert second.write_now(lambda tx: put_back_failed(tx, job_id)) == 0
    assert ask(url, "SELECT sample FROM question") == [(1,)]


def test_a_coin_that_two_processes_toss_at_one_moment_falls_once(
    two: tuple[Ledger, Ledger], url: str
) -> None:
    """Each would toss with a secret of its own, or twice for one answer: who is checked would not be chance's choice any more."""
    first, second = two
    job_id, payer = job(first)
    record_id = taken(first, job_id, payer.run_id, "a")

    def toss(tx: Transaction, *, picked: bool) -> tuple[str, bool]:
        return coin_secret(tx).reveal(), put_audit(tx, Audited(record_id, 1, "item", 0.5, picked=picked))

    with uncommitted(first, lambda tx: toss(tx, picked=True)) as tossing:
        late = second.write_now(lambda tx: toss(tx, picked=False))
    assert tossing.result(10) == (late[0], True)
    assert not late[1]
    assert ask(url, "SELECT state FROM audit") == [("pending",)]
