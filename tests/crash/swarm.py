"""The swarm: runs under random faults, latencies, limits, budgets and kills, each a function of its seed alone.

`python -m tests.crash.swarm --seed N` plays one seed again and tells it; `--count 1000 --workers 2` plays many.
A seed is a small input and a few stages on one ledger: runs that are killed, interrupted, doubled or short of money,
and at last a calm one. The invariants are checked after every stage. Each run is the real command line in a process
of its own, forked from one that has everything imported.
"""

import argparse
import importlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from tests.crash import tickets
from tests.crash.app import PRICES
from tests.crash.harness import (
    AT_END,
    AT_REST,
    Invariant,
    gather,
    no_more_requests_than_calm_and_in_flight,
    open_attempts,
    results_are_those_of_a_calm_run,
    the_dead_are_those_in_flight,
    violations,
    what_ended_is_paid_for,
)
from tests.crash.trial import APP, PROJECT, effects, read_output
from tests.ledgers import ask

from roadworthy._failpoints import POINTS
from roadworthy.vet.process import RunningSimulator, start_simulator

TICKETS_MAX: Final = 32
# Batches have kills of their own, in tests/batch.
DIRECT_POINTS: Final = tuple(point for point in POINTS if not point.name.startswith("batch_"))
STAGE_TIMEOUT_S: Final = 40.0
# Names one of `tests.crash.wrong`: the swarm's own negative control.
VARIANT: Final = "CRASH_VARIANT"
# A killed process is not a power cut: what it wrote is there whether or not a disk has it, so no disk need be waited for.
IN_MEMORY: Final = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
# What befalls a response on its way, what is wrong with these bytes each time, what is wrong with the answer. What
# asks the client to wait for seconds is left to the tests of the pace.
IN_TRANSIT: Final = (
    "429_bare", "500", "503", "529", "html_502", "html_200", "error_in_200", "reset", "cut", "slow", "hang",
)  # fmt: skip
STANDING: Final = ("quota", "401", "404_model", "too_long", "served_model", "no_usage")
IN_CONTENT: Final = (
    "fenced", "double_encoded", "truncated", "malformed", "prose", "empty", "refused", "filtered", "missing_field",
    "wrong_enum",
)  # fmt: skip
# Pauses that are written down for a person's patience, scaled like the provider's latency.
SCALED: Final = {
    ("roadworthy.run.runtime", "_REAP_EVERY_S"): 0.2,
    ("roadworthy.call.driver", "_POLL_S"): 0.02,
}


