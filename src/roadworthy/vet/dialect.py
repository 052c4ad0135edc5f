"""OpenAI chat completions: what a request says, and how an answer and a stream look on the wire.

Source: the API reference (https://platform.openai.com/docs/api-reference/chat) and what the official SDK sends and reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import orjson

from roadworthy._quick import quick
from roadworthy.vet.recording import Answer
from roadworthy.vet.tool import calls_tool, finish_of, tool_call, tool_deltas, wanted_tool

CHARS_PER_TOKEN: Final = 4
TOKENS_PER_MESSAGE: Final = 3
_CHUNK_CHARS: Final = 24
_LEAST_PROBABILITY: Final = 0.5
_LENGTH: Final = "length"


class BadRequest(Exception):
    """The request is not one that the provider accepts.

    Args:
        message: what is wrong, in the provider's words.
        param: the field.
    """

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


@quick(frozen=True, slots=True)
class ChatRequest:
    """What a request asks for, as far as the simulated provider cares.

    Attributes:
        model: the model's name as sent.
        question: the text of the last user message.
        input_tokens: tokens of the messages and the schema.
        output_tokens_max: the cap on the answer; None without one.
        schema: the JSON Schema that the answer must meet, where one is given.
        json_wanted: the answer must be JSON.
        stream: server-sent events are wanted.
        usage_in_stream: the stream ends with the usage.
        logprobs: the tokens' log-probabilities are wanted.
        tool: the tool that the answer must call; "" for an answer in words.
        earlier: what the user said before, the latest first.
    """

    model: str
    question: str
    input_tokens: int
    output_tokens_max: int | None
    schema: Mapping[str, object] | None
    json_wanted: bool
    stream: bool
    usage_in_stream: bool
    logprobs: bool
    tool: str = ""
    earlier: tuple[str, ...] = ()


def read_request(body: bytes) -> ChatRequest:
    """The request in the body of a `POST /v1/chat/completions`.

    Raises:
        BadRequest: it is not JSON, or a field is missing or of the wrong type.
    """
    said = read_object(body)
    model = said.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest("you must provide a model parameter", "model")
    chars, questions, count = _messages(said.get("messages"))
    schema, schema_bytes, json_wanted = _response_format(said.get("response_format"))
    tool, parameters = wanted_tool(said) if schema is None else ("", None)
    if parameters is not None:
        schema, schema_bytes, json_wanted = parameters, len(orjson.dumps(said.get("tools"))), True
    if said.get("n", 1) not in (1, None):
        raise BadRequest("Invalid 'n': this provider gives one choice per request.", "n")
    options = said.get("stream_options")
    return ChatRequest(
        model=model,
        question=questions[-1] if questions else "",
        input_tokens=-(-(chars + schema_bytes) // CHARS_PER_TOKEN) + TOKENS_PER_MESSAGE * count,
        output_tokens_max=_cap(said),
        schema=schema,
        json_wanted=json_wanted,
        stream=said.get("stream") is True,
        usage_in_stream=isinstance(options, dict) and options.get("include_usage") is True,
        logprobs=said.get("logprobs") is True,
        tool=tool,
        earlier=tuple(reversed(questions[:-1])),
    )


def read_object(body: bytes) -> dict[str, object]:
    """The object in a request's body.

    Raises:
        BadRequest: there is none.
    """
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"We could not parse the JSON body of your request: {error}") from error
    if not isinstance(said, dict):
        raise BadRequest("The body of your request is not a JSON object.")
    return said


def asked_of(
    model: str,
    said: Sequence[tuple[str, str]],
    schema: object,
    cap: int | None,
    *,
    json_wanted: bool,
    stream: bool,
    logprobs: bool = False,
) -> ChatRequest:
    """A request in any dialect: what is said by whom, the schema and the cap."""
    if not said:
        raise BadRequest("messages: at least one message is required", "messages")
    found = schema if isinstance(schema, dict) else None
    schema_bytes = len(orjson.dumps(found)) if found is not None else 0
    chars = sum(len(text) for _, text in said) + schema_bytes
    questions = [text for role, text in said if role == "user"]
    return ChatRequest(
        model=model,
        question=questions[-1] if questions else "",
        input_tokens=-(-chars // CHARS_PER_TOKEN) + TOKENS_PER_MESSAGE * len(said),
        output_tokens_max=cap,
        schema=found,
        json_wanted=json_wanted or found is not None,
        stream=stream,
        usage_in_stream=True,
        logprobs=logprobs,
        earlier=tuple(reversed(questions[:-1])),
    )


def text_of(content: object) -> str:
    """The text of a content: a string, or a list of parts with a text each."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def whole_number(said: Mapping[str, object], name: str) -> int | None:
    """A cap of at least 1; None where there is none.

    Raises:
        BadRequest: something else stands there.
    """
    cap = said.get(name)
    if cap is None:
        return None
    if isinstance(cap, bool) or not isinstance(cap, int) or cap < 1:
        raise BadRequest(f"Invalid '{name}': expected an integer of at least 1, got {cap!r}.", name)
    return cap


