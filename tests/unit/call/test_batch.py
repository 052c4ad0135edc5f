"""Batches on the wire: what is said, and what what comes back is read as."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
import pytest

from roadworthy.call.batch.anthropic import AnthropicBatch
from roadworthy.call.batch.dialect import BatchDialect, NotSaid, read_line
from roadworthy.call.batch.gemini import GeminiBatch
from roadworthy.call.batch.openai import OpenAIBatch
from roadworthy.call.price import Price
from roadworthy.call.reply import Ending, Exchange, Usage
from roadworthy.call.wire.anthropic import AnthropicMessages
from roadworthy.call.wire.gemini import GeminiContent
from roadworthy.call.wire.openai_chat import OpenAIChat
from roadworthy.call.wire.wire import Wire

OPENAI = OpenAIBatch("https://o/v1/chat/completions", "gpt", "/v1/chat/completions")
ANTHROPIC = AnthropicBatch("https://a/v1/messages", "claude")
GEMINI = GeminiBatch("https://g/v1/models/flash:generateContent", "flash")
WIRES: dict[str, Wire] = {
    "openai": OpenAIChat(),
    "anthropic": AnthropicMessages(),
    "gemini": GeminiContent("v1/"),
}


@dataclass(frozen=True)
class Call:
    """A call as the ledger hands it over."""

    custom_id: str
    body: bytes


CALLS = (Call("one", b'{"a":1}'), Call("two", b'{"a":2}'))


def test_an_openai_batch_is_a_file_and_an_order() -> None:
    """A batch would be refused, or could not be found again by its tag."""
    upload = OPENAI.upload("tag", CALLS)
    assert upload.url == "https://o/v1/files"
    lines = [orjson.loads(line) for line in upload.body.splitlines() if line.startswith(b"{")]
    assert [line["custom_id"] for line in lines] == ["one", "two"]
    assert lines[0] == {
        "custom_id": "one", "method": "POST", "url": "/v1/chat/completions", "body": {"a": 1},
    }  # fmt: skip
    create = OPENAI.create("tag", CALLS, "file-1")
    assert (create.url, orjson.loads(create.body)) == (
        "https://o/v1/batches",
        {
            "input_file_id": "file-1",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {"roadworthy": "tag"},
        },
    )


def test_anthropic_and_gemini_take_the_calls_with_the_batch() -> None:
    """A call's id would be lost, and with it whose answer it is."""
    assert orjson.loads(ANTHROPIC.create("tag", CALLS, "").body)["requests"][1] == {
        "custom_id": "two",
        "params": {"a": 2},
    }
    create = GEMINI.create("tag", CALLS, "")
    assert create.url == "https://g/v1/models/flash:batchGenerateContent"
    batch = orjson.loads(create.body)["batch"]
    assert batch["displayName"] == "tag"
    assert batch["inputConfig"]["requests"]["requests"][0] == {
        "request": {"a": 1}, "metadata": {"key": "one"},
    }  # fmt: skip


STANDINGS: list[tuple[BatchDialect, dict[str, Any], str]] = [
    (OPENAI, {"id": "b", "status": "validating"}, "working"),
    (OPENAI, {"id": "b", "status": "finalizing"}, "working"),
    (OPENAI, {"id": "b", "status": "cancelling"}, "working"),
    (OPENAI, {"id": "b", "status": "completed", "output_file_id": "f"}, "ended"),
    (OPENAI, {"id": "b", "status": "expired"}, "expired"),
    (OPENAI, {"id": "b", "status": "of next year"}, "working"),
    (ANTHROPIC, {"id": "b", "processing_status": "canceling"}, "working"),
    (ANTHROPIC, {"id": "b", "processing_status": "ended"}, "ended"),
    (GEMINI, {"name": "batches/b", "metadata": {"state": "BATCH_STATE_PENDING"}}, "working"),
    (GEMINI, {"name": "batches/b", "metadata": {"state": "JOB_STATE_PARTIALLY_SUCCEEDED"}}, "ended"),
    (GEMINI, {"name": "batches/b", "metadata": {"state": "BATCH_STATE_EXPIRED"}}, "expired"),
]


@pytest.mark.parametrize(("dialect", "said", "state"), STANDINGS, ids=range(len(STANDINGS)))
def test_where_a_batch_stands(dialect: BatchDialect, said: dict[str, Any], state: str) -> None:
    """A batch that works would be imported half, or one that has ended be looked at for ever."""
    assert dialect.standing(said).state == state


@pytest.mark.parametrize("dialect", [OPENAI, ANTHROPIC, GEMINI], ids=["openai", "anthropic", "gemini"])
def test_what_says_nothing_of_a_batch_is_no_batch(dialect: BatchDialect) -> None:
    """A gateway's page would be noted as the batch, and the batch be lost."""
    for said in ({}, {"error": {"message": "no"}}, {"id": 5, "name": None}):
        with pytest.raises(NotSaid):
            dialect.standing(said)


