"""What a run with batches does when nothing dies: waits, money, cancellation, what people are told."""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from tests.batch.trial import APP, PICO, Trial
from tests.crash import tickets
from tests.ledgers import ask, change

Begin = Callable[..., Trial]
WAITING = "SELECT count(*) FROM record WHERE outcome = 'waiting' AND waiting_for = 'batch'"
SLOW = 3_600.0

pytestmark = pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)


def test_it_costs_half_of_what_it_costs_directly(begin: Begin) -> None:
    """The batch price would be a word in the manual and not in the books."""
    trial = begin("openai", 40)
    trial.sim.script({"faults": {}})
    batched = Decimal(trial.run()["cost_usd"])
    trial.sim.reset()
    done = trial.command("run", str(APP), "tickets.jsonl", "--json", ROADWORTHY_LEDGER="direct.db")
    assert done.returncode == 0, done.stderr
    assert batched * 2 == Decimal(json.loads(done.stdout)["cost_usd"])


def test_the_process_need_not_live_while_the_provider_works(begin: Begin) -> None:
    """A run of half a day would have to be watched, and its records would stand nowhere meanwhile."""
    trial = begin("anthropic", 40, 100, delay_s=SLOW)
    summary = trial.run("--no-wait")
    assert summary["waiting"] == {"batch": 44}
    assert summary["pending"] == 0
    assert Decimal(summary["reserved_usd"]) > 0
    sent = trial.sim.batches()
    again = trial.run("--no-wait")
    assert (again["waiting"], trial.sim.batches()) == ({"batch": 44}, sent)
    told = trial.command("why", str(APP), "T001").stdout
    assert "waiting for a provider's batch" in told
    assert f"with the provider as {sent[0]['id']}" in told
    assert "40 calls to anthropic:small" in trial.command("report", str(APP)).stdout
    checked = trial.command("doctor", str(APP))
    assert "process that" not in checked.stdout
    trial.sim.script({"batches": {"delay_s": 0.0}})
    trial.run()
    assert trial.violations() == []


