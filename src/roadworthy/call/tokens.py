"""Token counts without a vocabulary: a bound from bytes, and an estimate learned from reported usage."""

from __future__ import annotations

import orjson

from roadworthy._settings import Settings
from roadworthy.call.reply import Usage

PRIOR_TOKENS_A_BYTE = 0.30
_PRIOR_BYTES = 2_000
_CUT_BYTES_A_TOKEN = 16
_CUT_BYTES_A_TOKEN_AT_A_LIMIT = 6
_CONTEXT_STEP = 1_024
_CONTEXT_KEPT = 3
_SHORT_BYTES = 4_096


def input_bound(text_bytes: int, settings: Settings) -> int:
    """An upper bound on the input tokens of a request's text: no tokenizer makes more than one token of a byte.

    Images are bounded by `vision`. A provider's own framing of messages and schema is covered by `framing_tokens`.
    """
    return text_bytes + settings.framing_tokens


def prompt_bytes(body: bytes) -> int:
    """How many bytes of a chat request a model must read, images apart: what its messages say.

    A schema is none of it where it steers the decoding (vLLM, llama.cpp, Ollama), and it is often the larger part.
    """
    contents = [message["content"] for message in orjson.loads(body)["messages"]]
    parts = [
        [{"text": content}] if isinstance(content, str) else content  # text alone, or text and images
        for content in contents
    ]
    return sum(len(str(part.get("text", "")).encode()) for one in parts for part in one)


def was_cut(request_bytes: int, usage: Usage | None) -> bool:
    """Whether a server cannot have read the whole prompt, by the tokens that it says it read.

    Ollama cuts a prompt that exceeds its context and answers all the same (ollama/ollama#3839). What it then reports is
    its context, or half of it and two or three tokens more (ollama/ollama#17427: 32,770 of 65,536), so the figure is just
    above a multiple of 1,024. No usual text has 16 bytes a token, and hardly one has 6.
    """
    if usage is None or not usage.input_tokens or request_bytes < _SHORT_BYTES:
        return False
    at_a_limit = usage.input_tokens % _CONTEXT_STEP <= _CONTEXT_KEPT
    most = _CUT_BYTES_A_TOKEN_AT_A_LIMIT if at_a_limit else _CUT_BYTES_A_TOKEN
    return request_bytes > most * usage.input_tokens


class TokenRate:
    """Tokens a byte of request, learned from what the provider reports; starts from a prior."""

    def __init__(self) -> None:
        self._bytes = float(_PRIOR_BYTES)
        self._tokens = _PRIOR_BYTES * PRIOR_TOKENS_A_BYTE

    def learn(self, request_bytes: int, tokens: int) -> None:
        """Take one report into account; older ones fade after some thousands."""
        self._bytes = self._bytes * 0.9995 + request_bytes
        self._tokens = self._tokens * 0.9995 + tokens

    def likely(self, request_bytes: int) -> int:
        """What a request of this size likely counts."""
        return round(request_bytes * self._tokens / self._bytes)