@dataclass(frozen=True, slots=True)
class Stage:
    """One giving of the command.

    Attributes:
        failpoint: armed in the first process; "" for none.
        sent: a signal that the first process is sent, and after how many seconds; None for none.
        processes: how many are started at once.
        cap_usd: the job's cap.
    """

    failpoint: str = ""
    sent: tuple[int, float] | None = None
    processes: int = 1
    cap_usd: str = "1"
    calm: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything about one seed."""

    seed: int
    entry: str
    count: int
    script: dict[str, Any]
    settings: dict[str, str]
    concurrency: int
    stages: tuple[Stage, ...]


@dataclass(slots=True)
class Outcome:
    """What came of one seed."""

    seed: int
    violations: list[str] = field(default_factory=list)
    kills: int = 0
    runs: int = 0
    requests: int = 0
    seconds: float = 0.0


def draw(seed: int) -> Scenario:
    """The scenario of a seed."""
    chance = random.Random(seed)
    faults = {kind: chance.choice((0.02, 0.05, 0.1)) for kind in _some(chance, IN_TRANSIT, 5)}
    faults |= {kind: chance.choice((0.02, 0.05, 0.1)) for kind in _some(chance, IN_CONTENT, 4)}
    if chance.random() < 0.25:
        faults[chance.choice(STANDING)] = chance.choice((0.02, 0.1, 1.0))
    settings = {
        "intake_batch": chance.choice((4, 16, 256)),
        "commit_rows_max": chance.choice((1, 4, 512)),
        "queue_max": chance.choice((1, 8, 512)),
        "lane_concurrency_start": chance.choice((1, 4, 64)),
        "attempts_max": chance.choice((2, 3, 4)),
        "retry_budget_burst": chance.choice((2, 10, 100)),
        "breaker_failures": chance.choice((3, 5, 50)),
        "breaker_open_s": chance.choice((0.01, 0.05)),
        "breaker_open_cap_s": 0.1,
        "backoff_base_s": 0.01,
        "throttle_floor_s": 0.005,
        "park_pause_s": 0.02,
        "crash_loop_deaths": chance.choice((3, 100)),
        "turn_replies_max": (1, 40)[seed % 2],
    }
    return Scenario(
        seed=seed,
        entry=chance.choice(("triage", "handle")),
        count=chance.randint(16, TICKETS_MAX),
        script={
            "seed": seed,
            "faults": faults,
            "latency_ms": chance.choice((0, 2, 10)),
            "latency_spread": chance.choice((0.0, 0.5, 1.0)),
            "in_a_row_max": chance.choice((1, 2, 0)),
        },
        settings={f"ROADWORTHY_{name.upper()}": str(value) for name, value in settings.items()},
        concurrency=chance.choice((1, 2, 8, 24)),
        stages=(*_stages(chance), Stage(calm=True)),
    )


def _some(chance: random.Random, kinds: Sequence[str], most: int) -> list[str]:
    return chance.sample(kinds, chance.randint(0, most))


def _stages(chance: random.Random) -> Iterator[Stage]:
    """One to three disturbed runs; the cap only ever grows."""
    cap = Decimal(str(round(10 ** chance.uniform(-4.3, -2.3), 7))) if chance.random() < 0.5 else Decimal(1)
    for _ in range(chance.randint(1, 3)):
        way = chance.choice(("plain", "failpoint", "failpoint", "kill", "interrupt"))
        sent = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT}.get(way)
        point = chance.choice(DIRECT_POINTS).name
        yield Stage(
            failpoint=f"{point}:{_count(chance, point)}" if way == "failpoint" else "",
            sent=None if sent is None else (int(sent), chance.uniform(0.0, 0.25)),
            processes=2 if chance.random() < 0.3 else 1,
            cap_usd=f"{cap:f}",
        )
        cap = min(Decimal(1), cap * chance.choice((1, 2, 5)))


def _count(chance: random.Random, point: str) -> int:
    once = point.startswith(("lease", "goodbye", "run_", "output", "reap"))
    return 1 if once else int(1 + 40 * chance.random() ** 2)


class Player:
    """Plays seeds against one provider, which is told its part anew for each.

    Args:
        sim: a provider with the answers to `TICKETS_MAX` tickets.
        tell: hears the course of each seed, line by line.
        keep: whether the ledger of a seed that violates something is kept.
    """

    def __init__(self, sim: RunningSimulator, tell: Callable[[str], None], *, keep: bool) -> None:
        self._sim = sim
        self._keep = keep
        self._tell = tell

    def play(self, scenario: Scenario) -> Outcome:
        """One seed from its first stage to its last."""
        outcome, began = Outcome(scenario.seed), time.monotonic()
        self._sim.reset()
        self._sim.script(scenario.script)
        folder = Path(tempfile.mkdtemp(prefix=f"swarm-{scenario.seed}-", dir=IN_MEMORY))
        try:
            self._stages(scenario, folder, outcome)
        finally:
            if outcome.violations and self._keep:
                self._tell(f"the ledger of seed {scenario.seed} is kept in {folder}")
            else:
                shutil.rmtree(folder)
        outcome.requests = self._sim.bill().total.requests
        outcome.seconds = time.monotonic() - began
        return outcome

    def _stages(self, scenario: Scenario, folder: Path, outcome: Outcome) -> None:
        tickets.write(folder / "tickets.jsonl", scenario.count)
        ledger = str(folder / "ledger.db")
        in_flight: frozenset[int] = frozenset()
        certain = True
        for number, stage in enumerate(scenario.stages):
            if stage.calm:
                self._sim.script({"faults": {}, "latency_ms": 0})
            statuses = self._run(scenario, stage, folder)
            outcome.runs += stage.processes
            killed = sum(status == -signal.SIGKILL for status in statuses)
            outcome.kills += killed
            self._tell(f"stage {number}: {stage} ended with {statuses}")
            wrong = [
                f"stage {number}: status {status}: {_last_words(folder, place)}"
                for place, status in enumerate(statuses)
                if status not in {0, 1, 3, 130, -signal.SIGINT, -signal.SIGKILL}
                or "Traceback" in _last_words(folder, place)
            ]
            outcome.violations += wrong
            if not _is_made(ledger):
                continue
            in_flight |= open_attempts(ledger)
            certain = certain and stage.processes == 1
            seen = gather(
                ledger,
                self._sim.requests(),
                scenario.entry,
                scenario.count,
                in_flight=in_flight,
                cap_pico=int(Decimal(stage.cap_usd) * 10**12),
                effects=effects(folder / "effects"),
                output=read_output(folder / "out.jsonl") if stage.calm else None,
            )
            outcome.violations += [
                f"stage {number}: {said}" for said in violations(seen, _invariants(stage, certain=certain))
            ]

    def _run(self, scenario: Scenario, stage: Stage, folder: Path) -> list[int]:
        """Start the stage's processes, send what is to be sent, wait for all of them."""
        children = [
            _fork(lambda place=place: _command(scenario, stage, folder, self._sim.url, place))  # type: ignore[misc] # a default
            for place in range(stage.processes)
        ]
        if stage.sent is not None:
            number, seconds = stage.sent
            time.sleep(seconds)
            os.kill(children[0], number)
        ends = time.monotonic() + STAGE_TIMEOUT_S
        return [_wait(child, ends) for child in children]


