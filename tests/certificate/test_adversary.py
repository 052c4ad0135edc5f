"""An adversary that wants the certificate to be wrong, through the whole pipeline, on every kind of ledger.

In one form it is the model, a function; in the other it writes the records, and a provider answers over HTTP what it
is known to answer to them. It errs, and pauses after each error that people catch. Every answer goes through the step, the ledger and the audit
coin; every audit is ruled at once by a script that knows the truth; the claim is read off the ledger after each ruling.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from benchmarks.doubt.validity import REJECTS, consistent
from pydantic import BaseModel

from roadworthy import App, Function, Model, Price, Prompt
from roadworthy._settings import DEFAULTS
from roadworthy.keep.audits import COIN
from roadworthy.keep.ledger import Ledger, open_ledger
from roadworthy.keep.reviews import open_reviews
from roadworthy.keep.rulings import rule
from roadworthy.observe.certified import claims
from roadworthy.vet.process import RunningSimulator, start_simulator

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


def shop(name: str, ledger: str, adversary: Adversary, *, over_http: bool) -> App:
    """An app whose only model does what the adversary wants. No alarm comes between it and the certificate."""
    app = App(name, ledger=ledger, settings={"alarm_every": 1e300, "certificate_look_s": 1e9})
    function = Function(adversary.answer, usd_per_call="0")
    served = Model("openai:small", price=Price(input="0.1", output="0.4"), max_output_tokens=64)

    @app.step(models=[served if over_http else function], max_error=0.1, audit_share=SHARE)
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


def text_of(number: int, *, errs: bool) -> str:
    """A note of which it is known whether the provider answers it wrongly."""
    return f"note {number} is {'hard' if errs else 'easy'}"


async def crossed(
    store: Ledger, ledger: str, seed: int, answers: int, judge: Callable[[str], bool], *, over_http: bool
) -> bool:
    """Whether the claim was ever below the truth in one life of a step."""
    name, adversary = f"life{seed}", Adversary()
    app = shop(name, ledger, adversary, over_http=over_http)
    step = app.plan.steps[0]
    async with app:
        for number in range(answers):
            text = f"note {number} of {seed}"
            if over_http:
                errs = adversary.answer(Note(id="", text="")) == WRONG
                text = text_of(number, errs=errs)
            result = await step.result(Note(id=f"N{number}", text=text))
            if over_http:
                assert result.value == (Mood(mood="sad") if errs else Mood(mood="glad"))
            rule_all(store, name, adversary, judge)
            (claim,) = store.read(lambda tx: claims(tx, name, app.plan.promises, app.start_settings()))
            assert claim.life.accepted == number + 1
            if adversary.wrong - adversary.caught > claim.life.wrong_at_most:
                return True
    return False


def violations(
    ledger: str, lives: int, answers: int, judge: Callable[[str], bool], *, over_http: bool = False
) -> int:
    """In how many lives the claim was crossed. The coins are those of one fixed secret, so each run finds the same."""
    store = open_ledger(ledger, DEFAULTS)
    store.write_now(lambda tx: tx.change("add_secret", name=COIN, value="a secret that no model knows"))

    async def all_of_them() -> int:
        return sum(
            [await crossed(store, ledger, seed, answers, judge, over_http=over_http) for seed in range(lives)]
        )

    try:
        return asyncio.run(all_of_them())
    finally:
        store.close()


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSimulator]:
    """Answers over HTTP, wrongly to the notes that are hard."""
    rows = [
        {
            "id": f"{number} {errs}",
            "text": text_of(number, errs=errs),
            "answers": {"small": {"mood": "sad" if errs else "glad"}},
        }
        for number in range(40)
        for errs in (True, False)
    ]
    with start_simulator(answers=rows, text_field="text", prices={"small": "0.1,0.4"}) as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        monkeypatch.delenv("ROADWORTHY_LEDGER", raising=False)
        yield running


def is_right(mood: str) -> bool:
    """A reviewer who knows."""
    return mood == "glad"


def test_an_adversary_crosses_the_claim_no_more_often_than_it_says(ledger: str) -> None:
    """Coins that lean, rulings that are lost between the rooms, or a claim that forgets some of them (P6)."""
    lives = 10
    found = violations(ledger, lives, 24, is_right)
    assert consistent(found, lives, DELTA) > REJECTS


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_adversary_crosses_the_claim_no_more_often_than_it_says_in_many_lives(ledger: str) -> None:
    """As above, with the power to see a share of violations that is twice what is promised."""
    lives = 150
    found = violations(ledger, lives, 40, is_right)
    print(f"{found} of {lives} lives crossed the claim; delta is {DELTA}")
    assert consistent(found, lives, DELTA) > REJECTS


def test_an_adversary_that_writes_the_records_crosses_it_no_more_often(
    ledger: str, provider: RunningSimulator
) -> None:
    """What is true of a function would not be true of what goes over the wire."""
    lives = 4
    found = violations(ledger, lives, 24, is_right, over_http=True)
    assert consistent(found, lives, DELTA) > REJECTS
    assert provider.bill().total.requests >= lives * 10, "the answers came from the provider"


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_an_adversary_that_writes_the_records_crosses_it_no_more_often_in_many_lives(
    ledger: str, provider: RunningSimulator
) -> None:
    """As above, with the power to see a share of violations that is twice what is promised."""
    lives = 150
    found = violations(ledger, lives, 40, is_right, over_http=True)
    print(f"{found} of {lives} lives crossed the claim over HTTP; delta is {DELTA}")
    assert consistent(found, lives, DELTA) > REJECTS
    assert provider.bill().total.requests >= lives * 20


def test_the_harness_catches_a_claim_that_is_wrong(ledger: str) -> None:
    """The tests above could not fail: with reviewers who see nothing the claim is crossed all the time."""
    lives = 6
    found = violations(ledger, lives, 24, lambda _: True)
    assert consistent(found, lives, DELTA) <= REJECTS
