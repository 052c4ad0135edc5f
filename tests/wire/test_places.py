"""Every provider end to end: our request over a socket, the simulator's answer, the outcome and its price."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.wire.places import ANSWER, CLOUD, KEY, PLACES, At, Triage, ask_one, service_account, token_server

from roadworthy.call.price import usd
from roadworthy.call.reply import Ending
from roadworthy.vet.process import RunningSimulator

EVERY = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
READ = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@EVERY
@READ
def test_a_question_is_answered_and_paid_as_billed(
    place: At, simulator: RunningSimulator, root: str, *, stream: bool
) -> None:
    """A provider's answers could not be used, or would be counted at another price than they are billed."""
    asked = ask_one(place, root, stream=stream)
    outcome = asked.outcome
    assert (outcome.ending, outcome.detail) == (Ending.OK, "")
    assert Triage.model_validate_json(outcome.text).model_dump() == ANSWER
    if place.model.split(":")[0] != "bedrock":
        assert outcome.served_model == place.served
    assert outcome.provider_id
    bill = simulator.bill()
    assert bill.total.billed_requests == 1
    assert bill.models[place.served].cost_usd == usd(asked.cost_pico)
    assert asked.cost_pico <= asked.ask.worst_pico


@EVERY
def test_how_it_is_read_is_no_part_of_a_replys_identity(place: At, root: str) -> None:
    """Every reply would be bought again when a model is switched to streaming."""
    whole, streamed = ask_one(place, root), ask_one(place, root, stream=True)
    assert whole.ask.key == streamed.ask.key
    assert ask_one(place, root, temperature=0.5).ask.key != whole.ask.key


@EVERY
def test_a_model_without_structured_outputs_gets_the_schema_in_words(place: At, root: str) -> None:
    """A model that knows no structured outputs would refuse every request, or never hear of the fields."""
    asked = ask_one(place, root, structured=False)
    body = json.loads(asked.ask.body)
    assert "urgency" in asked.ask.body.decode()
    for name in ("response_format", "text", "output_config", "outputConfig"):
        assert name not in body
    assert "responseJsonSchema" not in body.get("generationConfig", {})
    assert asked.outcome.ending is Ending.OK


@EVERY
@READ
@pytest.mark.parametrize(
    ("fault", "endings"),
    [
        ("429", {Ending.THROTTLED}),
        ("quota", {Ending.QUOTA}),
        ("401", {Ending.AUTH}),
        ("404_model", {Ending.GONE}),
        ("500", {Ending.TRANSIENT}),
        ("503", {Ending.TRANSIENT}),
        ("529", {Ending.TRANSIENT}),
        ("html_502", {Ending.TRANSIENT}),
        ("html_200", {Ending.UNKNOWN, Ending.TRANSIENT}),
        ("error_in_200", {Ending.TRANSIENT}),
        ("too_long", {Ending.TOO_LONG, Ending.BAD_REQUEST}),
        ("truncated", {Ending.TRUNCATED}),
        ("empty", {Ending.EMPTY}),
    ],
)
def test_each_trouble_is_one_ending_whoever_words_it(
    place: At, simulator: RunningSimulator, root: str, fault: str, endings: set[Ending], *, stream: bool
) -> None:
    """A spend limit would be retried, or an overloaded provider taken for a refused request."""
    simulator.script({"faults": {fault: 1.0}})
    asked = ask_one(place, root, stream=stream)
    assert asked.outcome.ending in endings, asked.outcome
    if fault == "429":
        assert asked.outcome.retry_after_s == 1.0
    assert KEY not in asked.outcome.detail


@EVERY
@READ
@pytest.mark.fault("B5")
def test_a_refusal_is_no_answer(place: At, simulator: RunningSimulator, root: str, *, stream: bool) -> None:
    """A refusal would be mended, asked again and paid for again, or taken for an answer."""
    simulator.script({"faults": {"refused": 1.0}})
    outcome = ask_one(place, root, stream=stream).outcome
    assert outcome.ending is (Ending.FILTERED if "gemini" in place.model else Ending.REFUSED)
    assert outcome.usage is not None, "it is billed"


@EVERY
@READ
@pytest.mark.fault("B7")
def test_what_the_filter_held_back_is_no_answer(
    place: At, simulator: RunningSimulator, root: str, *, stream: bool
) -> None:
    """A filtered answer would be asked for again with the same words."""
    simulator.script({"faults": {"filtered": 1.0}})
    outcome = ask_one(place, root, stream=stream).outcome
    assert outcome.ending is (Ending.REFUSED if "anthropic" in place.model else Ending.FILTERED)


@READ
@pytest.mark.parametrize(
    ("name", "served"),
    [
        ("vertex:gemini-2.5-flash", "gemini-2.5-flash"),
        ("vertex:claude-sonnet-4-6", "claude-sonnet-4-6"),
    ],
)
def test_vertex_is_asked_with_a_token_that_is_fetched_first(
    name: str, served: str, simulator: RunningSimulator, root: str, tmp_path: Path, *, stream: bool
) -> None:
    """Models behind Vertex could not be used, or the token would be fetched for each request."""
    pytest.importorskip("google.auth", reason="install the group sdks: make sdks")
    with token_server() as url:
        account = {"GOOGLE_APPLICATION_CREDENTIALS": str(service_account(tmp_path, url)), **CLOUD}
        asked = ask_one(At(name, served, {"GOOGLE_VERTEX_BASE_URL": ""}, account), root, stream=stream)
    assert asked.outcome.ending is Ending.OK, asked.outcome
    assert simulator.bill().models[served].billed_requests == 1


def test_a_token_that_cannot_be_had_sends_nothing(root: str, tmp_path: Path) -> None:
    """A request without a token would go out, or an outage of the token's server would close the lane for good."""
    pytest.importorskip("google.auth", reason="install the group sdks: make sdks")
    account = {
        "GOOGLE_APPLICATION_CREDENTIALS": str(service_account(tmp_path, "http://127.0.0.1:9/token")),
        **CLOUD,
    }
    place = At("vertex:gemini-2.5-flash", "", {"GOOGLE_VERTEX_BASE_URL": ""}, account)
    assert ask_one(place, root).outcome.ending is Ending.UNSENT