def test_a_run_without_the_option_fetches_what_is_under_way(begin: Begin) -> None:
    """Answers that are paid for would lie at the provider until they are deleted."""
    trial = begin("gemini", 40, 100, delay_s=0.4)
    trial.run("--no-wait")
    done = trial.command("run", str(APP), "tickets.jsonl", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["waiting"] == {"review": 4}
    assert summary["pending"] == 0
    assert {row.batched for row in trial.sim.requests()} == {True, False}
    bill = trial.sim.bill().total.cost_usd
    assert ask(trial.ledger, "SELECT sum(cost_pico) FROM attempt")[0][0] / PICO == bill


def test_what_batches_do_not_bring_is_asked_directly_where_that_is_declared(begin: Begin) -> None:
    """The last few records would wait for another day each time an answer is not good enough."""
    trial = begin("openai", 40)
    trial.sim.script({"faults": {}})
    summary = trial.run("--direct-after", "1")
    direct = [row for row in trial.sim.requests() if not row.batched]
    assert 0 < len(direct) < 40
    assert summary["accepted"] + summary["waiting"]["review"] + summary["rejected"] == summary["records"]
    bill = trial.sim.bill().total.cost_usd
    assert ask(trial.ledger, "SELECT sum(cost_pico) FROM attempt")[0][0] / PICO == bill


def test_a_cap_that_has_no_room_waits_for_what_batches_give_back(begin: Begin) -> None:
    """A reservation for half a day would stop the run as if the money were spent."""
    trial = begin("openai", 40)
    trial.sim.script({"faults": {}})
    room = trial.run()
    most = Decimal(room["cost_usd"]) * 3
    trial = begin("openai", 40)
    trial.sim.script({"faults": {}})
    ledger = {"ROADWORTHY_LEDGER": "capped.db"}
    words = ("run", str(APP), "tickets.jsonl", "--batch", "--json", "--budget-usd", f"{most:f}")
    done = trial.command(*words, **ledger)
    assert done.returncode == 0, done.stderr[-2_000:]
    summary = json.loads(done.stdout)
    assert len(trial.sim.batches()) > 3
    assert Decimal(summary["cost_usd"]) == trial.sim.bill().total.cost_usd
    assert Decimal(summary["cost_usd"]) <= most


def test_a_creation_whose_answer_is_lost_is_found_by_listing(begin: Begin) -> None:
    """A reset connection would buy a whole batch twice."""
    for name in ("openai", "anthropic", "gemini"):
        trial = begin(name, 30, 100, lost=[1])
        trial.ledger = str(trial.folder / f"{name}.db")
        trial.run()
        assert trial.violations() == []
        assert ask(trial.ledger, "SELECT provider_id FROM batch WHERE id = 1") == [
            (trial.sim.batches()[0]["id"],)
        ]


def test_a_batch_that_the_provider_cannot_take_now_is_sent_again_later(begin: Begin) -> None:
    """A full queue at the provider would count as three tries, and the records would be given up."""
    trial = begin("openai", 30, 100, full=[1, 2, 3, 4])
    trial.run()
    assert trial.violations() == []
    assert [batch["state"] for batch in trial.sim.batches()][:5] == ["failed"] * 4 + ["ended"]


def test_cancel_stops_batches_and_keeps_what_they_answered(begin: Begin) -> None:
    """A batch would go on and be billed, and what it answered until then would be bought again."""
    trial = begin("openai", 40, 100, delay_s=SLOW)
    trial.run("--no-wait")
    done = trial.command("cancel", str(APP), "--json")
    said = json.loads(done.stdout)
    assert (said["batches"], said["batches_left"]) == (1, 0)
    states: dict[str, int] = dict(ask(trial.ledger, "SELECT state, count(*) FROM attempt GROUP BY state"))
    assert "intent" not in states
    assert states["unsent"] == 20
    assert (
        Decimal(ask(trial.ledger, "SELECT sum(cost_pico) FROM attempt")[0][0]) / PICO
        == trial.sim.bill().total.cost_usd
    )
    trial.sim.script({"batches": {"delay_s": 0.1}})
    trial.run()
    assert trial.violations() == []


def test_cancel_takes_back_a_batch_that_was_planned_and_never_sent(begin: Begin) -> None:
    """After a crash right before a batch was sent, the next run would send what was cancelled, and pay for it."""
    trial = begin("openai", 40, 100)
    trial.kill("batch_planned_committed:1")
    said = json.loads(trial.command("cancel", str(APP), "--json").stdout)
    assert (said["batches"], said["batches_left"]) == (1, 0)
    assert dict(ask(trial.ledger, "SELECT state, count(*) FROM attempt GROUP BY state")) == {"unsent": 40}
    assert ask(trial.ledger, "SELECT count(*) FROM batch_call WHERE body IS NOT NULL") == [(0,)]
    trial.run()
    assert trial.violations() == []


def test_plan_says_half_the_price(begin: Begin) -> None:
    """A forecast would be made for a way of asking that was not meant."""
    trial = begin("openai", 40)
    words = ("plan", str(APP), "tickets.jsonl", "--json")
    direct, batched = (json.loads(trial.command(*words, *more).stdout) for more in ((), ("--batch",)))
    assert batched["batch"] is True
    half = Decimal(direct["cost_usd"]["likely"]) / 2
    assert abs(Decimal(batched["cost_usd"]["likely"]) - half) < Decimal("0.000001")


def test_the_hours_of_a_batch_are_no_latency(begin: Begin) -> None:
    """A plan without batches would say that it takes weeks, and the report that each answer took hours."""
    trial = begin("openai", 40, 100)
    trial.run()
    change(trial.ledger, "UPDATE attempt SET latency_s = 36000.0")
    tickets.write(trial.folder / "tickets.jsonl", 60)
    said = json.loads(trial.command("plan", str(APP), "tickets.jsonl", "--json").stdout)
    assert said["to_ask"] == 20
    assert said["seconds"] < 600
    assert json.loads(trial.command("report", str(APP), "--json").stdout)["latency_s"] == []


def test_a_forgotten_record_leaves_nothing_of_what_its_batch_brings(begin: Begin) -> None:
    """The answer about someone who asked to be forgotten would come in with the batch."""
    trial = begin("openai", 10, 100, delay_s=SLOW)
    trial.run("--no-wait")
    assert trial.command("forget", str(APP), "T004").returncode == 0
    trial.sim.script({"batches": {"delay_s": 0.0}})
    trial.run()
    rows = ask(
        trial.ledger,
        "SELECT reply.text FROM reply JOIN attempt ON attempt.id = reply.attempt_id "
        "JOIN record ON record.id = attempt.record_id WHERE record.key LIKE 'forgotten%'",
    )
    assert rows == []
