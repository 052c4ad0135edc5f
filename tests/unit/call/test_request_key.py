"""The identity of a request: the same for ever, and no other request's."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from roadworthy import Function, Model, Price, Prompt
from roadworthy._settings import DEFAULTS
from roadworthy.ask.build import build_question
from roadworthy.ask.schema import compile_schema
from roadworthy.call.batch.rung import BatchRung
from roadworthy.call.endpoint import find_endpoint
from roadworthy.call.lane import Lane
from roadworthy.call.rung import EndpointRung, FunctionRung, Rung, request_key
from roadworthy.call.transport import PyreqwestTransport

KEYS = {"OPENAI_API_KEY": "sk-test", "ANTHROPIC_API_KEY": "sk-test", "GEMINI_API_KEY": "sk-test"}
PRICE = Price(input="0.1", output="0.4")


class Topic(BaseModel):
    """An answer."""

    topic: str


SCHEMA = compile_schema(Topic)


def endpoint_rung(name: str, *, stream: bool = False) -> EndpointRung:
    """A provider's model, made ready."""
    model = Model(name, price=PRICE, stream=stream)
    endpoint = find_endpoint(model, KEYS, {})
    lane, transport = Lane(endpoint.lane, DEFAULTS), PyreqwestTransport(DEFAULTS)
    return EndpointRung(model, endpoint, SCHEMA, lane, transport, DEFAULTS, logprobs=False)


def rungs() -> dict[str, Rung]:
    """One of each kind."""
    function = Function(lambda text: text, usd_per_call="0.01", name="words")
    return {
        "openai": endpoint_rung("openai:gpt-5-nano"),
        "streamed": endpoint_rung("openai:gpt-5-nano", stream=True),
        "anthropic": endpoint_rung("anthropic:claude-haiku-4-5"),
        "gemini": endpoint_rung("gemini:gemini-3.8-flash"),
        "batch": BatchRung(endpoint_rung("openai:gpt-5-nano")),
        "function": FunctionRung(function, SCHEMA, Lane("words", DEFAULTS), DEFAULTS),
    }


def test_the_keys_of_old_ledgers_are_made_again() -> None:
    """Every reply that was ever bought would be bought a second time."""
    first = request_key("demo", "openai:gpt-5-nano", b'{"model":"gpt-5-nano"}', 0)
    other = request_key("demo/é", "openai:gpt-5-nano", b"", 1_002)
    assert first.hex() == "3dc06d3fb6bee20dad637c4cf7581ee911d51c0c12fc0676c18a4423698f19f5"
    assert other.hex() == "07fa527131002cf759da6177db952b26c62ca33c1a7557cfb00d2cc3f43f4678"


@given(st.text(), st.text(), st.binary(), st.integers(0, 10_000))
def test_each_part_is_hashed_with_its_length(namespace: str, model: str, body: bytes, sample: int) -> None:
    """Two requests whose parts run into one another would share a reply."""
    parts = (namespace.encode(), model.encode(), str(sample).encode(), body)
    text = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    assert request_key(namespace, model, body, sample) == hashlib.sha256(text).digest()


@pytest.mark.parametrize("kind", list(rungs()))
@pytest.mark.parametrize(
    ("words", "room", "sample"), [("", 1, 0), ("Mend it.", 1, 0), ("", 2, 3), ("", 1, 1_000)]
)
def test_what_is_looked_up_is_what_would_be_bought(kind: str, words: str, room: int, sample: int) -> None:
    """A reply that the ledger holds would not be found, and be bought a second time."""
    question = build_question(Prompt("Which topic?", "a note"), SCHEMA)
    rung = rungs()[kind]
    key = rung.key(question, None, words=words, room=room, namespace="t", sample=sample)
    ask = rung.ask(question, None, words=words, room=room, namespace="t", sample=sample)
    assert key == ask.key


def test_a_reply_is_the_same_one_streamed_or_in_a_batch() -> None:
    """Whoever turns streaming on, or sends in batches, would pay for every answer again."""
    question = build_question(Prompt("Which topic?", "a note"), SCHEMA)
    made = rungs()
    keys = {
        made[kind].key(question, None, words="", room=1, namespace="t", sample=0)
        for kind in ("openai", "streamed", "batch")
    }
    assert len(keys) == 1