def _invariants(stage: Stage, *, certain: bool) -> list[Invariant]:
    """What is checked after a stage: all of it after the calm one."""
    without = {results_are_those_of_a_calm_run, no_more_requests_than_calm_and_in_flight}
    if not certain:
        # Beside a live process: it may reap before anybody could look, and be at work on a record that another ends.
        without |= {the_dead_are_those_in_flight, what_ended_is_paid_for}
    return [one for one in (AT_END if stage.calm else AT_REST) if one not in without]


def _command(scenario: Scenario, stage: Stage, folder: Path, url: str, place: int) -> None:
    """In the child: the command line, as a person would give it."""
    os.chdir(folder)
    os.environ.update(scenario.settings)
    os.environ.update(
        OPENAI_BASE_URL=url,
        ROADWORTHY_LEDGER=str(folder / "ledger.db"),
        ROADWORTHY_FAILPOINT=stage.failpoint if place == 0 else "",
        CRASH_EFFECTS=str(folder / "effects"),
    )
    if variant := os.environ.get(VARIANT):
        importlib.import_module("tests.crash.wrong").VARIANTS[variant]()
    for (module, name), value in SCALED.items():
        setattr(importlib.import_module(module), name, value)
    words = ["run", f"{APP}:{scenario.entry}", "tickets.jsonl", "-o", "out.jsonl", "--json"]
    sys.argv = [
        "roadworthy",
        *words,
        "--concurrency",
        str(scenario.concurrency),
        "--budget-usd",
        stage.cap_usd,
    ]
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / f"{name}-{place}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    importlib.import_module("roadworthy.__main__").main()


def _fork(work: Callable[[], None]) -> int:
    """Do `work` in a child of this process, which has one thread and everything imported. Returns its id."""
    # An interrupt waits until the child has a handler of its own; its parent's would run its parent's code.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    child = os.fork()
    if child:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return child
    status = 70
    try:
        signal.signal(signal.SIGINT, _interrupted)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        work()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 70
    except BaseException:  # noqa: BLE001 - the child's edge: it must not return into its parent's code
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _interrupted(_number: int, _frame: object) -> None:
    """Before a run has begun there is nothing to end in order."""
    os._exit(130)


def _wait(child: int, ends: float) -> int:
    """The child's status, negative for a signal; one that does not end in time is killed and counts as 124."""
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > ends:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return 124
        time.sleep(0.002)


def _is_made(ledger: str) -> bool:
    """Whether the ledger has its tables; a process may be killed before it made them."""
    try:
        return bool(Path(ledger).exists() and ask(ledger, "SELECT count(*) FROM lease"))
    except sqlite3.OperationalError:
        return False


def _last_words(folder: Path, place: int) -> str:
    said = folder / f"err-{place}"
    return said.read_text(errors="replace")[-1500:] if said.exists() else ""


@contextmanager
def provider() -> Iterator[RunningSimulator]:
    """A provider in a process of its own that knows every ticket; a hang lasts as long as patience is scaled."""
    with start_simulator(answers=tickets.rows(TICKETS_MAX), prices=PRICES, silence_s=0.1) as sim:
        yield sim


