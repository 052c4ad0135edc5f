"""The quick way to read a chat completion says what the lenient one says, or nothing."""

import copy
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from roadworthy.call.reply import Ending, Exchange, Outcome, Usage
from roadworthy.call.wire.completion import plain_completion
from roadworthy.call.wire.openai_chat import OpenAIChat

HEADERS = {"content-type": "application/json", "x-request-id": "req-1"}
WELL: dict[str, Any] = {
    "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
    "object": "chat.completion",
    "created": 1741569952,
    "model": "gpt-5-nano-2025-08-07",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": '{"queue": "billing"}',
                "refusal": None,
                "annotations": [],
            },
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 119,
        "completion_tokens": 10,
        "total_tokens": 131,
        "prompt_tokens_details": {"cached_tokens": 19, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0},
    },
    "service_tier": "default",
    "system_fingerprint": None,
}


class Lenient(OpenAIChat):
    """The same without the quick way."""

    def plain(self, exchange: Exchange) -> Outcome | None:
        """Never."""
        del exchange
        return None


def paths(value: object, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a body."""
    found = [here] if here else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        found += paths(inner, (*here, name))
    return found


NAMES = [*paths(WELL), ("error",), ("choices", 0, "error"), ("choices", 0, "message", "tool_calls")]
NAMES += [("usage", "prompt_tokens_details", "cache_write_tokens"), ("choices", 1)]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 2 * 10**9),
    st.sampled_from([0.0, 12.0, 1.5, 1e300, "", " ", "\n", "stop", "STOP", "length", "content_filter", "12"]),
    st.text(max_size=8),
    st.sampled_from(
        [[], {}, [{}], [None], {"message": "no"}, [{"type": "text", "text": "a"}], {"content": []}]
    ),
    st.sampled_from(
        [{"cached_tokens": None}, {"reasoning_tokens": 7.0}, "sk-0123456789abcdef", "a\0b", "gpt-5"]
    ),
)


def changed(changes: list[tuple[tuple[str | int, ...], object]]) -> object:
    """The well one with other values in some places."""
    said: Any = copy.deepcopy(WELL)
    for path, shared in changes:
        place, value = said, copy.deepcopy(shared)
        for name in path[:-1]:
            try:
                place = place[name]
            except (KeyError, IndexError, TypeError):
                break
        else:
            last = path[-1]
            if isinstance(place, dict):
                place[str(last)] = value
            elif isinstance(place, list) and isinstance(last, int):
                place[last : last + 1] = [value]
    return said


def both(body: bytes) -> None:
    """Read a body both ways."""
    exchange = Exchange(200, HEADERS, body)
    lenient = Lenient().read(exchange, 0.0)
    assert plain_completion(body, HEADERS) in {None, lenient}
    assert OpenAIChat().read(exchange, 0.0) == lenient


@given(st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=3))
@example([(("usage", "total_tokens"), 4)])
@example([(("usage", "prompt_tokens_details", "cached_tokens"), 500)])
def test_both_ways_say_the_same_of_any_body(changes: list[tuple[tuple[str | int, ...], object]]) -> None:
    """An error, a cut answer or a figure would be read otherwise, according to what stands beside it."""
    both(orjson.dumps(changed(changes)))


@given(st.integers(0, 700), st.binary(max_size=6), st.integers(0, 6))
@example(14, b"\xff", 1)
@example(0, b"\xef\xbb\xbf", 0)
def test_both_ways_say_the_same_of_broken_bytes(at: int, put: bytes, instead_of: int) -> None:
    """A body that is no JSON would be an answer one way and none the other."""
    text = orjson.dumps(WELL)
    both(text[:at] + put + text[at + instead_of :])


@pytest.mark.parametrize(
    "twice",
    [
        b'"error":{"message":"no"}',
        b'"id":7',
        b'"model":"other"',
        b'"usage":null',
        b'"choices":[]',
        b'"choices":[{"finish_reason":"length","message":{"content":"cut"}}]',
    ],
)
@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_both_ways_say_the_same_where_a_name_stands_twice(twice: bytes, *, first: bool) -> None:
    """Which of two values counts would depend on the way."""
    text = orjson.dumps(WELL)
    both(b"{" + twice + b"," + text[1:] if first else text[:-1] + b"," + twice + b"}")


@pytest.mark.parametrize("depth", [500, 990, 1_000, 1_100, 100_000])
def test_both_ways_say_the_same_of_what_is_deep(depth: int) -> None:
    """A field that nobody asked for would end a request without an outcome, and its slot with it."""
    text = orjson.dumps(WELL)
    both(b'{"x":' + b"[" * depth + b"]" * depth + b"," + text[1:])


def test_an_answer_as_the_documents_have_it_is_read_in_one_pass() -> None:
    """The quick way would be there and never gone, and nobody would see it."""
    found = plain_completion(orjson.dumps(WELL), HEADERS)
    assert found == Outcome(
        Ending.OK,
        '{"queue": "billing"}',
        "stop",
        "gpt-5-nano-2025-08-07",
        Usage(119, 12, 19, 0, 2),
        provider_id="chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
    )
