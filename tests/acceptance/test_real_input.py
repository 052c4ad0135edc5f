"""Banking77's 3,080 real messages through a ladder of two recorded models with 10 % faults."""

import signal
import subprocess
import time
from decimal import Decimal

import pytest
from tests.acceptance.bench import APP, Bench, recorded

from roadworthy.vet.bill import LoggedRequest

PICO = Decimal(10) ** 12
STATES = ("accepted", "rejected", "failed", "pending")
SETTLED = "SELECT coalesce(sum(cost_pico), 0) FROM attempt WHERE state = 'settled'"


def fates(summary: dict[str, object]) -> int:
    """Everything that was read, by where it stands."""
    waiting = summary["waiting"]
    assert isinstance(waiting, dict)
    return sum(int(str(summary[state])) for state in STATES) + sum(waiting.values())


def seen_whole(row: LoggedRequest) -> bool:
    """Whether a client can know what this request was billed."""
    return not {"reset", "cut", "hang"} & set((row.fault or "").split("+"))


@pytest.mark.timeout(400)
def test_every_record_ends_every_attempt_is_a_request_every_cost_is_billed(banking: Bench) -> None:
    """A record would be lost, a request go unrecorded, or a cost differ from the bill (P1, P4, P5)."""
    summary = banking.run(APP, "messages.jsonl", "-o", "out.jsonl")
    assert fates(summary) == summary["records"] == 3080
    assert summary["pending"] == 0

    bill, log = banking.sim.bill(), banking.sim.requests()
    ((attempts,),) = banking.ask("banking77.db", "SELECT count(*) FROM attempt WHERE state <> 'unsent'")
    assert attempts == bill.total.requests == len(log)

    ((settled,),) = banking.ask("banking77.db", SETTLED)
    billed = sum((row.cost_usd or Decimal(0) for row in log if seen_whole(row)), Decimal(0))
    assert Decimal(settled) / PICO == billed
    assert Decimal(summary["job_cost_usd"]) >= (bill.total.cost_usd or 0)
    ((unknown,),) = banking.ask("banking77.db", "SELECT count(*) FROM attempt WHERE state = 'unknown'")
    assert unknown == sum(not seen_whole(row) for row in log) == summary["unknown"]

    answers = recorded()
    accepted = [row for row in banking.rows("out.jsonl") if row["outcome"] == "accepted"]
    assert len(accepted) == summary["accepted"] > 3000
    assert {row["key"] for row in banking.rows("out.jsonl")} == set(answers)
    for row in accepted:
        assert row["value"] == {"intent": answers[row["key"]][row["model"].removeprefix("openai:")]}
    print(summary, bill)  # the figures of the closing note

    again = banking.run(APP, "messages.jsonl", "-o", "again.jsonl")
    assert banking.sim.bill().total.requests == bill.total.requests
    assert (again["attempts"], again["cost_usd"]) == (0, "0")
    assert banking.rows("again.jsonl") == banking.rows("out.jsonl")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_five_kills_change_nothing_but_what_was_in_flight(banking: Bench) -> None:
    """A killed run would lose records, pay again for replies it had, or end otherwise (P1, P2)."""
    undisturbed = banking.run(APP, "messages.jsonl", "-o", "calm.jsonl", ROADWORTHY_LEDGER="calm.db")
    without_kills = _answers(banking)
    banking.sim.reset()

    in_flight = 0
    for count in (200, 700, 1300, 1900, 2600):
        running = banking.start("run", APP, "messages.jsonl", "--json")
        _wait_for_requests(banking, count, running)
        running.send_signal(signal.SIGKILL)
        assert running.wait(10) == -signal.SIGKILL, "the kill landed on a process that was done"
        ((open_now,),) = banking.ask("banking77.db", "SELECT count(*) FROM attempt WHERE state = 'intent'")
        assert open_now > 0, "the kill landed on an idle process"
        in_flight += open_now
    summary = banking.run(APP, "messages.jsonl", "-o", "out.jsonl")

    assert (summary["records"], summary["pending"]) == (3080, 0)
    results = [(row["key"], row["outcome"], row["value"], row["model"]) for row in banking.rows("out.jsonl")]
    assert results == [
        (row["key"], row["outcome"], row["value"], row["model"]) for row in banking.rows("calm.jsonl")
    ]
    # Whole answers: a request that is sent again after a kill meets faults of its own, as often as any other.
    assert without_kills <= _answers(banking) <= without_kills + in_flight
    requests = banking.sim.bill().total.requests
    died = "SELECT count(*), sum(cost_pico = reserved_pico) FROM attempt WHERE detail LIKE 'the process that sent it died%'"
    ((count, charged),) = banking.ask("banking77.db", died)
    assert count == charged == in_flight
    ((attempts,),) = banking.ask("banking77.db", "SELECT count(*) FROM attempt WHERE state <> 'unsent'")
    assert requests <= attempts <= requests + in_flight, (
        "an intent whose request never left is the only surplus"
    )
    print(f"{without_kills=} {requests=} {in_flight=}", undisturbed["job_cost_usd"], summary["job_cost_usd"])


def _answers(bench: Bench) -> int:
    """How many requests were answered as they should be."""
    return sum(not row.fault for row in bench.sim.requests())


def _wait_for_requests(bench: Bench, count: int, running: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 120
    while bench.sim.bill().total.requests < count:
        assert time.monotonic() < ends, "the run did not get so far"
        assert running.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
