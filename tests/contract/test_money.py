"""The ledger's money: reserved before the wire, settled after it, never above a cap."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tests.ledgers import Rows, ask

from roadworthy import App, Function, Prompt
from roadworthy._errors import LedgerUnavailable
from roadworthy._settings import DEFAULTS
from roadworthy.accept.record import Record
from roadworthy.call.meter import Ask, Busy, NoMoney, Opened, Settlement
from roadworthy.call.reply import Ending, Reply, Usage
from roadworthy.keep.attempts import Payer, Pin, find_reply, open_attempt, reap, scopes_of, settle_attempt
from roadworthy.keep.batches import drop_queued, queue_attempt
from roadworthy.keep.intake import take_direct, take_in
from roadworthy.keep.jobs import begin_run, open_job, set_cap
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.row import RowOf
from roadworthy.keep.store import SqliteStore
from roadworthy.keep.transaction import (
    Account,
    Transaction,
    as_bytes,
    as_float,
    as_int,
    as_text,
    text_or_none,
)

PIN = Pin(record_id=1, step="s", version="v", fixed=b"f" * 32, body="[]")


def request(number: int, worst: int = 100) -> Ask:
    """A request of its own."""
    key = number.to_bytes(32, "big") if number < 2**200 else b""
    return Ask("m", b"{}", key[::-1], "", 10, worst, 1)


def job(store: Ledger, cap: int | None) -> Payer:
    """A job with a cap, and who pays for it."""
    job_id = store.write_now(lambda tx: open_job(tx, "app", "entry", "job"))
    run_id = store.write_now(lambda tx: begin_run(tx, job_id, store.owner))
    scopes = scopes_of("app", "", job_id)
    store.write_now(lambda tx: set_cap(tx, scopes[0], cap))
    return Payer(scopes, "", run_id, store.owner)


def settled(opened: Opened, cost: int, worst: int = 100, text: str | None = "{}") -> Settlement:
    """An attempt that was answered."""
    return Settlement(opened.attempt_id, worst, "settled", Ending.OK, cost, 0.1, Usage(1, 1), text)


def history(ledger: str) -> list[tuple[int, int]]:
    """(spent, reserved) of the job after each change, replayed from the attempts' ticks."""
    rows = sorted(
        [(as_int(o), 0, as_int(r), 0) for o, _, r, _ in _ticks(ledger)]
        + [(as_int(s), 1, as_int(r), as_int(c)) for _, s, r, c in _ticks(ledger) if s is not None]
    )
    spent = reserved = 0
    seen = []
    for _tick, ended, worst, cost in rows:
        reserved += -worst if ended else worst
        spent += cost
        seen.append((spent, reserved))
    return seen


def _ticks(ledger: str) -> Rows:
    return ask(ledger, "SELECT opened_tick, settled_tick, reserved_pico, cost_pico FROM attempt")


def test_a_request_is_known_by_its_whole_key(store: Ledger, ledger: str) -> None:
    """A request whose key only begins like another's would get that one's answer, or be asked without a question."""
    payer = job(store, None)
    one = replace(request(1), key=b"12345678" + b"a" * 24)
    other = replace(one, key=b"12345678" + b"b" * 24)
    opened = store.write_now(lambda tx: open_attempt(tx, one, PIN, payer))
    assert isinstance(opened, Opened)
    assert store.write_now(lambda tx: open_attempt(tx, one, PIN, payer)) == Busy(store.owner)
    beside = store.write_now(lambda tx: open_attempt(tx, other, PIN, payer))
    assert isinstance(beside, Opened)
    assert beside.question_id not in {0, opened.question_id}
    store.write_now(lambda tx: settle_attempt(tx, settled(opened, 60, text="one"), payer.scopes))
    bought = store.write_now(lambda tx: open_attempt(tx, one, PIN, payer))
    assert isinstance(bought, Reply)
    assert bought.text == "one"
    assert ask(ledger, "SELECT count(*) FROM question") == [(2,)]


