"""Is the certificate crossed no more often than it says? And what does it cost in labels?"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from functools import cache, partial

from benchmarks.doubt.page import table
from benchmarks.doubt.runs import run_all

from roadworthy.learn.binomial import binomial_p_value
from roadworthy.learn.certificate import (
    Audits,
    State,
    Tally,
    Terms,
    clean_answers_needed,
    clean_audits_needed,
)
from roadworthy.learn.martingale import labels_for_mixture, log_e

SEEDS = 2_000
DELTA = 0.05
ANSWERS = 3_000
ERROR = 0.02
BLOCK = 250  # seeds of one task
REJECTS = 0.001  # a binomial test below this says that violations are more frequent than delta

Answers = Generator[bool, bool, None]
World = Callable[[random.Random], Answers]  # wrong or right, told (by `send`) whether it was caught


def consistent(violations: int, runs: int, delta: float) -> float:
    """P(at least so many violations) if each run had a chance of delta: small means that the promise is broken."""
    if not violations:
        return 1.0
    return binomial_p_value(runs - violations, runs, 1 - delta)  # the same tail, counted from its small end


def independent(chance: random.Random) -> Answers:
    """Each answer is wrong with the same chance."""
    while True:
        yield chance.random() < ERROR


def bursts(chance: random.Random) -> Answers:
    """0.2 % wrong, but 20 % for a twentieth of the time."""
    bad, left = False, 0
    while True:
        if not left:
            bad = chance.random() < 0.05
            left = 50
        left -= 1
        yield chance.random() < (0.2 if bad else 0.002)


def pausing(_: random.Random) -> Answers:
    """Errs at every answer, and pauses for 300 after each error that is caught."""
    pause = 0
    while True:
        caught = yield pause == 0
        pause = 300 if caught else max(0, pause - 1)


def until_caught(_: random.Random) -> Answers:
    """Errs until it is caught once."""
    while not (yield True):
        pass
    while True:
        yield False


@cache
def most_wrong(share: float, found: int) -> int:
    """The bound with one fixed share, by the product's own certificate."""
    counts = {share: found} if found else {}
    certificate = Audits(Terms(ERROR, share, DELTA), Tally(10**9, 0, counts)).certificate()
    return certificate.wrong_at_most


def crosses(world: World, share: float, seed: int) -> bool:
    """Whether the certificate is wrong at any moment of one run with one fixed share."""
    chance, wrong, found = random.Random(seed), 0, 0
    answers = world(random.Random(seed + 10**6))
    bad = next(answers)
    for _ in range(ANSWERS):
        caught = bad and chance.random() < share
        found += caught
        if bad and not caught:
            wrong += 1
            if wrong > most_wrong(share, found):
                return True
        bad = answers.send(caught)
    return False


