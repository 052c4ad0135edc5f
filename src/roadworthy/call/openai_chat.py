"""The wire format of OpenAI chat completions, and of every endpoint compatible with it.

Source: platform.openai.com/docs/api-reference/chat. Unknown fields and values are read leniently, except where
leniency would take a broken answer for a whole one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import orjson

from roadworthy.ask.part import storable
from roadworthy.ask.question import OutputSchema, Question
from roadworthy.call.limits import retry_after_s
from roadworthy.call.model import Model
from roadworthy.call.openai_error import find_error, inner_status, one_line, read_error, read_page
from roadworthy.call.reply import Ending, Exchange, Outcome, Usage

_WHOLE = frozenset({"stop", "end_turn", "eos", "eos_token"})
_CUT_OFF = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})
_HELD_BACK = frozenset({"content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii"})
_CALLS = frozenset({"tool_calls", "function_call", "tool_use"})
_COUNT_MAX = 10**9  # tokens in one request; a larger figure is an error, and would not fit the ledger's money
_NEVER_LEFT = {"unsent": Ending.UNSENT, "untrusted": Ending.UNTRUSTED}


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
        last = max((place for place, said in enumerate(messages) if said["role"] == "user"), default=-1)
        messages[last]["content"] += f"\n\n{again}"
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

    What may have been billed and reports no usage is `unknown`, so that it is charged: an exchange that broke after
    sending, a 200 that cannot be read, an answer without its end. A status of 400 or more tells enough, even where
    its body broke off.

    Args:
        now: seconds since 1970, UTC, to read a Retry-After that is a date.
    """
    status, wait = exchange.status, retry_after_s(exchange.headers, now)
    provider_id = one_line(exchange.headers.get("x-request-id", ""))
    if exchange.error and status < 400:
        ending = _NEVER_LEFT.get(exchange.error, Ending.UNKNOWN)
        return Outcome(ending, provider_id=provider_id, detail=one_line(exchange.detail or exchange.error))
    said = _json(exchange.body)
    claims = 200 <= status < 300
    error = find_error(said or {})
    if claims and said is not None and error is None:
        return _answer(said, provider_id)
    if error is not None:
        ending, detail = read_error(inner_status(error) if claims else status, error)
        detail = f"inside a {status}: {detail}"[:300] if claims else detail
    elif said is None and _is_html(exchange):
        ending, detail = read_page(status)
    elif claims:
        ending, detail = Ending.UNKNOWN, f"HTTP {status} with something that is not JSON"
    else:
        ending, detail = read_error(status, {})
    return Outcome(
        ending, retry_after_s=wait, provider_id=provider_id, detail=detail, usage=_usage(said or {})
    )


def _answer(said: Mapping[str, Any], provider_id: str) -> Outcome:
    usage = _usage(said)
    choices = said.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    finish = choice.get("finish_reason")
    text, refusal = _text(message.get("content")), _refusal(message)
    ending, detail = _ending(finish, message, text, refusal) if choice else (Ending.EMPTY, "no choices")
    if ending is Ending.TRANSIENT and usage is None:
        ending = Ending.UNKNOWN
    elif ending is Ending.FILTERED:
        detail += _categories(choice)
    return Outcome(
        ending,
        text=text if ending is not Ending.REFUSED else refusal or text,
        finish=_word(finish),
        served_model=_word(said.get("model")),
        usage=usage,
        token_probability=_probability(choice.get("logprobs")),
        provider_id=_word(said.get("id")) or provider_id,
        detail=detail,
    )


