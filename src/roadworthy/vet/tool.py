"""Tool calls in OpenAI's chat completions: an answer as the arguments of the tool that a request offers.

Source: the guide to function calling (https://platform.openai.com/docs/guides/function-calling). One tool is called,
once: the one that `tool_choice` names, else the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from roadworthy.vet.recording import Answer

if TYPE_CHECKING:
    from typing import Protocol

    class Asked(Protocol):
        """What is needed of a request."""

        @property
        def tool(self) -> str:
            """The tool that the answer must call."""


_CHUNK_CHARS: Final = 24


def wanted_tool(said: Mapping[str, object]) -> tuple[str, Mapping[str, object] | None]:
    """The tool that an answer to this request calls, and the schema of its arguments; "" and None for none."""
    tools, choice = said.get("tools"), said.get("tool_choice")
    if not isinstance(tools, list) or choice == "none":
        return "", None
    named = _function(choice).get("name")
    for tool in tools:
        function = _function(tool)
        name, parameters = function.get("name"), function.get("parameters")
        if isinstance(name, str) and isinstance(parameters, dict) and named in {None, name}:
            return name, parameters
    return "", None


def _function(tool: object) -> Mapping[str, object]:
    inner = tool.get("function") if isinstance(tool, dict) else None
    return inner if isinstance(inner, dict) else {}


def calls_tool(asked: Asked, answer: Answer) -> bool:
    """Whether this answer is a call: a refusal, and an answer with nothing in it, are words."""
    return bool(asked.tool) and answer.refusal is None and bool(answer.content)


def finish_of(asked: Asked, answer: Answer) -> str:
    """The finish reason: a whole call ends with `tool_calls`."""
    return "tool_calls" if calls_tool(asked, answer) and answer.finish == "stop" else answer.finish


def tool_call(name: str, arguments: str, number: str) -> dict[str, object]:
    """The call as a message holds it."""
    return {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


def tool_deltas(name: str, answer: Answer, number: str) -> Iterator[dict[str, object]]:
    """The call as a stream brings it."""
    yield {"role": "assistant", "content": None, "tool_calls": [{"index": 0, **tool_call(name, "", number)}]}
    content = answer.content or ""
    for at in range(0, len(content), _CHUNK_CHARS):
        yield {
            "tool_calls": [{"index": 0, "function": {"arguments": content[at : at + _CHUNK_CHARS]}}],
        }
