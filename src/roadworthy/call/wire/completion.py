"""A chat completion that is well and as the documents have it, read in one pass.

Nearly every answer is. What a field must be for that is its type here; whatever is otherwise is read leniently by
`openai_chat.py`, which says the same of an answer that both can read.

Source: platform.openai.com/docs/api-reference/chat/object.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import DecodeError, Meta, Struct
from msgspec.json import Decoder

from roadworthy.ask.part import storable
from roadworthy.call.reply import Ending, Outcome, Usage
from roadworthy.call.wire.error import as_name, as_word
from roadworthy.call.wire.value import COUNT_MAX
from roadworthy.call.wire.wire import provider_id_of

_Count: TypeAlias = Annotated[int, Meta(ge=0, le=COUNT_MAX)]


class _Details(Struct):
    cached_tokens: _Count = 0
    cache_write_tokens: _Count = 0
    reasoning_tokens: _Count = 0


_NO_DETAILS: Final = _Details()


class _Usage(Struct):
    prompt_tokens: _Count
    completion_tokens: _Count
    total_tokens: _Count
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None

    def normal(self) -> Usage:
        """In the normal form: some servers leave reasoning out of `completion_tokens`, never out of the total."""
        prompt, given = self.prompt_tokens, self.prompt_tokens_details or _NO_DETAILS
        cached = min(given.cached_tokens, prompt)
        return Usage(
            prompt,
            max(self.completion_tokens, self.total_tokens - prompt),
            cached,
            min(given.cache_write_tokens, prompt - cached),
            (self.completion_tokens_details or _NO_DETAILS).reasoning_tokens,
        )


class _Message(Struct):
    content: str
    refusal: None = None
    tool_calls: None = None


class _Choice(Struct):
    message: _Message
    finish_reason: Literal["stop"]
    logprobs: None = None
    error: None = None


class _Completion(Struct):
    choices: tuple[_Choice]
    usage: _Usage
    id: str = ""
    model: str = ""
    object: Literal["chat.completion"] = "chat.completion"
    error: None = None


_DECODER: Final = Decoder(_Completion)


def plain_completion(body: bytes, headers: Mapping[str, str]) -> Outcome | None:
    """What such a body says; None where it is another one."""
    try:
        said = _DECODER.decode(body)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None
    text = said.choices[0].message.content
    if not text.strip():
        return None
    return Outcome(
        Ending.OK,
        storable(text),
        "stop",
        as_name(said.model),
        said.usage.normal(),
        provider_id=as_word(said.id) or provider_id_of(headers),
    )