def _ending(finish: object, message: Mapping[str, Any], text: str, refusal: str) -> tuple[Ending, str]:
    """Truncation is told before content is looked at: a cut answer may look whole.

    A finish reason that nobody documented (vLLM says `abort`, gateways say `error`) does not say that the answer is
    whole, so it is not taken for one; what a model writes before it calls a tool is not its answer either.
    """
    reason = finish.lower() if isinstance(finish, str) else None
    if reason in _CUT_OFF:
        return Ending.TRUNCATED, "cut off at the output cap"
    if reason in _HELD_BACK:
        return Ending.FILTERED, "held back by the content filter"
    if refusal or reason == "refusal":
        return Ending.REFUSED, one_line(refusal) or "the model refused"
    if reason in _CALLS or message.get("tool_calls"):
        return Ending.EMPTY, "a tool call instead of an answer"
    if reason not in _WHOLE:
        return Ending.TRANSIENT, one_line(f"finish_reason is {finish!r}: the answer may be cut off")
    return (Ending.OK, "") if text.strip() else (Ending.EMPTY, "no text")


def _categories(choice: Mapping[str, Any]) -> str:
    """What a filter found, where it says so (Azure's `content_filter_results`)."""
    results = choice.get("content_filter_results")
    found = results.items() if isinstance(results, dict) else ()
    named = [name for name, said in found if isinstance(said, dict) and said.get("filtered") is True]
    return one_line(f": {', '.join(named)}") if named else ""


def _refusal(message: Mapping[str, Any]) -> str:
    """What the model said instead of an answer: a field of its own, or a part of the content."""
    if isinstance(said := message.get("refusal"), str) and said.strip():
        return storable(said)
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    said_parts = [part.get("refusal") for part in parts if isinstance(part, dict)]
    return storable("".join(said for said in said_parts if isinstance(said, str)))


def _usage(said: Mapping[str, Any]) -> Usage | None:
    """Tokens as billed. Some servers leave reasoning out of `completion_tokens`, but never out of the total."""
    usage = said.get("usage")
    if not isinstance(usage, dict):
        return None
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if prompt is None or completion is None:
        return None
    inner, outer = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    inner, outer = inner if isinstance(inner, dict) else {}, outer if isinstance(outer, dict) else {}
    cached = min(prompt, _count(inner.get("cached_tokens")) or 0)
    return Usage(
        input_tokens=prompt,
        output_tokens=max(completion, (_count(usage.get("total_tokens")) or 0) - prompt),
        cached_tokens=cached,
        cache_write_tokens=min(prompt - cached, _count(inner.get("cache_write_tokens")) or 0),
        reasoning_tokens=_count(outer.get("reasoning_tokens")) or 0,
    )


def _count(value: object) -> int | None:
    """A number of tokens; gateways written in other languages send 12.0 for 12."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _COUNT_MAX
    return value if isinstance(value, int) and is_count else None


def _probability(logprobs: object) -> float | None:
    """The geometric mean probability of the tokens; None where one of them has none."""
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(content, list) or not content:
        return None
    values = [token.get("logprob") if isinstance(token, dict) else None for token in content]
    numbers = [min(0.0, float(value)) for value in values if isinstance(value, int | float) and value < 0.001]
    return math.exp(sum(numbers) / len(numbers)) if len(numbers) == len(content) else None


def _text(content: object) -> str:
    """The text of an answer, its parts joined; a part that is reasoning is no answer."""
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict)]
        said = [part.get("text") for part in parts if part.get("type", "text") in {"text", "output_text"}]
        content = "".join(text for text in said if isinstance(text, str))
    return storable(content) if isinstance(content, str) else ""


def _word(value: object) -> str:
    return one_line(value) if isinstance(value, str) else ""


def _json(body: bytes) -> dict[str, Any] | None:
    """A body's object; None where it is none. Half a surrogate pair or a bad byte spoils a character, not the answer."""
    said: object
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            said = json.loads(body.decode("utf-8-sig", "replace"))
        except (ValueError, RecursionError):
            return None
    if isinstance(said, list) and len(said) == 1:  # Gemini's compatible door wraps its errors in a list
        said = said[0]
    return said if isinstance(said, dict) else None


def _is_html(exchange: Exchange) -> bool:
    return "html" in exchange.headers.get("content-type", "").lower() or exchange.body.lstrip()[:1] == b"<"
