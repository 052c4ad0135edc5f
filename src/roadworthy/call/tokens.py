"""Token counts without a vocabulary: a bound from bytes, and an estimate learned from reported usage."""

from __future__ import annotations

from roadworthy._settings import Settings

PRIOR_TOKENS_A_BYTE = 0.30
_PRIOR_BYTES = 2_000


def input_bound(body: bytes, settings: Settings) -> int:
    """An upper bound on a request's input tokens: no tokenizer makes more than one token of a byte.

    A provider's own framing of messages and schema is covered by `framing_tokens`.
    """
    return len(body) + settings.framing_tokens


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
