"""The classifier: one table, a row for each thing a provider has been seen to say."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.call.reply import Ending, Exchange, Outcome, Usage
from roadworthy.call.wire.openai_chat import OpenAIChat

NOW = 1_700_000_000.0
USED = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def read_answer(exchange: Exchange, now: float) -> Outcome:
    """What chat completions make of an exchange."""
    return OpenAIChat().read(exchange, now)


def choice(content: object = "{}", finish: object = "stop", **more: object) -> dict[str, Any]:
    """A 200's body with one choice and usage."""
    message = {"role": "assistant", "content": content, **more}
    return {
        "id": "chatcmpl-1",
        "model": "m-1",
        "choices": [{"message": message, "finish_reason": finish}],
        "usage": USED,
    }


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    """The body less one field."""
    return {key: value for key, value in body.items() if key != name}


def failed(code: object = None, kind: object = None, words: str = "no", **more: object) -> dict[str, Any]:
    """An error's body."""
    return {"error": {"message": words, "type": kind, "param": None, "code": code, **more}}


@dataclass(frozen=True)
class Row:
    """What came, and what it means."""

    name: str
    status: int
    body: object
    ending: Ending
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float | None = None
    error: str = ""

    @property
    def exchange(self) -> Exchange:
        """The exchange as the transport hands it over."""
        body = self.body if isinstance(self.body, bytes) else orjson.dumps(self.body)
        kind = "text/html; charset=utf-8" if body[:1] == b"<" else "application/json"
        return Exchange(self.status, {"content-type": kind, **self.headers}, body, error=self.error)


