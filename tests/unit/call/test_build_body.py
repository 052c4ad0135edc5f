"""The request: exact bytes, the same for the same question."""

from typing import Any

import orjson
import pytest

from roadworthy.ask.question import Message, OutputSchema, Question
from roadworthy.call.model import Model
from roadworthy.call.wire.openai_chat import OpenAIChat
from roadworthy.call.wire.wire import Terms, Wording

SCHEMA = OutputSchema("Triage", b"{}", b'{"type":"object","properties":{"z":{},"a":{}}}', "", 64)
ASKED = Question("v", b"f", (Message("system", "Sort it."), Message("user", "Card lost.")))


def built(
    model: Model,
    question: Question = ASKED,
    schema: OutputSchema = SCHEMA,
    *,
    model_id: str = "m",
    **more: Any,
) -> bytes:
    """The exact bytes of a request."""
    wire = OpenAIChat("max_completion_tokens" if model.name.startswith("openai:") else "max_tokens")
    again = more.pop("again", "")
    wording = Wording(wire, Terms(model_id, model, schema, **{"output_cap": 64, **more}))
    return orjson.dumps(wording.body(question, again), option=orjson.OPT_SORT_KEYS)


def body(
    model: Model, question: Question = ASKED, schema: OutputSchema = SCHEMA, **more: Any
) -> dict[str, Any]:
    """The request as the provider reads it."""
    found: dict[str, Any] = orjson.loads(built(model, question, schema, **more))
    return found


def test_the_request_is_what_openai_documents() -> None:
    """The provider would refuse the request or ignore the schema."""
    assert body(Model("openai:m", temperature=0.5, extra={"seed": 7}), logprobs=True) == {
        "model": "m",
        "messages": [{"role": "system", "content": "Sort it."}, {"role": "user", "content": "Card lost."}],
        "max_completion_tokens": 64,
        "temperature": 0.5,
        "logprobs": True,
        "seed": 7,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "Triage", "schema": orjson.loads(SCHEMA.strict), "strict": True},
        },
    }


@pytest.mark.parametrize(
    ("name", "sent", "not_sent"),
    [
        ("openai:m", "max_completion_tokens", "max_tokens"),
        ("m@https://h/v1", "max_tokens", "max_completion_tokens"),
    ],
)
def test_the_cap_is_always_sent_in_the_servers_own_word(name: str, sent: str, not_sent: str) -> None:
    """A server that does not know the field would answer without a bound on its price."""
    found = body(Model(name))
    assert found[sent] == 64
    assert not_sent not in found


def test_the_same_question_is_the_same_bytes() -> None:
    """A reply would be bought again because two fields changed places."""
    first = built(Model("openai:m", extra={"a": 1, "b": {"y": 1, "x": 2}}))
    second = built(Model("openai:m", extra={"b": {"x": 2, "y": 1}, "a": 1}))
    assert first == second
    assert SCHEMA.strict in first, "the schema keeps its order: models answer in it"


@pytest.mark.parametrize(
    "changed",
    [
        {"model": Model("openai:m", temperature=0.1)},
        {"model": Model("openai:m", extra={"seed": 1})},
        {"again": "Mend it."},
        {"output_cap": 65},
        {"logprobs": True},
        {"model_id": "n"},
    ],
)
def test_every_part_of_the_request_is_in_its_bytes(changed: dict[str, Any]) -> None:
    """A reply to another request would be taken for this one's."""
    usual: dict[str, Any] = {"model": Model("openai:m")}
    assert built(**usual) != built(**{**usual, **changed})


@pytest.mark.parametrize(
    ("roles", "place"),
    [(("system", "user"), 1), (("system", "user", "system"), 1), (("user", "user"), 1), (("system",), 0)],
)
def test_a_re_ask_stands_at_the_end_of_the_users_words(roles: tuple[Any, ...], place: int) -> None:
    """The team's own instructions would be changed by what a model got wrong."""
    question = Question("v", b"f", tuple(Message(role, "x") for role in roles))
    contents = [said["content"] for said in body(Model("openai:m"), question, again="Mend it.")["messages"]]
    assert contents == ["x\n\nMend it." if number == place else "x" for number in range(len(roles))]
    assert [message.text for message in question.messages] == ["x"] * len(roles), "the pinned question stays"


def test_a_schema_that_the_dialect_cannot_say_is_not_strict() -> None:
    """OpenAI would refuse the schema of every request."""
    loose = OutputSchema("T", b"{}", b"{}", "", None, speaks_strict=False)
    assert body(Model("openai:m"), schema=loose)["response_format"]["json_schema"]["strict"] is False