def test_a_cap_holds_under_any_concurrency(store: Ledger, ledger: str) -> None:
    """Concurrent callers could together promise more than the cap allows."""
    payer = job(store, 1_000)
    results: list[object] = []

    def work(start: int) -> None:
        for number in range(start, start + 20):
            opened = store.write_now(lambda tx, n=number: open_attempt(tx, request(n + 1), PIN, payer))  # type: ignore[misc]
            results.append(opened)
            if isinstance(opened, Opened):
                store.write_now(lambda tx, o=opened: settle_attempt(tx, settled(o, 60), payer.scopes))  # type: ignore[misc]

    threads = [threading.Thread(target=work, args=(100 * n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    account = store.read(lambda tx: tx.account(payer.scopes[0]))
    assert account.reserved_pico == 0
    assert 900 < account.spent_pico <= 1_000
    assert any(isinstance(result, NoMoney) for result in results)
    assert max(spent + reserved for spent, reserved in history(ledger)) <= 1_000


def test_a_reply_is_bought_once(store: Ledger) -> None:
    """The same request would be sent, and paid, again."""
    payer = job(store, None)
    opened = store.write_now(lambda tx: open_attempt(tx, request(7), PIN, payer))
    assert isinstance(opened, Opened)
    assert isinstance(store.write_now(lambda tx: open_attempt(tx, request(7), PIN, payer)), Busy)
    store.write_now(lambda tx: settle_attempt(tx, settled(opened, 5), payer.scopes))
    again = store.write_now(lambda tx: open_attempt(tx, request(7), PIN, payer))
    assert isinstance(again, Reply)
    assert again.reused
    assert again.text == "{}"


def test_keys_with_the_same_prefix_stay_apart(store: Ledger) -> None:
    """Two requests whose indexed prefixes collide would share one reply."""
    payer = job(store, None)
    first, second = (replace(request(1), key=b"same-pre" + bytes([n]) * 24) for n in (1, 2))
    opened = store.write_now(lambda tx: open_attempt(tx, first, PIN, payer))
    assert isinstance(opened, Opened)
    store.write_now(lambda tx: settle_attempt(tx, settled(opened, 5), payer.scopes))
    assert store.read(lambda tx: find_reply(tx, first.key)) is not None
    assert store.read(lambda tx: find_reply(tx, second.key)) is None


def test_an_attempt_is_settled_once(store: Ledger) -> None:
    """A late second settlement would charge twice."""
    payer = job(store, None)
    opened = store.write_now(lambda tx: open_attempt(tx, request(1), PIN, payer))
    assert isinstance(opened, Opened)
    assert store.write_now(lambda tx: settle_attempt(tx, settled(opened, 40), payer.scopes))
    assert not store.write_now(lambda tx: settle_attempt(tx, settled(opened, 40), payer.scopes))
    account = store.read(lambda tx: tx.account(payer.scopes[0]))
    assert (account.spent_pico, account.reserved_pico) == (40, 0)


def test_an_overrun_is_recorded(store: Ledger) -> None:
    """A provider that bills more than it was allowed to would look like any other."""
    payer = job(store, 100)
    opened = store.write_now(lambda tx: open_attempt(tx, request(1), PIN, payer))
    assert isinstance(opened, Opened)
    store.write_now(lambda tx: settle_attempt(tx, settled(opened, 130), payer.scopes))
    account = store.read(lambda tx: tx.account(payer.scopes[0]))
    assert (account.spent_pico, account.overrun_pico) == (130, 30)


def test_a_change_that_fails_fails_every_waiter_and_changes_nothing(store: Ledger) -> None:
    """A waiter of a broken transaction would wait for ever, or be told of a commit that was not."""

    def broken(tx: Transaction) -> None:
        tx.add("add_job", app="a", entry="e", name="lost", payer="a", now=0.0)
        tx.row("no_such_query")

    async def both() -> tuple[object, object]:
        return await asyncio.wait_for(
            asyncio.gather(
                store.write(broken),
                store.write(
                    lambda tx: tx.add("add_job", app="a", entry="e", name="kept", payer="a", now=0.0)
                ),
                return_exceptions=True,
            ),
            10,
        )

    first, _second = asyncio.run(both())
    assert isinstance(first, KeyError)
    assert store.read(lambda tx: tx.row("job", app="a", entry="e", name="lost")) is None


def test_a_read_only_ledger_says_so(tmp_path: Path) -> None:
    """A ledger that cannot be written would fail with a bare database error."""
    if os.geteuid() == 0:
        path = tmp_path / "ledger.db"
        path.mkdir()
    else:
        path = tmp_path / "ledger.db"
        path.touch(0o400)
    with pytest.raises(LedgerUnavailable, match="cannot be used just now"):
        SqliteStore(path, DEFAULTS)


CHILD = """
import sys, time
sys.path[:0] = sys.argv[2:]
import test_money as t
from tests.conftest import QUICK
from roadworthy.keep.ledger import open_ledger
store = open_ledger(sys.argv[1], QUICK)
payer = t.job(store, 1_000)
store.write_now(lambda tx: t.open_attempt(tx, t.request(1), t.PIN, payer))
print(store.owner, flush=True)
time.sleep(60)
"""


def test_a_dead_process_is_charged_for_what_it_had_on_the_wire(store: Ledger, ledger: str) -> None:
    """A call that may have been made and billed would be given back to the budget."""

    def look() -> list[int]:
        def change(tx: Transaction) -> list[int]:
            gone = store.gone(tx)
            reap(tx, gone)
            return gone

        return store.write_now(change)

    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, ledger, str(Path(__file__).parent), str(Path(__file__).parents[2])],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        owner = int(child.stdout.readline())
        assert look() == []
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        ends = time.monotonic() + 10
        while not (gone := look()) and time.monotonic() < ends:
            time.sleep(0.1)
        assert gone == [owner]
        assert look() == []
    finally:
        child.kill()
        child.wait(10)
        if child.stdout is not None:
            child.stdout.close()
    accounts = store.read(lambda tx: tx.rows("budgets"))
    assert [(row[2], row[3]) for row in accounts if str(row[0]).startswith("job:")] == [(100, 0)]
    assert ask(ledger, "SELECT state FROM attempt") == [("unknown",)]


def test_an_attempt_and_its_reply_are_kept_as_they_were(store: Ledger, ledger: str) -> None:
    """`why` would show another finish, served model, request id or reason than what came back."""
    payer = job(store, None)
    opened = store.write_now(lambda tx: open_attempt(tx, request(3), PIN, payer))
    assert isinstance(opened, Opened)
    said = replace(
        settled(opened, 5),
        finish="stop",
        served_model="m-2026",
        provider_id="req-1",
        detail="slow",
        token_probability=0.5,
    )
    store.write_now(lambda tx: settle_attempt(tx, said, payer.scopes))
    reply = store.read(lambda tx: find_reply(tx, request(3).key))
    assert reply is not None
    assert (reply.finish, reply.served_model, reply.token_probability) == ("stop", "m-2026", 0.5)
    columns = "served_model, provider_id, detail, words, sample, question_id"
    assert ask(ledger, f"SELECT {columns} FROM attempt") == [
        ("m-2026", "req-1", "slow", None, 0, opened.question_id)
    ]


def test_what_was_not_said_is_kept_as_nothing(store: Ledger, ledger: str) -> None:
    """An empty word would be told apart from none by whoever reads the ledger."""
    payer = job(store, None)
    opened = store.write_now(lambda tx: open_attempt(tx, request(3), PIN, payer))
    assert isinstance(opened, Opened)
    store.write_now(lambda tx: settle_attempt(tx, settled(opened, 5), payer.scopes))
    reply = store.read(lambda tx: find_reply(tx, request(3).key))
    assert reply is not None
    assert (reply.finish, reply.served_model, reply.token_probability) == ("", "", None)
    assert ask(ledger, "SELECT served_model, provider_id, detail, words FROM attempt") == [(None,) * 4]


def test_a_pinned_question_is_asked_by_its_own_row_and_sample(store: Ledger, ledger: str) -> None:
    """A question that was asked before would be pinned twice, or a new sample be taken for the old one."""
    payer = job(store, None)
    first = store.write_now(lambda tx: open_attempt(tx, request(1), PIN, payer))
    assert isinstance(first, Opened)
    again = replace(PIN, question_id=first.question_id, sample=2)
    second = store.write_now(lambda tx: open_attempt(tx, request(2), again, payer))
    assert isinstance(second, Opened)
    assert second.question_id == first.question_id
    assert ask(ledger, "SELECT sample FROM attempt ORDER BY id") == [(0,), (2,)]
    assert ask(ledger, "SELECT count(*) FROM question") == [(1,)]


def test_who_has_no_money_is_told_how_much_there_is(store: Ledger) -> None:
    """The message of a budget that is used up would show another cap than the one that holds."""
    payer = job(store, 150)
    assert isinstance(store.write_now(lambda tx: open_attempt(tx, request(1), PIN, payer)), Opened)
    refused = store.write_now(lambda tx: open_attempt(tx, request(2), PIN, payer))
    assert refused == NoMoney(payer.scopes[0], 150, 0, 100, 100)


def test_a_cap_of_a_record_is_an_account_of_its_own() -> None:
    """A record without a cap would open an account, or one with a cap none."""
    assert scopes_of("app", "2026-11", 7) == ("job:7", "app:app:2026-11")
    assert scopes_of("app", "", 7, 9) == ("job:7", "app:app:", "record:9")


def test_death_is_counted_for_each_record_in_flight(store: Ledger, ledger: str) -> None:
    """A record that kills each process that works on it would be tried for ever."""
    payer = job(store, None)
    ((job_id,),) = ask(ledger, "SELECT id FROM job")
    batch = [Record("k", {"a": 1}, b"h" * 32, 1, None)]
    ((kept, _),) = store.write_now(lambda tx: take_in(tx, job_id, payer.run_id, batch, owner=store.owner))
    pin = replace(PIN, record_id=kept.id)
    for number in (1, 2):
        opened = store.write_now(lambda tx, n=number: open_attempt(tx, request(n), pin, payer))  # type: ignore[misc]
        assert isinstance(opened, Opened)
    store.write_now(lambda tx: reap(tx, [payer.owner]))
    assert ask(ledger, "SELECT deaths, attempts, cost_pico FROM record") == [(1, 2, 200)]
    assert ask(ledger, "SELECT DISTINCT latency_s, state FROM attempt") == [(0.0, "unknown")]


def test_a_cell_of_another_kind_is_damage() -> None:
    """A damaged ledger's cells would be taken for numbers, names or nothing."""
    for read, good, bad, kind in (
        (as_int, 3, "3", "a whole number"),
        (as_float, 0.5, "0.5", "a number"),
        (as_text, "a", 1, "where text"),
        (as_bytes, b"a", "a", "bytes"),
        (text_or_none, "a", 1, "where text"),
    ):
        assert read(good) == good
        with pytest.raises(LedgerUnavailable, match=f"damaged.*{kind} belongs"):
            read(bad)
    assert as_float(2) == 2.0
    assert text_or_none(None) is None


def test_a_row_with_a_cell_of_another_kind_is_damage() -> None:
    """A damaged row that comes after sound ones would be taken for one, as their kinds were looked at already."""
    rows = RowOf(lambda *cells: cells, int, str | None, float | int | None, bool, bytes)
    sound = (1, "a", 0.5, 1, b"x")
    assert rows.read(sound) == (1, "a", 0.5, True, b"x")
    assert rows.read((2, None, None, 0, b"")) == (2, None, None, False, b"")
    wrong = {0: (None, "a whole number"), 1: (3, "text"), 2: ("0.5", "a number"), 4: ("x", "bytes")}
    wrong[3] = ("1", "a whole number")
    for place, (cell, kind) in wrong.items():
        with pytest.raises(LedgerUnavailable, match=f"damaged.*{kind} belongs"):
            rows.read((*sound[:place], cell, *sound[place + 1 :]))
        assert rows.read(sound)[3] is True


def test_the_history_of_an_account_is_in_order(store: Ledger, ledger: str) -> None:
    """What was spent and promised at a moment could not be told from the ledger any more."""
    payer = job(store, None)
    assert store.read(lambda tx: tx.account("job:none")) == Account("job:none", None, 0, 0, 0, 0)
    for number in range(3):
        opened = store.write_now(lambda tx, n=number: open_attempt(tx, request(n + 1), PIN, payer))  # type: ignore[misc]
        assert isinstance(opened, Opened)
        store.write_now(lambda tx, o=opened: settle_attempt(tx, settled(o, 60), payer.scopes))  # type: ignore[misc]
    ticks = [tick for opened, settled_at, _, _ in _ticks(ledger) for tick in (opened, settled_at)]
    assert ticks == sorted(set(ticks))


@pytest.mark.parametrize("batch", [False, True])
def test_a_promise_from_before_a_record_s_cap_is_not_taken_from_its_account(
    store: Ledger, *, batch: bool
) -> None:
    """A cap on records that is switched off and on again would count less than nothing as promised, and let more be spent."""
    payer = job(store, None)
    job_id = store.write_now(lambda tx: open_job(tx, "app", "entry", "job"))
    kept = store.write_now(
        lambda tx: take_direct(tx, job_id, payer.run_id, Record("k", {}, b"h" * 32, 0, None))
    )
    pin = replace(PIN, record_id=kept.id)
    capped = replace(payer, scopes=scopes_of("app", "", job_id, kept.id))
    store.write_now(lambda tx: set_cap(tx, capped.scopes[-1], 150))
    opened = store.write_now(lambda tx: open_attempt(tx, request(1), pin, capped))
    assert isinstance(opened, Opened)
    store.write_now(lambda tx: settle_attempt(tx, settled(opened, 60), capped.scopes))

    def queue(tx: Transaction) -> object:
        return queue_attempt(tx, request(2), pin, payer, app="app", body=b"{}")

    if batch:
        store.write_now(queue)
        store.write_now(lambda tx: drop_queued(tx, "app", "taken back"))
    else:
        dead = replace(payer, owner=payer.owner + 1_000)
        store.write_now(lambda tx: open_attempt(tx, request(2), pin, dead))
        store.write_now(lambda tx: reap(tx, [dead.owner]))
    account = store.read(lambda tx: tx.account(capped.scopes[-1]))
    assert (account.spent_pico, account.reserved_pico) == (60, 0)
    no_money = store.write_now(lambda tx: open_attempt(tx, request(3), pin, capped))
    assert no_money == NoMoney(capped.scopes[-1], 150, 60, 0, 100)


def test_who_ran_out_of_time_waiting_for_money_is_told_so(store: Ledger, ledger: str) -> None:
    """A record that found the cap held by calls under way would say that its provider could not be asked in time."""
    app = App("app", budget_usd="0.001", ledger=ledger, settings={"record_deadline_s": 1.0})
    payer = job(store, None)
    held = request(1, worst=10**9)
    assert isinstance(store.write_now(lambda tx: open_attempt(tx, held, PIN, payer)), Opened)

    @app.step(models=[Function(lambda prompt: {"mood": "glad"}, usd_per_call="0.001", name="glad")])
    def feel(note: dict[str, str]) -> Prompt[dict[str, str]]:
        return Prompt("Glad or sad?", note["text"])

    async def scenario() -> None:
        found = await feel.result({"id": "1", "text": "what a day"})
        assert (found.outcome, found.waiting_for) == ("waiting", "provider")
        assert "the cap of app:app: is 0.001000 USD" in found.reason, found.reason
        assert "0.001000 is held for calls under way" in found.reason
        await app.close()

    asyncio.run(scenario())