HTML = b"<!DOCTYPE html><html><body>502 Bad gateway</body></html>"
E = Ending
ROWS = [
    # Whole answers
    Row("stop", 200, choice(), E.OK),
    Row("end_turn", 200, choice(finish="end_turn"), E.OK),
    Row("eos_token, as TGI says", 200, choice(finish="eos_token"), E.OK),
    Row(
        "content in parts", 200, choice([{"type": "text", "text": "{"}, {"type": "text", "text": "}"}]), E.OK
    ),
    Row("no usage: charged at the reservation", 200, without(choice(), "usage"), E.OK),
    Row("201 is a success", 201, choice(), E.OK),
    Row("error: null beside an answer", 200, {**choice(), "error": None}, E.OK),
    Row("error: {} beside an answer", 200, {**choice(), "error": {}}, E.OK),
    Row("refusal: null", 200, choice(refusal=None), E.OK),
    Row("tool_calls: []", 200, choice(tool_calls=[]), E.OK),
    Row(
        "a lone surrogate",
        200,
        b'{"choices":[{"message":{"content":"\\ud800"},"finish_reason":"stop"}]}',
        E.OK,
    ),
    Row(
        "bytes that are no UTF-8",
        200,
        b'{"choices":[{"message":{"content":"\xff"},"finish_reason":"stop"}]}',
        E.OK,
    ),
    # Cut off at the cap, told before content is looked at
    Row("length", 200, choice('{"a":1', "length"), E.TRUNCATED),
    Row("length, content looks whole", 200, choice("{}", "length"), E.TRUNCATED),
    Row("length, content null: reasoning took it all", 200, choice(None, "length"), E.TRUNCATED),
    Row("length and a refusal", 200, choice(None, "length", refusal="I can't"), E.TRUNCATED),
    Row("max_tokens, as others say", 200, choice("{", "max_tokens"), E.TRUNCATED),
    Row("MAX_TOKENS", 200, choice("{", "MAX_TOKENS"), E.TRUNCATED),
    Row("model_length, as Mistral says", 200, choice("{", "model_length"), E.TRUNCATED),
    # Held back or refused
    Row("content_filter", 200, choice("", "content_filter"), E.FILTERED),
    Row("content_filter with half an answer", 200, choice("{}", "content_filter"), E.FILTERED),
    Row("SAFETY", 200, choice(None, "SAFETY"), E.FILTERED),
    Row("400 content_filter, as Azure says", 400, failed("content_filter"), E.FILTERED),
    Row(
        "403 of a flagged input",
        403,
        failed(403, metadata={"flagged_input": "x", "reasons": ["y"]}),
        E.FILTERED,
    ),
    Row("refusal", 200, choice(None, refusal="I can't help"), E.REFUSED),
    Row("refusal as a part", 200, choice([{"type": "refusal", "refusal": "No."}]), E.REFUSED),
    Row("finish_reason refusal", 200, choice("", "refusal"), E.REFUSED),
    # No answer in it
    Row("empty text", 200, choice(""), E.EMPTY),
    Row("white space", 200, choice(" \n\t"), E.EMPTY),
    Row("null content", 200, choice(None), E.EMPTY),
    Row("only reasoning", 200, choice([{"type": "reasoning", "text": "hm"}]), E.EMPTY),
    Row("choices []", 200, {**choice(), "choices": []}, E.EMPTY),
    Row("choices null", 200, {**choice(), "choices": None}, E.EMPTY),
    Row("choices [null]", 200, {**choice(), "choices": [None]}, E.EMPTY),
    Row("an empty object", 200, {}, E.EMPTY),
    Row("a tool call", 200, choice(None, "tool_calls", tool_calls=[{"id": "1"}]), E.EMPTY),
    Row("words before a tool call", 200, choice("{}", "tool_calls", tool_calls=[{"id": "1"}]), E.EMPTY),
    Row("a tool call that says stop", 200, choice("{}", "stop", tool_calls=[{"id": "1"}]), E.EMPTY),
    # No sign that the answer is whole
    Row("no finish_reason", 200, choice(finish=None), E.TRANSIENT),
    Row("finish_reason abort, as vLLM says", 200, choice(finish="abort"), E.TRANSIENT),
    Row("finish_reason that is no text", 200, choice(finish=7), E.TRANSIENT),
    Row("no finish_reason, no usage: may be billed", 200, without(choice(finish=None), "usage"), E.UNKNOWN),
    Row("a body cut where the wire ends whole", 200, orjson.dumps(choice())[:-30], E.UNKNOWN),
    Row("200 with nothing", 200, b"", E.UNKNOWN),
    Row("200 with text", 200, b"upstream ok", E.UNKNOWN),
    Row("200 with a hundred thousand brackets", 200, b"[" * 100_000, E.UNKNOWN),
    # Throttled
    Row("429", 429, failed("rate_limit_exceeded"), E.THROTTLED),
    Row("429 by seconds", 429, failed("rate_limit_exceeded"), E.THROTTLED, {"retry-after": "30"}, 30.0),
    Row("429 by milliseconds", 429, failed(), E.THROTTLED, {"retry-after-ms": "1500"}, 1.5),
    Row("429, both", 429, failed(), E.THROTTLED, {"retry-after-ms": "250", "retry-after": "9"}, 0.25),
    Row("429 by date", 429, failed(), E.THROTTLED, {"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
    Row(
        "429 by a date without a zone",
        429,
        failed(),
        E.THROTTLED,
        {"retry-after": "Tue Nov 14 22:13:50 2023"},
        30.0,
    ),
    Row("429, past date", 429, failed(), E.THROTTLED, {"retry-after": "Tue, 14 Nov 2000 22:13:50 GMT"}),
    Row("429, negative", 429, failed(), E.THROTTLED, {"retry-after": "-5"}),
    Row("429, NaN", 429, failed(), E.THROTTLED, {"retry-after": "NaN"}),
    Row("429, inf", 429, failed(), E.THROTTLED, {"retry-after": "inf"}),
    Row("429, words", 429, failed(), E.THROTTLED, {"retry-after": "soon"}),
    Row(
        "429, an hour: kept, the policy caps it", 429, failed(), E.THROTTLED, {"retry-after": "3600"}, 3600.0
    ),
    Row("429 slow_down", 429, failed("slow_down"), E.THROTTLED),
    Row("503 slow_down, as it was once", 503, failed("slow_down"), E.THROTTLED),
    Row("429 with a page", 429, HTML, E.THROTTLED, {"retry-after": "7"}, 7.0),
    Row("429 without a body", 429, b"", E.THROTTLED),
    Row("429 whose body broke off", 429, b'{"er', E.THROTTLED, {"retry-after": "7"}, 7.0, "cut"),
    Row(
        "429 in words that speak of quota",
        429,
        failed(words="You exceeded your quota of requests"),
        E.THROTTLED,
    ),
    # The account
    Row("insufficient_quota by code", 429, failed("insufficient_quota"), E.QUOTA),
    Row("insufficient_quota by type", 429, failed(None, "insufficient_quota"), E.QUOTA),
    Row("credit_balance_exhausted", 429, failed("credit_balance_exhausted"), E.QUOTA),
    Row("billing_hard_limit", 400, failed("billing_hard_limit"), E.QUOTA),
    Row("billing_hard_limit_reached", 400, failed("billing_hard_limit_reached"), E.QUOTA),
    Row("402", 402, failed(), E.QUOTA),
    Row("401", 401, failed("invalid_api_key"), E.AUTH),
    Row("401 of a proxy's login page", 401, HTML, E.AUTH),
    Row("403", 403, failed("unsupported_country_region_territory"), E.AUTH),
    Row("400 invalid_api_key", 400, failed("invalid_api_key"), E.AUTH),
    # The model
    Row("404 model_not_found", 404, failed("model_not_found"), E.GONE),
    Row("403 model_not_found: no access", 403, failed("model_not_found"), E.GONE),
    Row("a bare 404", 404, b"", E.GONE),
    Row("410", 410, failed(), E.GONE),
    Row("the base URL moved", 308, b"", E.GONE),
    # The request
    Row("context_length_exceeded", 400, failed("context_length_exceeded"), E.TOO_LONG),
    Row("413", 413, failed(), E.TOO_LONG),
    Row("413 of nginx", 413, HTML, E.TOO_LONG),
    Row("400", 400, failed("invalid_value"), E.BAD_REQUEST),
    Row(
        "400 in words that speak of length",
        400,
        failed(words="maximum context length is 4096"),
        E.BAD_REQUEST,
    ),
    Row("422", 422, {"detail": [{"loc": ["body"]}]}, E.BAD_REQUEST),
    Row("405", 405, b"", E.BAD_REQUEST),
    # The provider
    *(Row(str(status), status, failed(), E.TRANSIENT) for status in (408, 409, 500, 502, 503, 504, 520, 529)),
    Row("503 by seconds", 503, failed(), E.TRANSIENT, {"retry-after": "3"}, 3.0),
    Row("500 without a body", 500, b"", E.TRANSIENT),
    Row("503 whose body broke off", 503, b'{"er', E.TRANSIENT, error="cut"),
    Row("a temporary redirect", 307, b"", E.TRANSIENT),
    Row("a page, 200", 200, HTML, E.TRANSIENT),
    Row("a page, 502", 502, HTML, E.TRANSIENT),
    Row("a firewall's page, 403: one record must not close the lane", 403, HTML, E.TRANSIENT),
    Row("a page, 404", 404, HTML, E.TRANSIENT),
    Row("a page, 400", 400, HTML, E.TRANSIENT),
    # An error inside a 200
    Row("inner 429", 200, failed(429), E.THROTTLED),
    Row('inner "429"', 200, failed("429"), E.THROTTLED),
    Row(
        "inner rate_limit_exceeded",
        200,
        failed("rate_limit_exceeded"),
        E.THROTTLED,
        {"retry-after": "2"},
        2.0,
    ),
    Row("inner 502", 200, {**failed(502), "choices": None}, E.TRANSIENT),
    Row("inner 400", 200, failed(400), E.BAD_REQUEST),
    Row("inner 401", 200, failed(401), E.AUTH),
    Row("inner insufficient_quota", 200, failed("insufficient_quota"), E.QUOTA),
    Row("inner invalid_request_error", 200, failed(None, "invalid_request_error"), E.BAD_REQUEST),
    Row("inner server_error", 200, failed(None, "server_error"), E.TRANSIENT),
    Row("inner error that is a word", 200, {"error": "overloaded"}, E.TRANSIENT),
    Row("inner error in a choice", 200, {"choices": [{"error": {"code": 502, "message": "x"}}]}, E.TRANSIENT),
    Row("object: error, as vLLM says", 200, {"object": "error", "message": "x", "code": 400}, E.BAD_REQUEST),
    Row("inner error in a list, as Gemini says", 503, [failed(503)], E.TRANSIENT),
    Row("inner code that only looks like digits", 200, failed("²"), E.TRANSIENT),
    Row("inner code of five thousand digits", 200, failed("9" * 5_000), E.TRANSIENT),
    Row("inner code that is a list", 200, failed(["429"]), E.TRANSIENT),
    # The wire
    Row("never sent", 0, b"", E.UNSENT, error="unsent"),
    Row("a certificate that does not hold", 0, b"", E.UNTRUSTED, error="untrusted"),
    Row("reset after sending", 0, b"", E.UNKNOWN, error="reset"),
    Row("a timeout", 0, b"", E.UNKNOWN, error="timeout"),
    Row("a 200 that broke off", 200, orjson.dumps(choice()), E.UNKNOWN, error="cut"),
    Row("a 200 too large to read", 200, b"", E.UNKNOWN, error="too_large"),
    Row("a word the transport may say some day", 0, b"", E.UNKNOWN, error="new"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_exchange_has_its_ending(row: Row) -> None:
    """What a provider said would be retried, paid, accepted or parked against the table of endings."""
    outcome = read_answer(row.exchange, NOW)
    assert outcome.ending is row.ending, outcome.detail
    assert outcome.retry_after_s == (None if row.wait_s is None else pytest.approx(row.wait_s))


def test_the_table_is_long_and_reaches_every_ending() -> None:
    """A class of endings would stand without a single example."""
    assert len(ROWS) >= 60
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert {row.ending for row in ROWS} == set(Ending)


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.ending is not Ending.OK], ids=lambda row: row.name
)
def test_whatever_is_no_answer_says_why(row: Row) -> None:
    """`roadworthy why` would show an ending without a reason."""
    outcome = read_answer(row.exchange, NOW)
    assert 0 < len(outcome.detail) <= 300
    assert outcome.detail.isprintable()


def test_an_answer_carries_what_the_ledger_keeps() -> None:
    """A row would lack the model that answered, its tokens or the id that a support desk asks for."""
    body = choice('{"a":1}')
    body["usage"] = {
        **USED,
        "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    body["choices"][0]["logprobs"] = {"content": [{"logprob": -0.1}, {"logprob": -0.3}]}
    outcome = read_answer(Exchange(200, {"x-request-id": "req_1"}, orjson.dumps(body)), NOW)
    assert (outcome.text, outcome.finish, outcome.served_model) == ('{"a":1}', "stop", "m-1")
    assert outcome.usage == Usage(10, 5, 4, 3, 2)
    assert outcome.token_probability == pytest.approx(0.8187307)
    assert outcome.provider_id == "chatcmpl-1"
    refused = read_answer(Exchange(500, {"x-request-id": "req_1"}, b"{}"), NOW)
    assert refused.provider_id == "req_1"


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5}, Usage(10, 5)),
        ({"prompt_tokens": 10.0, "completion_tokens": 5.0}, Usage(10, 5)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 315}, Usage(10, 305)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": None}, Usage(10, 5)),
        (
            {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 99}},
            Usage(9, 1, 9),
        ),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 1,
                "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 8},
            },
            Usage(9, 1, 5, 4),
        ),
        ({"prompt_tokens": -1, "completion_tokens": 5}, None),
        ({"prompt_tokens": True, "completion_tokens": 5}, None),
        ({"prompt_tokens": 2**62, "completion_tokens": 5}, None),
        ({"prompt_tokens": "10", "completion_tokens": 5}, None),
        ({"prompt_tokens": 10}, None),
        ("10", None),
        (None, None),
    ],
)
def test_usage_is_what_was_billed_or_nothing(said: object, usage: Usage | None) -> None:
    """Money would be counted from a figure that no request can have, or reasoning would go uncounted."""
    outcome = read_answer(Exchange(200, {}, orjson.dumps({**choice(), "usage": said})), NOW)
    assert outcome.usage == usage


