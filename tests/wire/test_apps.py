"""An app with models of every provider on its ladders, run to its end against one simulator."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from tests.wire.places import ANSWER, PLACES, PRICE, TEXT, At, Triage

from roadworthy import App, Failed, Model, Prompt, Waiting
from roadworthy.vet.process import RunningSimulator

EVERY = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)


def step_of(app: App, place: At, root: str, *more: Model, stream: bool) -> object:
    """A step with one provider's model, and others behind it."""
    first = Model(place.named(root), price=PRICE, stream=stream)

    @app.step(models=[first, *more], review=False)
    def triage(ticket: str) -> Prompt[Triage]:
        return Prompt("Sort the ticket.", ticket)

    return triage


@EVERY
def test_a_step_is_answered_once_and_then_from_the_ledger(
    place: At, simulator: RunningSimulator, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A provider could be called but not used: its replies would not be kept, or not be priced as billed."""
    for name, setting in place.environment(root).items():
        monkeypatch.setenv(name, setting)
    for stream in (True, False):
        app = App("triage")
        triage = step_of(app, place, root, stream=stream)

        async def run(app: App = app, triage: object = triage) -> tuple[object, Decimal]:
            async with app:
                result = await triage.result(TEXT)  # type: ignore[attr-defined] # a step of this test's own
                return result.value, result.cost_usd

        value, cost_usd = asyncio.run(run())
        assert value == Triage.model_validate(ANSWER)
        assert cost_usd == simulator.bill().total.cost_usd
    assert simulator.bill().total.requests == 1, "switching to a stream asks nobody anew"


@pytest.mark.parametrize("fault", ["quota", "401", "404_model", "refused"])
def test_the_next_provider_answers_where_one_cannot(
    fault: str, simulator: RunningSimulator, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ladder over two providers would stop at the first one's empty account."""
    claude, gemini = PLACES["anthropic"], PLACES["gemini"]
    for place in (claude, gemini):
        for name, value in place.environment(root).items():
            monkeypatch.setenv(name, value)
    simulator.script({"models": {claude.served: {"faults": {fault: 1.0}}}})
    app = App("triage")
    triage = step_of(app, claude, root, Model(gemini.model, price=PRICE), stream=True)

    async def run() -> object:
        async with app:
            return await triage(TEXT)  # type: ignore[operator] # a step of this test's own

    try:
        assert asyncio.run(run()) == Triage.model_validate(ANSWER)
    except (Failed, Waiting) as error:
        pytest.fail(f"the second provider was not asked: {error}")
    finally:
        simulator.script({"models": {claude.served: {"faults": {}}}})
    bill = simulator.bill()
    assert bill.models[claude.served].requests == 1, "never again on the same one"
    assert bill.models[gemini.served].billed_requests == 1