def crosses_when_shares_vary(world: World, seed: int, late: int = 40) -> bool:
    """The same with a share that follows what was seen, and rulings that come late: the product's object itself."""
    chance, audits, wrong = random.Random(seed), Audits(Terms(ERROR, 0.05, DELTA)), 0
    answers = world(random.Random(seed + 10**6))
    waiting: list[tuple[int, float, bool]] = []
    bad = next(answers)
    for number in range(ANSWERS // 3):
        share = (0.05, 0.1, 0.4)[min(2, len(audits.caught))] if number % 3 else 0.2
        audited = chance.random() < share
        audits.accept(share, audited=audited)
        if audited:
            waiting.append((number + late, share, bad))
        elif bad:
            wrong += 1
        ruled_wrong = False
        while waiting and waiting[0][0] <= number:
            _, its_share, its_bad = waiting.pop(0)
            audits.rule(its_share, wrong=its_bad)
            ruled_wrong |= its_bad
        if bad:
            unmended = wrong + sum(its_bad for _, _, its_bad in waiting)
            if unmended > audits.certificate().wrong_at_most:
                return True
        bad = answers.send(ruled_wrong)
    return False


def peeks(seed: int, *, exact: bool) -> bool:
    """Labels of a model that errs exactly at the limit arrive one by one; is it certified all the same?"""
    chance, wrong = random.Random(seed), 0
    limit = 2.995732273553991  # log(1 / .05)
    for labels in range(1, 3_001):
        wrong += chance.random() < ERROR
        if wrong > 1.3 * ERROR * labels + 3:
            continue  # far from any certificate
        if exact and binomial_p_value(wrong, labels, ERROR) <= DELTA:
            return True
        if not exact and log_e(wrong, labels, ERROR) >= limit:
            return True
    return False


def audits_until_certified(share: float, seed: int) -> int:
    """A stream without errors: audits until the certificate holds."""
    chance, audits, picked = random.Random(seed), Audits(Terms(ERROR, share, DELTA)), 0
    needed = clean_answers_needed(audits.terms)
    for _ in range(needed):
        audited = chance.random() < share
        audits.accept(share, audited=audited)
        if audited:
            picked += 1
            audits.rule(share, wrong=False)
    assert audits.certificate().state is State.CERTIFIED
    return picked


def scenarios() -> dict[str, Callable[[int], bool]]:
    """Whether the certificate was crossed in the run of a seed, by the name of what happens in it."""
    worlds: dict[str, World] = {
        "independent errors at .02": independent,
        "bursts": bursts,
        "adversary: errs, pauses 300 after each catch": pausing,
        "adversary: errs until caught": until_caught,
    }
    runs: dict[str, Callable[[int], bool]] = {}
    for name, world in worlds.items():
        for share in (0.05, 0.2):
            runs[f"{name}; share {share}"] = partial(crosses, world, share)
        if world is not until_caught:
            late = partial(crosses_when_shares_vary, world)
            runs[f"{name}; shares .05 to .4, rulings 40 answers late"] = late
    runs["labels one by one, mixture e-process looked at after each"] = partial(peeks, exact=False)
    runs["**control**: Clopper-Pearson tested again after each label"] = partial(peeks, exact=True)
    return runs


def block(task: tuple[str, int, int]) -> dict[str, int]:
    """Violations of one scenario over some seeds, for a process of its own."""
    name, first, count = task
    run = scenarios()[name]
    return {"violations": sum(run(seed) for seed in range(first, first + count))}


def rows_of_validity(seeds: int) -> list[list[object]]:
    """One row a scenario."""
    names = list(scenarios())
    tasks = [(name, first, min(BLOCK, seeds - first)) for name in names for first in range(0, seeds, BLOCK)]
    found = run_all("validity", block, tasks)
    rows: list[list[object]] = []
    for name in names:
        counted = (result["violations"] for task, result in zip(tasks, found, strict=True) if task[0] == name)
        violations = sum(counted)
        p = consistent(violations, seeds, DELTA)
        verdict = "caught" if p < REJECTS else "holds"
        rows.append([name, f"{violations} of {seeds:,}", violations / seeds, f"{p:.2g}", verdict])
        print(rows[-1], flush=True)
    return rows


def validity(seeds: int = SEEDS) -> str:
    """The section of the page."""
    rows = rows_of_validity(seeds)
    for row in rows:
        control = "control" in str(row[0])
        assert (row[4] == "caught") == control, row
    return "A run is a violation when the bound is crossed at any moment of it; delta = .05.\n\n" + table(
        ["scenario", "violations", "share", "P(so many, if delta)", "verdict"], rows
    )


def cost(seeds: int = 400) -> str:
    """The section of the page."""
    rows: list[list[object]] = []
    for share in (0.05, 0.1, 0.2):
        found = sorted(audits_until_certified(share, seed) for seed in range(seeds))
        terms = Terms(ERROR, share, DELTA)
        rows.append([
            f"certificate, share {share}", clean_answers_needed(terms), clean_audits_needed(terms),
            sum(found) / len(found), found[len(found) * 9 // 10],
        ])  # fmt: skip
    needed = labels_for_mixture(0, ERROR, DELTA)
    rows.append(["mixture e-process on labels alone", needed, needed, float(needed), needed])
    return "max_error .02, confidence .95, no error found.\n\n" + table(
        ["", "answers needed", "audits expected", "audits, mean of runs", "90 % of runs within"], rows
    )