def test_half_a_surrogate_pair_costs_one_character() -> None:
    """One bad character would throw away a paid answer, or could not be stored."""
    body = orjson.dumps(choice("?")).replace(b'"?"', b'"a\\ud83d b\\ud83d\\ude00"')
    outcome = read_answer(Exchange(200, {}, body), NOW)
    assert outcome.text == "a\ufffd b\U0001f600"
    assert outcome.usage == Usage(10, 5)
    outcome.text.encode()


@pytest.mark.parametrize(
    "logprobs",
    [
        None,
        {},
        *({"content": content} for content in (None, [], [None], [{"logprob": None}], [{"logprob": 5}])),
        {"content": [{"logprob": -0.1}, {}]},
    ],
)
def test_a_probability_that_is_not_whole_is_none(logprobs: object) -> None:
    """An answer would be trusted for the tokens that happened to have a probability."""
    body = choice()
    body["choices"][0]["logprobs"] = logprobs
    assert read_answer(Exchange(200, {}, orjson.dumps(body)), NOW).token_probability is None


@pytest.mark.parametrize(
    ("words", "hidden"),
    [
        ("Incorrect API key provided: sk-proj-AbC123xyz987.", "AbC123xyz987"),
        ("bad header 'Bearer abc.def-ghi'", "abc.def-ghi"),
        ("key gsk_Q1w2E3r4T5y6 is revoked", "Q1w2E3r4T5y6"),
        ("AIzaSyA1234567890abcdef is not valid", "SyA1234567890"),
    ],
)
def test_no_key_reaches_a_line_for_a_person(words: str, hidden: str) -> None:
    """A provider that quotes the key would put it into the ledger and onto the console."""
    detail = read_answer(Exchange(401, {}, orjson.dumps(failed(words=words))), NOW).detail
    assert hidden not in detail
    assert "***" in detail