def _import_what_a_run_imports(sim: RunningSimulator) -> None:
    """Run once in a child and import here what it needed, so that later children begin with it."""
    folder = Path(tempfile.mkdtemp(prefix="swarm-warm-"))
    tickets.write(folder / "tickets.jsonl", 8)
    scenario = Scenario(0, "handle", 8, {}, {}, 1, ())

    def run_and_list() -> None:
        try:
            _command(scenario, Stage(), folder, sim.url, 0)
        finally:
            (folder / "modules").write_text(
                "\n".join(name for name in sys.modules if name.split(".")[0] != "_roadworthy_app_app")
            )

    _wait(_fork(run_and_list), time.monotonic() + STAGE_TIMEOUT_S)
    for name in (folder / "modules").read_text().split():
        if not name.startswith(("_roadworthy_app", "__")):
            importlib.import_module(name)
    shutil.rmtree(folder)


def play(seeds: Sequence[int], tell: Callable[[str], None], *, keep: bool = False) -> list[Outcome]:
    """Play seeds one after the other in this process."""
    outcomes = []
    with provider() as sim:
        _import_what_a_run_imports(sim)
        player = Player(sim, tell, keep=keep)
        for seed in seeds:
            outcome = player.play(draw(seed))
            for said in outcome.violations:
                print(f"seed {seed}: {said}")
            if outcome.violations:
                print(f"replay: .venv/bin/python -m tests.crash.swarm --seed {seed}")
            outcomes.append(outcome)
    return outcomes


def _summary(outcomes: Sequence[dict[str, Any]], seconds: float) -> dict[str, Any]:
    return {
        "seeds": sum(each["seeds"] for each in outcomes),
        "runs": sum(each["runs"] for each in outcomes),
        "kills": sum(each["kills"] for each in outcomes),
        "requests": sum(each["requests"] for each in outcomes),
        "violations": sum(each["violations"] for each in outcomes),
        "failing_seeds": sorted(seed for each in outcomes for seed in each["failing_seeds"]),
        "seconds": round(seconds, 1),
    }


def main() -> int:
    """Play what the command line names; the last line is the summary as JSON. Status 1 where something did not hold."""
    reader = argparse.ArgumentParser(prog="python -m tests.crash.swarm", description=__doc__)
    reader.add_argument("--seed", type=int, help="play this one and tell its course")
    reader.add_argument("--first", type=int, default=0)
    reader.add_argument("--count", type=int, default=50)
    reader.add_argument("--stride", type=int, default=1)
    reader.add_argument("--workers", type=int, default=1)
    given = reader.parse_args()
    began = time.monotonic()
    if given.seed is not None:
        print(draw(given.seed))
        outcomes = play([given.seed], print, keep=True)
    elif given.workers > 1:
        summary = _summary(_share_out(given.first, given.count, given.workers), time.monotonic() - began)
        print(json.dumps(_summary([summary], time.monotonic() - began)))
        return int(bool(summary["violations"]))
    else:
        outcomes = play(range(given.first, given.first + given.count, given.stride), lambda _: None)
    parts = [
        {
            "seeds": 1,
            "runs": each.runs,
            "kills": each.kills,
            "requests": each.requests,
            "violations": len(each.violations),
            "failing_seeds": [each.seed] if each.violations else [],
        }
        for each in outcomes
    ]
    print(json.dumps(_summary(parts, time.monotonic() - began)))
    return int(any(each.violations for each in outcomes))


def _share_out(first: int, count: int, workers: int) -> list[dict[str, Any]]:
    """Each worker plays every `workers`-th seed; what they say is passed on, their summaries are returned."""
    players = [
        subprocess.Popen(
            [
                sys.executable, "-m", "tests.crash.swarm", "--first", str(first + place),
                "--count", str(count - place), "--stride", str(workers),
            ],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for place in range(workers)
    ]  # fmt: skip
    summaries = []
    for player in players:
        said, _ = player.communicate()
        *lines, last = said.splitlines()
        print("\n".join(lines), end="\n" if lines else "")
        summaries.append(json.loads(last))
    return summaries


if __name__ == "__main__":
    sys.exit(main())
