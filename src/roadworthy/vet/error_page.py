"""What the provider sends instead of an answer: one row per kind of error, in the provider's own shape.

Source: the provider's error codes (https://platform.openai.com/docs/guides/error-codes); 529 is Anthropic's, which
gateways in front of several providers pass on; pages of gateways and errors inside a 200 are what proxies do.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import orjson

from roadworthy._quick import quick
from roadworthy.vet.exchange import HTML, JSON
from roadworthy.vet.kind import Kind

INVALID: Final = "invalid_request_error"


def error_body(message: str, type_: str, code: str | int | None = None, param: str | None = None) -> bytes:
    """The provider's error object."""
    return orjson.dumps({"error": {"message": message, "type": type_, "param": param, "code": code}})


@quick(frozen=True, slots=True)
class ErrorPage:
    """One error as it goes over the wire.

    Attributes:
        status: HTTP status.
        message: the provider's words; `{model}`, `{tokens}` and `{most}` stand for the request's.
        type: the error's type.
        code: the error's code.
        param: the field at fault.
        headers: header lines.
        whole: the whole body, instead of all that.
    """

    status: int
    message: str = ""
    type: str = ""
    code: str | int | None = None
    param: str | None = None
    headers: bytes = JSON
    whole: bytes = b""

    def body(self, model: str, tokens: int) -> bytes:
        """The body, told about this request.

        Args:
            model: the model that was asked.
            tokens: the request's input tokens.
        """
        if self.whole:
            return self.whole
        message = self.message.format(model=model, tokens=tokens, most=max(tokens - 1, 0))
        return error_body(message, self.type, self.code, self.param)


_LIMITED: Final = "Rate limit reached for {model} on requests per min (RPM)."
_ELSEWHERE: Final = b"location: https://elsewhere.invalid/v1/chat/completions\r\n"
_NO_CHOICES: Final = b'{"id":"chatcmpl-none","object":"chat.completion","created":0,"choices":null}'
_GATEWAY: Final = (
    b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n"
    b"<body><center><h1>502 Bad Gateway</h1></center><hr><center>cloudflare</center></body></html>\n"
)


def _throttled(header: bytes) -> ErrorPage:
    """A 429 with this header line."""
    return ErrorPage(429, _LIMITED, "requests", "rate_limit_exceeded", headers=JSON + header + b"\r\n")


PAGES: Final[Mapping[Kind, ErrorPage]] = MappingProxyType(
    {
        Kind.THROTTLED: ErrorPage(
            429,
            f"{_LIMITED} Please try again in 1s.",
            "requests",
            "rate_limit_exceeded",
            headers=JSON + b"retry-after: 1\r\n",
        ),
        Kind.RETRY_AFTER_3600: ErrorPage(
            429,
            f"{_LIMITED} Please try again in 1h0m0s.",
            "requests",
            "rate_limit_exceeded",
            headers=JSON + b"retry-after: 3600\r\n",
        ),
        Kind.RETRY_AFTER_MS: _throttled(b"retry-after-ms: 300"),
        Kind.RETRY_AFTER_NEGATIVE: _throttled(b"retry-after: -5"),
        Kind.RETRY_AFTER_NAN: _throttled(b"retry-after: NaN"),
        Kind.RETRY_AFTER_PAST: _throttled(b"retry-after: Wed, 21 Oct 2015 07:28:00 GMT"),
        Kind.THROTTLED_IN_200: ErrorPage(200, "Rate limited upstream", "rate_limit", 429),
        Kind.BAD_REQUEST_IN_200: ErrorPage(200, "Invalid schema for response_format.", INVALID, 400),
        Kind.CHOICES_NULL: ErrorPage(200, whole=_NO_CHOICES),
        Kind.REDIRECT: ErrorPage(307, headers=JSON + _ELSEWHERE, whole=b"{}"),
        Kind.THROTTLED_BARE: ErrorPage(429, _LIMITED, "requests", "rate_limit_exceeded"),
        Kind.QUOTA: ErrorPage(
            429,
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            "insufficient_quota",
        ),
        Kind.SERVER_ERROR: ErrorPage(
            500, "The server had an error while processing your request. Sorry about that!", "server_error"
        ),
        Kind.UNAVAILABLE: ErrorPage(
            503,
            "The server is currently overloaded with other requests.",
            "server_error",
            "server_is_overloaded",
        ),
        Kind.OVERLOADED: ErrorPage(529, "Overloaded", "overloaded_error"),
        Kind.HTML_502: ErrorPage(502, headers=HTML, whole=_GATEWAY),
        Kind.HTML_200: ErrorPage(200, headers=HTML, whole=_GATEWAY),
        Kind.ERROR_IN_200: ErrorPage(200, "Upstream provider returned error", "server_error", 502),
        Kind.UNAUTHORIZED: ErrorPage(401, "Incorrect API key provided.", INVALID, "invalid_api_key"),
        Kind.FORBIDDEN: ErrorPage(403, "You are not allowed to use this model.", INVALID),
        Kind.GONE_BARE: ErrorPage(404, "Not Found", "not_found"),
        Kind.GONE: ErrorPage(
            410, "The model `{model}` was retired on 2026-01-01.", INVALID, "model_deprecated"
        ),
        Kind.MODEL_GONE: ErrorPage(
            404,
            "The model `{model}` does not exist or you do not have access to it.",
            INVALID,
            "model_not_found",
        ),
        Kind.TOO_LONG: ErrorPage(
            400,
            "This model's maximum context length is {most} tokens. However, your messages resulted in {tokens}.",
            INVALID,
            "context_length_exceeded",
            "messages",
        ),
    }
)
"""The kinds that show as an error. Nothing is billed for them."""
