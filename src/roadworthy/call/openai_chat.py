"""The wire format of OpenAI chat completions, and of every endpoint compatible with it.

Source: platform.openai.com/docs/api-reference/chat. Unknown fields and values are read leniently, except where
leniency would take a broken answer for a whole one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import orjson

from roadworthy.ask.question import OutputSchema, Question
from roadworthy.call.limits import retry_after_s
from roadworthy.call.model import Model
from roadworthy.call.reply import Ending, Exchange, Outcome, Usage

_DETAIL_CHARS = 300
_QUOTA = frozenset(
    {"insufficient_quota", "credit_balance_exhausted", "billing_hard_limit_reached", "billing_not_active"}
)
_TOO_LONG = frozenset({"context_length_exceeded", "string_above_max_length", "request_too_large"})
_GONE = frozenset({"model_not_found", "model_deprecated"})
_ERRORS = {
    "error": {
        "unsent": Ending.UNSENT,
        "reset": Ending.UNKNOWN,
        "cut": Ending.UNKNOWN,
        "timeout": Ending.UNKNOWN,
        "too_large": Ending.UNKNOWN,
    }
}


def build_body(
    model_id: str,
    model: Model,
    question: Question,
    schema: OutputSchema,
    *,
    again: str = "",
    output_cap: int,
    logprobs: bool = False,
) -> bytes:
    """The exact bytes of a request: canonical JSON, so that the same question is the same request.

    Args:
        again: what a re-ask adds to the last user message.
        output_cap: sent as `max_completion_tokens` to OpenAI, as `max_tokens` to compatible servers.
    """
    messages = [{"role": message.role, "content": message.text} for message in question.messages]
    if again:
        messages[-1]["content"] += f"\n\n{again}"
    body: dict[str, object] = {
        **model.extra,
        "model": model_id,
        "messages": messages,
        "max_completion_tokens" if model.name.startswith("openai:") else "max_tokens": output_cap,
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": schema.name,
                "schema": orjson.Fragment(schema.strict),
                "strict": schema.speaks_strict,
            },
        },
    }
    if model.temperature is not None:
        body["temperature"] = model.temperature
    if logprobs:
        body["logprobs"] = True
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def read_answer(exchange: Exchange, now: float) -> Outcome:
    """Classify one exchange: the one place where what a provider says becomes an ending. Pure.

    Args:
        now: seconds since 1970, UTC, to read a Retry-After that is a date.
    """
    wait = retry_after_s(exchange.headers, now)
    provider_id = exchange.headers.get("x-request-id", "")
    if exchange.error:
        ending = _ERRORS["error"].get(exchange.error, Ending.UNKNOWN)
        return Outcome(ending, provider_id=provider_id, detail=_line(exchange.detail or exchange.error))
    said = _json(exchange.body)
    if exchange.status != 200:
        error = said.get("error")
        ending, detail = _refusal(exchange.status, error if isinstance(error, dict) else {})
        if said == {} and exchange.status not in {401, 403, 404, 410, 413, 429}:
            ending = Ending.TRANSIENT if exchange.status >= 500 or _is_html(exchange) else ending
        return Outcome(
            ending, retry_after_s=wait, provider_id=provider_id, detail=detail or f"HTTP {exchange.status}"
        )
    if not said:
        kind = "an HTML page" if _is_html(exchange) else "something that is not JSON"
        return Outcome(Ending.TRANSIENT, provider_id=provider_id, detail=f"HTTP 200 with {kind}")
    if isinstance(error := said.get("error"), dict):
        ending, detail = _refusal(_inner_status(error), error)
        return Outcome(
            ending,
            retry_after_s=wait,
            provider_id=provider_id,
            detail=f"inside a 200: {detail}",
            usage=_usage(said),
        )
    return _answer(said, provider_id)


def _answer(said: Mapping[str, Any], provider_id: str) -> Outcome:
    usage = _usage(said)
    choices = said.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
    served = said.get("model") if isinstance(said.get("model"), str) else ""
    if choice is None:
        return Outcome(
            Ending.EMPTY, usage=usage, provider_id=provider_id, served_model=served or "", detail="no choices"
        )
    said_message = choice.get("message")
    message = said_message if isinstance(said_message, dict) else {}
    finish = choice.get("finish_reason")
    text = _text(message.get("content"))
    ending, detail = _ending(finish, message, text)
    return Outcome(
        ending,
        text=text if ending is not Ending.REFUSED else _text(message.get("refusal")) or text,
        finish=finish if isinstance(finish, str) else "",
        served_model=served or "",
        usage=usage,
        token_probability=_probability(choice.get("logprobs")),
        provider_id=said.get("id") if isinstance(said.get("id"), str) else provider_id,  # type: ignore[arg-type] # tested
        detail=detail,
    )


def _ending(finish: object, message: Mapping[str, Any], text: str) -> tuple[Ending, str]:
    """Truncation is told before content is looked at: a cut answer may look whole."""
    if finish == "length":
        return Ending.TRUNCATED, "cut off at the output cap"
    if finish == "content_filter":
        return Ending.FILTERED, "held back by the content filter"
    if isinstance(message.get("refusal"), str) and message["refusal"]:
        return Ending.REFUSED, _line(message["refusal"])
    if finish not in {"stop", "end_turn", "eos", "tool_calls", "function_call"}:
        # Without a finish reason that means the end, nothing says that the answer is whole.
        return Ending.TRANSIENT, f"finish_reason is {finish!r}: the answer may be cut off"
    if not text.strip():
        return Ending.EMPTY, "a tool call instead of an answer" if message.get("tool_calls") else "no text"
    return Ending.OK, ""


def _refusal(status: int, error: Mapping[str, Any]) -> tuple[Ending, str]:
    """An error response by status and code, never by the words of its message."""
    codes = {str(error.get(name)).lower() for name in ("code", "type") if error.get(name)}
    words = error.get("message")
    code = error.get("code") or error.get("type") or ""
    detail = _line(f"HTTP {status} {code}: {words}" if words else f"HTTP {status} {code}".rstrip())
    if codes & _QUOTA or status == 402:
        return Ending.QUOTA, detail
    if codes & _TOO_LONG or status == 413:
        return Ending.TOO_LONG, detail
    if status == 429:
        return Ending.THROTTLED, detail
    if status in {401, 403}:
        return Ending.AUTH, detail
    if codes & _GONE or status in {404, 410}:
        return Ending.GONE, detail
    if status in {408, 409, 425} or status >= 500:
        return Ending.TRANSIENT, detail
    return Ending.BAD_REQUEST, detail


def _inner_status(error: Mapping[str, Any]) -> int:
    """The status that an error inside a 200 would have had."""
    code = error.get("code", error.get("status"))
    if isinstance(code, int) and 400 <= code < 600:
        return code
    if isinstance(code, str) and code.isdigit():
        return int(code)
    kind = str(error.get("type", "")).lower()
    if "rate_limit" in kind or str(code) in {"rate_limit_exceeded", "slow_down"}:
        return 429
    return 400 if kind == "invalid_request_error" else 500


def _usage(said: Mapping[str, Any]) -> Usage | None:
    usage = said.get("usage")
    if not isinstance(usage, dict):
        return None
    counts = [_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens")]
    if counts[0] is None or counts[1] is None:
        return None
    inner, outer = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    inner, outer = inner if isinstance(inner, dict) else {}, outer if isinstance(outer, dict) else {}
    return Usage(
        input_tokens=counts[0],
        output_tokens=counts[1],
        cached_tokens=min(counts[0], _count(inner.get("cached_tokens")) or 0),
        cache_write_tokens=_count(inner.get("cache_write_tokens")) or 0,
        reasoning_tokens=_count(outer.get("reasoning_tokens")) or 0,
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _probability(logprobs: object) -> float | None:
    """The geometric mean probability of the tokens."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list) or not content:
        return None
    values = [token.get("logprob") for token in content if isinstance(token, dict)]
    numbers = [float(value) for value in values if isinstance(value, int | float) and value <= 0]
    return math.exp(sum(numbers) / len(numbers)) if numbers and len(numbers) == len(content) else None


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return ""


def _json(body: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _is_html(exchange: Exchange) -> bool:
    return "html" in exchange.headers.get("content-type", "") or exchange.body.lstrip()[:1] == b"<"


def _line(text: str) -> str:
    """One line for a person: control characters visible, length bounded."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+", " ", text)[:_DETAIL_CHARS]
