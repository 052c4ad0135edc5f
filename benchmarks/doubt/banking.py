"""A stream of real messages, recorded answers of two models, a student, and a person who knows."""

from __future__ import annotations

import functools
import gzip
import json
import random
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.doubt.page import DATA, curve, table
from benchmarks.doubt.runs import run_all

from roadworthy._secret import Secret
from roadworthy.learn.certificate import State
from roadworthy.learn.coin import is_audited
from roadworthy.learn.doubt import Doubt, Opinion
from roadworthy.learn.stream import Accept, Ask, Person, Plan, Stream
from roadworthy.learn.student import Student, out_of_fold

PRICES = {"student": 0.0, "gpt-3.5": 0.0005, "gpt-4": 0.01, "person": 0.5}
NAMES = ("student", "gpt-3.5", "gpt-4")
RETRAIN = (400, 1_200, 2_200)  # messages after which a cold student is trained (again)
TUNING = 1_500  # rows of the history that the student's own doubt is fitted on


@dataclass(slots=True)
class Run:
    """What happened in one order of arrival."""

    certified: bool = False
    stated: float = 1.0
    accepted: float = 0.0
    wrong: float = 0.0
    crossed: bool = False
    saved: float = 0.0
    audit_share: float = 0.0
    costs: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)
    claims: list[tuple[float, float]] = field(default_factory=list)


@functools.cache
def messages() -> list[dict[str, Any]]:
    """The recorded test messages."""
    return read("recorded_test_3080.jsonl.gz")


def read(name: str) -> list[dict[str, Any]]:
    """One file of the set."""
    with gzip.open(DATA / "banking77" / name, "rt") as lines:
        return [json.loads(line) for line in lines]


def supports(student: Student, texts: Sequence[str]) -> list[Opinion]:
    """The student's five best answers to each text."""
    found = []
    for row in student.chances(texts):
        best = sorted(zip(row, student.labels, strict=True), reverse=True)[:5]
        found.append(Opinion(best[0][1], {label: chance for chance, label in best}))
    return found


@functools.cache
def with_history() -> tuple[list[Opinion], list[tuple[Opinion, str]]]:
    """The history student's opinions of the stream, and out-of-fold ones of part of its own history."""
    history = read("banking77_train.jsonl.gz")
    texts, labels = [row["text"] for row in history], [row["gold"] for row in history]
    student = Student.train(texts, labels)
    chosen = set(random.Random(0).sample(range(len(texts)), TUNING))
    place = sorted(chosen)
    guesses = out_of_fold(texts, labels, folds=2)
    tuning = [(Opinion(guesses[i].label, {guesses[i].label: guesses[i].chance}), labels[i]) for i in place]
    return supports(student, [row["text"] for row in messages()]), tuning


class Arrivals:
    """One order of arrival, played to the end: the world around the policy."""

    def __init__(self, plan: Plan, seed: int, *, history: bool) -> None:
        self.rows = messages()
        self.order = random.Random(seed).sample(range(len(self.rows)), len(self.rows))
        self.secret = Secret(f"order {seed}")
        self.history = history
        self.student: dict[int, Opinion] = {}
        doubt = Doubt()
        if history:
            opinions, tuning = with_history()
            self.student = dict(enumerate(opinions))
            for number, (opinion, truth) in enumerate(tuning):
                doubt.learn([opinion], truth, refit=number == len(tuning) - 1)
        self.stream = Stream(plan, len(NAMES), doubt)
        self.kept: list[tuple[str, str]] = []
        self.spent, self.work, self.accepted, self.wrong = 0.0, 0, 0, 0
        self.run = Run()

    def play(self) -> Run:
        """From the first message to the last."""
        for number, index in enumerate(self.order, start=1):
            self.message(index)
            if not self.history and number in RETRAIN:
                self.retrain(self.order[number:])
            if not number % 40:
                self.note()
        claim, run = self.stream.certificate(), self.run
        baseline = len(self.rows) * (PRICES["gpt-4"] + PRICES["person"])
        run.saved = 1 - self.spent / baseline
        run.accepted, run.wrong = self.accepted / len(self.rows), self.wrong / max(1, self.accepted)
        if claim is not None:
            run.certified, run.stated = claim.state is State.CERTIFIED, claim.share_at_most
        if self.stream.audits is not None:
            run.audit_share = self.stream.audits.terms.audit_share
        return run

    def message(self, index: int) -> None:
        """One message up the ladder."""
        row, heard = self.rows[index], list[Opinion]()
        while isinstance(move := self.stream.move(heard), Ask):
            name = NAMES[len(heard)]
            self.spent += PRICES[name]
            heard.append(self.opinion(name, index))
        asked = isinstance(move, Person)
        if isinstance(move, Accept):
            self.accepted += 1
            asked = is_audited(self.secret, row["id"], "1", move.share)
            self.stream.accepted(move, audited=asked)
            if not asked and move.answer != row["gold"]:
                self.wrong += 1
                claim = self.stream.certificate()
                self.run.crossed |= claim is not None and self.wrong > claim.wrong_at_most
        if asked:
            self.spent += PRICES["person"]
            self.work += 1
            self.stream.ruled(heard, row["gold"], move if isinstance(move, Accept) else None)
        answer = row["gold"] if asked or not isinstance(move, Accept) else move.answer
        self.kept.append((row["text"], answer))

    def opinion(self, name: str, index: int) -> Opinion:
        """What one model says; the models' answers come without a confidence."""
        if name == "student":
            return self.student.get(index, Opinion("?", {}))
        said = self.rows[index]["answers"][name]
        return Opinion(said, {said: 0.9})

    def retrain(self, rest: Sequence[int]) -> None:
        """A student of what is kept so far answers from now on."""
        student = Student.train([text for text, _ in self.kept], [label for _, label in self.kept])
        answers = supports(student, [self.rows[index]["text"] for index in rest])
        self.student = dict(zip(rest, answers, strict=True))

    def note(self) -> None:
        """A point of the curves."""
        claim = self.stream.certificate()
        self.run.costs.append(self.spent)
        self.run.work.append(self.work)
        stated = claim.share_at_most if claim and self.accepted else 1.0
        self.run.claims.append((stated, self.wrong / max(1, self.accepted)))


