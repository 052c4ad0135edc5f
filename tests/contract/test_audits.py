"""Epochs, coins and their cost in statements, on every kind of ledger."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from roadworthy import App, Function, Prompt
from roadworthy.keep.audits import Audited, Policy, coin_secret, enter_epoch, find_audit, put_audit
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.transaction import Transaction


class Mood(BaseModel):
    """An answer."""

    mood: str


POLICY = Policy("shop", "feel", "abc", 0, 0.05)


def test_another_model_behind_a_name_opens_an_epoch(store: Ledger) -> None:
    """A certificate of one model would be read as one of the model that took its place."""

    def enter(asked: str, served: str, policy: Policy = POLICY) -> int:
        return store.write_now(lambda tx: enter_epoch(tx, policy, asked, served)).id

    first = enter("small", "small-2026")
    assert enter("small", "small-2026") == first
    assert enter("large", "large-2026") == first, "the first name of a model is no change"
    assert enter("own function", "") == first
    second = enter("small", "small-2027")
    assert second != first
    assert enter("large", "large-2026") == second, "the newest epoch goes on"
    assert enter("small", "small-2026") == first, "an answer of the old model is the old epoch's"
    assert enter("small", "small-2027", Policy("shop", "feel", "edited", 0, 0.05)) not in {first, second}
    assert enter("small", "small-2027", Policy("shop", "feel", "abc", 1, 0.05)) not in {first, second}


def test_a_share_that_falls_begins_a_life(store: Ledger) -> None:
    """A life's certificate was opened with a share that no later answer may fall below."""
    lives = [
        store.write_now(lambda tx, s=share: enter_epoch(tx, Policy("a", "s", "v", 0, s), "m", "m")).life  # type: ignore[misc] # bound now
        for share in (0.1, 0.3, 0.2, 0.1, 0.05, 0.1)
    ]
    assert lives == [1, 1, 1, 1, 2, 1]


def test_a_coin_that_was_drawn_stands(store: Ledger) -> None:
    """A second draw would win over the first."""
    assert store.write_now(lambda tx: put_audit(tx, Audited(1, 1, "item", 0.5, picked=True)))
    assert not store.write_now(lambda tx: put_audit(tx, Audited(1, 2, "item", 0.9, picked=False)))
    found = store.read(lambda tx: find_audit(tx, 1, "item"))
    assert found is not None
    assert found[1] == "pending"


def test_the_secret_is_one_and_never_shown(store: Ledger) -> None:
    """Two secrets would draw two coins; a printed one would tell which answers are looked at."""
    first, second = store.write_now(coin_secret), store.write_now(coin_secret)
    assert first.reveal() == second.reveal()
    assert len(first.reveal()) == 64
    assert first.reveal() not in f"{first!r} {first}"


def test_a_promise_costs_one_statement_an_answer_and_none_where_it_is_not_made(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """Every record of every team would pay for what few of them use."""
    said: list[str] = []

    def noted(method: Callable[..., object]) -> Callable[..., object]:
        def call(self: Transaction, query: str, /, *given: object, **values: object) -> object:
            said.append(query)
            return method(self, query, *given, **values)

        return call

    for name in ("row", "rows", "add", "change"):
        monkeypatch.setattr(Transaction, name, noted(getattr(Transaction, name)))

    def cost(name: str, max_error: float | None = None, audit_share: float | None = None) -> list[str]:
        app = App(name, ledger=tmp_path / f"{name}.db")

        @app.step(
            models=[Function(lambda prompt: '{"mood": "glad"}', name="own", usd_per_call="0")],
            max_error=max_error,
            audit_share=audit_share,
        )
        def feel(note: dict[str, str]) -> Prompt[Mood]:
            return Prompt("Glad or sad?", note["text"])

        async def work() -> None:
            async with app:
                await feel.result({"id": "warm-up", "text": "x"})
                said.clear()
                for number in range(20):
                    found = await feel.result({"id": str(number), "text": f"note {number}"})
                    assert found.outcome == "accepted", found.reason

        asyncio.run(work())
        return [query for query in said if query != "audit_counts"]

    without, with_promise = cost("without"), cost("with", max_error=0.5, audit_share=1e-9)
    assert not [query for query in without if "audit" in query or query in {"epochs", "secret"}]
    assert len(with_promise) - len(without) == 20, "one statement an answer"
    assert with_promise.count("add_audit") == 20