def test_a_full_queue_is_for_now_alone() -> None:
    """A batch that is refused for want of room would count as given up."""
    errors = {"data": [{"code": "token_limit_exceeded", "message": "too many"}]}
    standing = OPENAI.standing({"id": "b", "status": "failed", "errors": errors})
    assert (standing.state, standing.wait, standing.detail) == (
        "failed",
        True,
        "token_limit_exceeded too many",
    )


RESULTS: list[tuple[str, BatchDialect, dict[str, Any], Ending]] = [
    ("openai", OPENAI, {"response": None, "error": {"code": "batch_expired", "message": ""}}, Ending.TRANSIENT),
    ("openai", OPENAI, {"response": None, "error": {"code": "batch_cancelled", "message": ""}}, Ending.UNSENT),
    ("openai", OPENAI, {"response": {"status_code": 500, "body": {"error": {"message": "x"}}}}, Ending.TRANSIENT),
    ("openai", OPENAI, {"response": {"status_code": 400, "body": {"error": {"message": "x"}}}}, Ending.BAD_REQUEST),
    ("openai", OPENAI, {"response": {"status_code": 200, "body": {"choices": None}}}, Ending.EMPTY),
    ("openai", OPENAI, {}, Ending.TRANSIENT),
    ("anthropic", ANTHROPIC, {"result": {"type": "expired"}}, Ending.TRANSIENT),
    ("anthropic", ANTHROPIC, {"result": {"type": "canceled"}}, Ending.UNSENT),
    (
        "anthropic", ANTHROPIC,
        {"result": {"type": "errored", "error": {"type": "error", "error": {"type": "overloaded_error"}}}},
        Ending.TRANSIENT,
    ),
    (
        "anthropic", ANTHROPIC,
        {"result": {"type": "errored", "error": {"type": "error", "error": {"type": "invalid_request_error"}}}},
        Ending.BAD_REQUEST,
    ),
    ("gemini", GEMINI, {"error": {"code": 13, "message": "x"}}, Ending.TRANSIENT),
    ("gemini", GEMINI, {"error": {"code": 3, "message": "x"}}, Ending.BAD_REQUEST),
    ("gemini", GEMINI, {"error": {"code": 8, "message": "x"}}, Ending.THROTTLED),
    ("gemini", GEMINI, {"error": {"code": 1, "message": "x"}}, Ending.UNSENT),
]  # fmt: skip


@pytest.mark.parametrize(("name", "dialect", "row", "ending"), RESULTS, ids=range(len(RESULTS)))
def test_what_a_result_is(name: str, dialect: BatchDialect, row: dict[str, Any], ending: Ending) -> None:
    """A failed call would be paid for, or one that can be asked again be given up."""
    named = {"custom_id": "one", "metadata": {"key": "one"}, **row}
    called, outcome = dialect.result(named, WIRES[name])
    assert (called, outcome.ending) == ("one", ending)


@pytest.mark.parametrize(
    "rate", ["0.000000000001", "0.1", "37.5", "0"], ids=["smallest", "tenth", "dear", "free"]
)
def test_half_a_price_is_exactly_half(rate: str) -> None:
    """The last digit of a bill would differ."""
    price = Price(input=rate, output=rate, cached=rate, above={100: Price(input=rate, output=rate)})
    half = price.halved()
    assert (half.input * 2, half.output * 2) == (Decimal(rate), Decimal(rate))
    for tokens in (20, 2_000_000):
        usage = Usage(tokens, tokens, cached_tokens=tokens // 2)
        assert 0 <= 2 * half.cost_pico(usage) - price.cost_pico(usage) <= 1


@pytest.mark.parametrize("spoiled", [b"\\ud83d", b"\xff"], ids=["half a pair", "a bad byte"])
def test_a_spoiled_character_spoils_no_result(spoiled: bytes) -> None:
    """An answer that was paid for would be lost, though the same one alone is read with that character replaced."""
    answer = b'{"choices":[{"message":{"content":"so %b"},"finish_reason":"stop"}]}' % spoiled
    line = b'{"custom_id":"one","response":{"status_code":200,"body":%b}}' % answer
    row = read_line(line)
    assert row is not None
    name, outcome = OPENAI.result(row, WIRES["openai"])
    alone = WIRES["openai"].read(Exchange(200, {}, answer), 0.0)
    assert (
        (name, outcome.ending, outcome.text)
        == ("one", Ending.OK, alone.text)
        == ("one", Ending.OK, "so \ufffd")
    )
    assert read_line(b" \n") is None
    assert read_line(b"[1]") is None


def test_what_gemini_reads_from_its_cache_keeps_its_price() -> None:
    """A bill would be higher than what was reserved and booked."""
    price = Price(input="1", output="4", cached="0.25")
    kept = GEMINI.price(price)
    assert (kept.input, kept.cached, kept.output) == (Decimal("0.5"), Decimal("0.25"), Decimal(2))
    assert GEMINI.price(Price(input="1", output="4")).cached == Decimal("0.5")
    assert price.halved().cached == Decimal("0.125")