CASES = ((0.1, True), (0.05, True), (0.1, False), (0.05, False))
ORDERS = 20
GOALS = {(0.1, True): (0.85, 0.65), (0.05, True): (0.70, 0.50), (0.1, False): (0.45, 0.35)}


def one(task: tuple[float, bool, int]) -> dict[str, Any]:
    """One order, for a process of its own."""
    max_error, history, seed = task
    return asdict(Arrivals(Plan(max_error, len(messages())), seed, history=history).play())


def banking(orders: int = ORDERS) -> str:
    """The section of the page."""
    with_history()  # made once, before the processes fork
    runs: dict[tuple[float, bool], list[Run]] = {}
    for case in CASES:
        tasks = [(*case, seed) for seed in range(orders)]
        runs[case] = [Run(**found) for found in run_all("banking", one, tasks)]
        print(row_of(case, runs[case]), flush=True)
    head = [
        "max_error, what the team has", "certified at the end", "accepted", "lowest", "truly wrong, mean",
        "highest", "certificate, median", "highest", "crossed", "saved", "audit share", "goal: accepted / saved",
    ]  # fmt: skip
    rows = [row_of(case, found) for case, found in runs.items()]
    person = len(messages()) * PRICES["person"]
    both = len(messages()) * (PRICES["person"] + PRICES["gpt-4"])
    text = (
        f"{len(messages()):,} messages, {orders} orders of arrival, confidence .95; the policy chooses its audit share "
        f"after the warm-up. Saved is against gpt-4 + person for each message (${both:,.0f}); a person alone costs "
        f"${person:,.0f}, which is {1 - person / both:.1%} less. Crossed: the certificate was wrong at any moment.\n\n"
    )
    return text + table(head, rows) + "\n\n" + pictures(runs)


def row_of(case: tuple[float, bool], runs: Sequence[Run]) -> list[object]:
    """One row of the table."""
    max_error, history = case
    goal = GOALS.get(case)
    return [
        f"{max_error}, {'labelled history' if history else 'cold'}",
        f"{sum(run.certified for run in runs)} of {len(runs)}",
        statistics.fmean(run.accepted for run in runs), min(run.accepted for run in runs),
        statistics.fmean(run.wrong for run in runs), max(run.wrong for run in runs),
        statistics.median(run.stated for run in runs), max(run.stated for run in runs),
        f"{sum(run.crossed for run in runs)} of {len(runs)}",
        statistics.fmean(run.saved for run in runs),
        " ".join(f"{share:g}" for share in sorted({run.audit_share for run in runs})),
        f"{goal[0]:.2f} / {goal[1]:.2f}" if goal else "honest",
    ]  # fmt: skip


def pictures(runs: dict[tuple[float, bool], list[Run]]) -> str:
    """Curves over time, the mean of all orders."""
    costs, work = {}, {}
    for (max_error, history), found in runs.items():
        name = f"{max_error} {'history' if history else 'cold'}"
        costs[name] = slope([run.costs for run in found])
        work[name] = slope([[float(count) for count in run.work] for run in found])
    first = runs[CASES[0]]
    places = range(5, len(first[0].claims))
    claims = {
        "certificate": [
            (40.0 * (i + 1), statistics.fmean(run.claims[i][0] for run in first)) for i in places
        ],
        "truly wrong": [
            (40.0 * (i + 1), statistics.fmean(run.claims[i][1] for run in first)) for i in places
        ],
        "max_error": [(0.0, CASES[0][0]), (40.0 * len(first[0].claims), CASES[0][0])],
    }
    costs["person alone"] = [(0.0, PRICES["person"]), (3_080.0, PRICES["person"])]
    return "\n".join([
        curve("cost", costs, "messages", "dollars a message", 0.55),
        curve("work", work, "messages", "share of messages a person works on", 1.0),
        curve("claims", claims, "messages", "share wrong, .1 with history", 0.3),
    ])  # fmt: skip


def slope(lines: Sequence[Sequence[float]], step: int = 5) -> list[tuple[float, float]]:
    """The growth a message over windows of `step` points, the mean over runs."""
    length = len(lines[0])
    return [
        (
            40.0 * end,
            statistics.fmean(line[end - 1] - (line[end - step - 1] if end > step else 0) for line in lines)
            / (40 * step),
        )
        for end in range(step, length + 1, step)
    ]