def pieces(text: str) -> list[str]:
    """A text as a stream brings it."""
    return [text[place : place + _CHUNK_CHARS] for place in range(0, len(text), _CHUNK_CHARS)]


def _messages(said: object) -> tuple[int, list[str], int]:
    """Characters in all messages, the texts of the user's, and how many messages there are."""
    if not isinstance(said, list) or not said:
        raise BadRequest("Invalid 'messages': expected a list of at least one message.", "messages")
    chars, questions = 0, []
    for position, message in enumerate(said):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise BadRequest(f"Missing required parameter: 'messages[{position}].role'.", "messages")
        text = _text(message.get("content"), position)
        chars += len(text)
        if message["role"] == "user":
            questions.append(text)
    return chars, questions, len(said)


def _text(content: object, position: int) -> str:
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if not isinstance(content, list):
        raise BadRequest(f"Invalid type for 'messages[{position}].content'.", "messages")
    texts = [part.get("text") for part in content if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def _response_format(said: object) -> tuple[Mapping[str, object] | None, int, bool]:
    """The schema, its length in bytes, and whether JSON is wanted at all."""
    if not isinstance(said, dict):
        return None, 0, False
    if said.get("type") != "json_schema":
        return None, 0, said.get("type") == "json_object"
    inner = said.get("json_schema")
    schema = inner.get("schema") if isinstance(inner, dict) else None
    if not isinstance(schema, dict):
        raise BadRequest(
            "Missing required parameter: 'response_format.json_schema.schema'.", "response_format"
        )
    return schema, len(orjson.dumps(schema)), True


def _cap(said: Mapping[str, object]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        cap = said.get(name)
        if cap is not None:
            if isinstance(cap, bool) or not isinstance(cap, int) or cap < 1:
                raise BadRequest(f"Invalid '{name}': expected an integer of at least 1, got {cap!r}.", name)
            return cap
    return None


def output_tokens(text: str) -> int:
    """Tokens that an answer of this text costs: a quarter of its characters, rounded up, and one for its end."""
    return -(-len(text) // CHARS_PER_TOKEN) + 1


def capped(answer: Answer, tokens_max: int | None) -> Answer:
    """The answer, cut to what the cap leaves; then its finish reason is `length`."""
    if tokens_max is None or answer.content is None or output_tokens(answer.content) <= tokens_max:
        return answer
    kept = answer.content[: CHARS_PER_TOKEN * (tokens_max - 1)]
    return Answer(kept, _LENGTH, answer.refusal, answer.token_probability)


@quick(frozen=True, slots=True)
class Envelope:
    """What surrounds an answer.

    Attributes:
        name: the response's id, without its prefix.
        created: seconds since 1970.
        model: the model that the response names.
        usage: input and output tokens; None where the provider says nothing of them.
        chance: a number in [0, 1) that seeds the log-probabilities.
    """

    name: str
    created: int
    model: str
    usage: tuple[int, int] | None
    chance: float


def completion(asked: ChatRequest, answer: Answer, envelope: Envelope) -> bytes:
    """The body of a `chat.completion`."""
    said: dict[str, object] = {
        "id": f"chatcmpl-{envelope.name}",
        "object": "chat.completion",
        "created": envelope.created,
        "model": envelope.model,
        "choices": [
            {
                "index": 0,
                "message": _message(asked, answer, envelope),
                "logprobs": _logprobs(token_logprobs(answer, envelope.chance)) if asked.logprobs else None,
                "finish_reason": finish_of(asked, answer),
            }
        ],
        "service_tier": "default",
        "system_fingerprint": "fp_simulated",
    }
    if envelope.usage is not None:
        said["usage"] = _usage(*envelope.usage)
    return orjson.dumps(said)


def _message(asked: ChatRequest, answer: Answer, envelope: Envelope) -> dict[str, object]:
    if not calls_tool(asked, answer):
        return {"role": "assistant", "content": answer.content, "refusal": answer.refusal}
    calls = [tool_call(asked.tool, answer.content or "", envelope.name)]
    return {"role": "assistant", "content": None, "refusal": None, "tool_calls": calls}


def _usage(given: int, produced: int) -> dict[str, object]:
    return {
        "prompt_tokens": given,
        "completion_tokens": produced,
        "total_tokens": given + produced,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _logprobs(entries: list[dict[str, object]]) -> dict[str, object]:
    return {"content": entries, "refusal": None}


def token_logprobs(answer: Answer, chance: float) -> list[dict[str, object]]:
    """One entry per token of four characters; their mean is the recorded probability, where there is one."""
    content = answer.content or ""
    entries: list[dict[str, object]] = []
    for at in range(0, len(content), CHARS_PER_TOKEN):
        token = content[at : at + CHARS_PER_TOKEN]
        # The golden ratio spreads the tokens' probabilities evenly without another hash for each.
        spread = _LEAST_PROBABILITY + (1 - _LEAST_PROBABILITY) * ((chance + at * 0.6180339887498949) % 1)
        logprob = math.log(answer.token_probability or spread)
        raw = list(token.encode("utf-8", "surrogatepass"))
        entries.append({"token": token, "logprob": logprob, "bytes": raw, "top_logprobs": []})
    return entries


def stream(asked: ChatRequest, answer: Answer, envelope: Envelope) -> Sequence[bytes]:
    """The events of a `chat.completion.chunk` stream, the role first, `[DONE]` last."""
    deltas = tool_deltas(asked.tool, answer, envelope.name) if calls_tool(asked, answer) else _deltas(answer)
    entries = token_logprobs(answer, envelope.chance) if asked.logprobs else []
    events = []
    for delta in deltas:
        size = -(-len(str(delta.get("content") or "")) // CHARS_PER_TOKEN)  # a piece is so many whole tokens
        events.append(_event(envelope, delta, None, entries[:size]))
        entries = entries[size:]
    events.append(_event(envelope, {}, finish_of(asked, answer)))
    if asked.usage_in_stream and envelope.usage is not None:
        said = {**_chunk(envelope), "choices": [], "usage": _usage(*envelope.usage)}
        events.append(b"data: " + orjson.dumps(said) + b"\n\n")
    return [*events, b"data: [DONE]\n\n"]


def _deltas(answer: Answer) -> Iterator[dict[str, object]]:
    yield {"role": "assistant", "content": "" if answer.content is not None else None, "refusal": None}
    for name, text in (("content", answer.content), ("refusal", answer.refusal)):
        for at in range(0, len(text or ""), _CHUNK_CHARS):
            yield {name: (text or "")[at : at + _CHUNK_CHARS]}


def _chunk(envelope: Envelope) -> dict[str, object]:
    return {
        "id": f"chatcmpl-{envelope.name}",
        "object": "chat.completion.chunk",
        "created": envelope.created,
        "model": envelope.model,
        "system_fingerprint": "fp_simulated",
    }


def _event(
    envelope: Envelope,
    delta: dict[str, object],
    finish: str | None,
    entries: Sequence[dict[str, object]] = (),
) -> bytes:
    logprobs = _logprobs([*entries]) if entries else None
    choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
    return b"data: " + orjson.dumps({**_chunk(envelope), "choices": [choice]}) + b"\n\n"


def model_list(models: Sequence[str]) -> bytes:
    """The body of `GET /v1/models`."""
    return orjson.dumps({"object": "list", "data": [model_entry(name) for name in models]})


def model_entry(name: str) -> dict[str, object]:
    """One model as `GET /v1/models` shows it."""
    return {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "recorded"}