def test_what_cannot_be_seen_is_written_out() -> None:
    """A provider's words could move the cursor, hide text, or turn its direction on a terminal."""
    hostile = "a\x1b[2J\u202eb\u200bc\x00d\ne" + "x" * 5_000
    outcome = read_answer(
        Exchange(500, {"x-request-id": "r\x1b[1m"}, orjson.dumps(failed(words=hostile))), NOW
    )
    assert outcome.detail.startswith("HTTP 500: a\\u001b[2J\\u202eb\\u200bc\\u0000d ex")
    assert len(outcome.detail) == 300
    assert outcome.provider_id == "r\\u001b[1m"


FIELDS = [
    *(
        "choices",
        "message",
        "content",
        "finish_reason",
        "usage",
        "error",
        "code",
        "type",
        "status",
        "refusal",
    ),
    *("logprobs", "text", "prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details"),
    *("id", "model", "object", "metadata"),
]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=6,
        )
    ),
    max_leaves=24,
)


@given(
    status=st.integers(100, 599),
    body=JSON_VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=64),
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms", "content-type", "x-request-id"]),
        st.text(max_size=12),
    ),
    error=st.sampled_from(["", "cut", "reset", "timeout", "unsent", "untrusted", "too_large"]),
)
def test_no_exchange_breaks_the_classifier(
    status: int, body: bytes, headers: dict[str, str], error: str
) -> None:
    """A hostile or broken provider would crash the run instead of ending one attempt."""
    outcome = read_answer(Exchange(status, headers, body, error=error), NOW)
    outcome.text.encode()
    assert len(outcome.detail) <= 300
    assert outcome.retry_after_s is None or 0 <= outcome.retry_after_s < float("inf")
    if outcome.ending is Ending.OK:
        assert 200 <= status < 300
        assert not error
        assert outcome.text.strip()
        assert outcome.finish.lower() in {"stop", "end_turn", "eos", "eos_token"}


@given(st.integers(0, 10_000))
def test_no_cut_answer_passes_for_a_whole_one(place: int) -> None:
    """Half an answer would be accepted as the whole."""
    whole = orjson.dumps(choice('{"items":[1,2,3]}'))
    outcome = read_answer(Exchange(200, {}, whole[: place % len(whole)]), NOW)
    assert outcome.ending is Ending.UNKNOWN
