"""Tool calls at the simulated provider's chat door."""

import orjson
import pytest

from roadworthy.vet.dialect import Envelope, completion, read_request, stream
from roadworthy.vet.recording import Answer

PARAMETERS = {"type": "object", "properties": {"queue": {"type": "string"}}}
TOOLS = [
    {"type": "function", "function": {"name": "other", "parameters": {"type": "object"}}},
    {"type": "function", "function": {"name": "Triage", "parameters": PARAMETERS}},
]
ENVELOPE = Envelope("1", 0, "m", (1, 1), 0.5)


def body(choice: object) -> bytes:
    """A request that offers both tools."""
    return orjson.dumps(
        {
            "model": "m",
            "messages": [{"role": "user", "content": "first"}, {"role": "user", "content": "again"}],
            "tools": TOOLS,
            "tool_choice": choice,
        }
    )


@pytest.mark.parametrize(
    ("choice", "tool"),
    [
        ({"type": "function", "function": {"name": "Triage"}}, "Triage"),
        ("required", "other"),
        ("auto", "other"),
        ("none", ""),
    ],
)
def test_the_tool_that_is_wanted_is_called(choice: object, tool: str) -> None:
    """A client that asks for a tool call would get words, and its answers could not be tested."""
    asked = read_request(body(choice))
    assert asked.tool == tool
    assert asked.earlier == ("first",)
    said = orjson.loads(completion(asked, Answer('{"queue":"a"}'), ENVELOPE))["choices"][0]
    if tool:
        assert said["finish_reason"] == "tool_calls"
        assert said["message"]["tool_calls"][0]["function"] == {"name": tool, "arguments": '{"queue":"a"}'}
    else:
        assert said["message"]["content"] == '{"queue":"a"}'


@pytest.mark.parametrize("answer", [Answer(""), Answer(None, refusal="no")], ids=["empty", "refused"])
def test_a_refusal_is_no_call(answer: Answer) -> None:
    """A refusal would look like a tool call with nothing in it, which no provider sends."""
    asked = read_request(body("required"))
    said = orjson.loads(completion(asked, answer, ENVELOPE))["choices"][0]
    assert "tool_calls" not in said["message"]
    assert said["finish_reason"] == "stop"


def test_a_cut_call_keeps_its_reason() -> None:
    """A call that was cut off would pass for a whole one."""
    said = orjson.loads(
        completion(read_request(body("required")), Answer('{"que', finish="length"), ENVELOPE)
    )
    assert said["choices"][0]["finish_reason"] == "length"


def test_a_streamed_call_adds_up() -> None:
    """A client that reads streams would gather other arguments than were sent."""
    answer = Answer('{"queue":"' + "a" * 100 + '"}')
    events = stream(read_request(body("required")), answer, ENVELOPE)
    chunks = [orjson.loads(event[6:])["choices"][0] for event in events[:-1]]
    calls = [call for chunk in chunks for call in chunk["delta"].get("tool_calls", ())]
    assert "".join(call["function"]["arguments"] for call in calls) == answer.content
    assert chunks[-1]["finish_reason"] == "tool_calls"
