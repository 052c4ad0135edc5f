"""A model that wants the certificate to be wrong, through the whole pipeline.

It errs, and pauses after each error that people catch. Every answer goes through the step, the ledger and the audit
coin; every audit is ruled at once by a script that knows the truth; the claim is read off the ledger after each ruling.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from benchmarks.doubt.validity import REJECTS, consistent
from pydantic import BaseModel

from roadworthy import App, Function, Prompt
from roadworthy._settings import DEFAULTS
from roadworthy.keep.audits import COIN
from roadworthy.keep.ledger import Ledger, open_ledger
from roadworthy.keep.reviews import open_reviews
from roadworthy.keep.rulings import rule
from roadworthy.observe.certified import claims

SHARE, DELTA, PAUSE = 0.5, 0.05, 3
RIGHT, WRONG = '{"mood":"glad"}', '{"mood":"sad"}'


class Note(BaseModel):
    """A record."""

    id: str
    text: str


class Mood(BaseModel):
    """An answer."""

    mood: str


@dataclass
class Adversary:
    """Errs until it is caught, then is good for a while, and errs again."""

    pause: int = 0
    wrong: int = 0
    caught: int = 0
    said: list[str] = field(default_factory=list)

    def answer(self, _: Note) -> str:
        """What it says to the next note."""
        errs = self.pause == 0
        self.pause = max(0, self.pause - 1)
        self.wrong += errs
        return WRONG if errs else RIGHT


def shop(name: str, ledger: Path, adversary: Adversary) -> App:
    """An app whose only model is the adversary. No alarm comes between it and the certificate."""
    app = App(name, ledger=ledger, settings={"alarm_every": 1e300, "certificate_look_s": 1e9})

    @app.step(
        models=[Function(adversary.answer, usd_per_call="0")],
        max_error=0.1,
        audit_share=SHARE,
    )
    def feel(note: Note) -> Prompt[Mood]:
        return Prompt("Glad or sad?", note.text)

    return app


def rule_all(store: Ledger, name: str, adversary: Adversary, judge: Callable[[str], bool]) -> None:
    """People rule on what waits, and the adversary hears of what they caught."""
    for waiter in store.read(lambda tx: open_reviews(tx, name, 0, 10, "ann")):
        if judge(json.loads(waiter.suggestion or "null")["mood"]):
            store.write_now(lambda tx, w=waiter: rule(tx, w.id, "right", None, "ann"))  # type: ignore[misc] # bound now
            continue
        store.write_now(lambda tx, w=waiter: rule(tx, w.id, "wrong", RIGHT, "ann"))  # type: ignore[misc] # bound now
        adversary.caught += 1
        adversary.pause = PAUSE


async def crossed(store: Ledger, ledger: Path, seed: int, answers: int, judge: Callable[[str], bool]) -> bool:
    """Whether the claim was ever below the truth in one life of a step."""
    name, adversary = f"life{seed}", Adversary()
    app = shop(name, ledger, adversary)
    step = app.plan.steps[0]
    async with app:
        for number in range(answers):
            await step.result(Note(id=f"N{number}", text=f"note {number} of {seed}"))
            rule_all(store, name, adversary, judge)
            (claim,) = store.read(lambda tx: claims(tx, name, app.plan.promises, app.start_settings()))
            assert claim.life.accepted == number + 1
            if adversary.wrong - adversary.caught > claim.life.wrong_at_most:
                return True
    return False


def violations(folder: Path, lives: int, answers: int, judge: Callable[[str], bool]) -> int:
    """In how many lives the claim was crossed. The coins are those of one fixed secret, so each run finds the same."""
    ledger = folder / "lives.db"
    store = open_ledger(str(ledger), DEFAULTS)
    store.write_now(lambda tx: tx.change("add_secret", name=COIN, value="a secret that no model knows"))

    async def all_of_them() -> int:
        return sum([await crossed(store, ledger, seed, answers, judge) for seed in range(lives)])

    try:
        return asyncio.run(all_of_them())
    finally:
        store.close()


def is_right(mood: str) -> bool:
    """A reviewer who knows."""
    return mood == "glad"


def test_an_adversary_crosses_the_claim_no_more_often_than_it_says(tmp_path: Path) -> None:
    """Coins that lean, rulings that are lost between the rooms, or a claim that forgets some of them (P6)."""
    lives = 30
    found = violations(tmp_path, lives, 24, is_right)
    assert consistent(found, lives, DELTA) > REJECTS


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_adversary_crosses_the_claim_no_more_often_than_it_says_in_many_lives(tmp_path: Path) -> None:
    """As above, with the power to see a share of violations that is twice what is promised."""
    lives = 150
    found = violations(tmp_path, lives, 40, is_right)
    print(f"{found} of {lives} lives crossed the claim; delta is {DELTA}")
    assert consistent(found, lives, DELTA) > REJECTS


def test_the_harness_catches_a_claim_that_is_wrong(tmp_path: Path) -> None:
    """The tests above could not fail: with reviewers who see nothing the claim is crossed all the time."""
    lives = 6
    found = violations(tmp_path, lives, 24, lambda _: True)
    assert consistent(found, lives, DELTA) <= REJECTS
