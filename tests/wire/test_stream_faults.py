"""What goes wrong in a stream, over real sockets: nothing that is cut, silent or broken is ever taken for an answer."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.call.wire import serving
from tests.wire.places import ANSWER, PLACES, PRICE, TEXT, At, Triage, ask_at, ask_one

from roadworthy import App, Model, Prompt
from roadworthy._settings import DEFAULTS
from roadworthy.call.reply import Ending, Outcome, Usage
from roadworthy.call.transport import PyreqwestTransport
from roadworthy.call.wire.openai_chat import OpenAIChat
from roadworthy.call.wire.stream import Stream
from roadworthy.vet.dialect import ChatRequest, Envelope
from roadworthy.vet.door import CHAT, CONTENT, CONVERSE, MESSAGES, RESPONSES, Door
from roadworthy.vet.process import RunningSimulator, start_simulator
from roadworthy.vet.recording import Answer

EVERY = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
DOORS = {
    "openai": CHAT,
    "openai-responses": RESPONSES,
    "anthropic": MESSAGES,
    "gemini": CONTENT,
    "azure": CHAT,
    "bedrock": CONVERSE,
    "compatible": CHAT,
}
IMPATIENT = replace(DEFAULTS, stream_idle_s=0.5)
CLOSE_WELL = b"0\r\n\r\n"
CONTENT_OF = json.dumps(ANSWER)


def events_of(door: Door, answer: Answer) -> list[bytes]:
    """The events of an answer in a dialect."""
    asked = ChatRequest("m", TEXT, 40, 500, None, True, True, True, False)
    return list(door.events(asked, answer, Envelope("1", 1, "m", (40, 20), 0.5)))


def streamed(place: At, door: Door, bodies: list[bytes], ending: bytes = CLOSE_WELL) -> list[Outcome]:
    """Ask once for each body, which is what the provider sends after the head of a stream."""

    async def act(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        body = bodies[number]
        writer.write(b"HTTP/1.1 200 OK\r\n" + door.events_type + b"transfer-encoding: chunked\r\n\r\n")
        if body:
            writer.write(b"%x\r\n%b\r\n" % (len(body), body))
        writer.write(ending)
        await writer.drain()
        return False

    async def work() -> list[Outcome]:
        async with asyncio.timeout(60), serving(act) as seen:
            root = seen.url.removesuffix("/v1/chat/completions")
            return [(await ask_at(place, root, stream=True)).outcome for _ in bodies]

    return asyncio.run(work())


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.parametrize("ending", [CLOSE_WELL, b""], ids=["closed well", "broken off"])
@pytest.mark.fault("A15")
@pytest.mark.fault("C3")
def test_a_stream_that_is_cut_anywhere_is_whole_or_unknown(name: str, ending: bytes) -> None:
    """Half an answer would be taken for all of it, or the tokens of a lost one would cost nothing."""
    events = events_of(DOORS[name], Answer(CONTENT_OF))
    assert len(events) >= 4
    cuts = [b"".join(events[:count]) for count in range(len(events) + 1)]
    outcomes = streamed(PLACES[name], DOORS[name], cuts, ending)
    assert outcomes[-1].ending is Ending.OK
    assert outcomes[-1].usage == Usage(40, 20)
    for outcome in outcomes:
        if outcome.ending is Ending.OK:
            assert outcome.text == CONTENT_OF
        else:
            assert (outcome.ending, outcome.usage, outcome.text) == (Ending.UNKNOWN, None, "")
    whole = sum(outcome.ending is Ending.OK for outcome in outcomes)
    assert whole == 1 if ending == b"" else 1 <= whole <= 3, (
        "only the marker tells, where the end itself is missing"
    )


@pytest.mark.parametrize("name", DOORS)
@pytest.mark.fault("A15")
def test_a_stream_that_is_cut_inside_an_event_is_unknown(name: str) -> None:
    """Bytes that happen to end well would pass."""
    events = events_of(DOORS[name], Answer(CONTENT_OF))
    whole = b"".join(events)
    places = [len(whole) - len(events[-1]) - 5, len(whole) // 2, len(events[0]) // 2, 1]
    for outcome in streamed(PLACES[name], DOORS[name], [whole[:place] for place in places]):
        assert outcome.ending in {Ending.UNKNOWN, Ending.OK}
        assert outcome.text in {"", CONTENT_OF}


@EVERY
@pytest.mark.fault("A16")
def test_a_stream_that_falls_silent_ends_at_the_idle_timeout(
    place: At, simulator: RunningSimulator, root: str
) -> None:
    """A provider that died in the middle would hold the record, its slot and its reservation for minutes."""
    simulator.script({"faults": {"silent_stream": 1.0}})
    began = time.monotonic()
    outcome = ask_one(place, root, stream=True, settings=IMPATIENT, timeout_s=20).outcome
    took = time.monotonic() - began
    assert outcome.ending is Ending.UNKNOWN
    assert "silent for 0.5 s" in outcome.detail
    assert 0.5 <= took < 8


@EVERY
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.fault("A17")
def test_a_trickle_ends_with_the_attempt(
    place: At, simulator: RunningSimulator, root: str, *, stream: bool
) -> None:
    """One byte now and then would keep an attempt alive for ever."""
    simulator.script({"faults": {"trickle": 1.0}})
    began = time.monotonic()
    outcome = ask_one(place, root, stream=stream, settings=IMPATIENT, timeout_s=1.2).outcome
    assert (outcome.ending, outcome.usage) == (Ending.UNKNOWN, None)
    assert 1.1 <= time.monotonic() - began < 8


@EVERY
@pytest.mark.fault("A18")
def test_pings_do_not_put_off_the_deadline(place: At, simulator: RunningSimulator, root: str) -> None:
    """A provider that only says that it is alive would be listened to for ever."""
    simulator.script({"faults": {"pings": 1.0}})
    began = time.monotonic()
    outcome = ask_one(place, root, stream=True, settings=IMPATIENT, timeout_s=1.2).outcome
    assert (outcome.ending, outcome.usage) == (Ending.UNKNOWN, None)
    assert 1.1 <= time.monotonic() - began < 8, "pings keep it from being silent, not from ending"


@EVERY
@pytest.mark.fault("A10")
def test_an_error_that_breaks_into_an_answer_is_told_by_its_code(
    place: At, simulator: RunningSimulator, root: str
) -> None:
    """The half that came would be taken for an answer, or its tokens would be forgotten."""
    simulator.script({"faults": {"error_event": 1.0}})
    outcome = ask_one(place, root, stream=True).outcome
    assert outcome.ending is Ending.UNKNOWN, "what came of the answer may be billed"
    assert outcome.detail.startswith("inside a stream: HTTP 500")
    assert (outcome.text, outcome.usage) == ("", None)


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        ({"code": 502, "message": "no"}, Ending.TRANSIENT),
        ({"code": "429", "message": "no"}, Ending.THROTTLED),
        ({"code": "insufficient_quota", "message": "no"}, Ending.QUOTA),
        ({"type": "invalid_request_error", "message": "no"}, Ending.BAD_REQUEST),
        ({"code": "content_filter", "message": "no"}, Ending.FILTERED),
    ],
)
@pytest.mark.fault("A10")
def test_an_error_before_any_answer_is_what_it_would_be_by_itself(
    error: dict[str, Any], ending: Ending
) -> None:
    """A numeric code, or one as text, would stop a turn that only wanted another try."""
    (outcome,) = streamed(PLACES["openai"], CHAT, [CHAT.error_event(error)])
    assert outcome.ending is ending


def test_an_answer_that_breaks_off_is_bought_again_and_charged_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run would stop at the first error inside a stream, or hide what the lost half may have cost."""
    rows = [{"id": "T-1", "text": TEXT, "answers": {"gpt-5-nano": ANSWER}}]
    with start_simulator(answers=rows, faults={"error_event": 1.0}, in_a_row_max=1) as simulator:
        monkeypatch.setenv("OPENAI_BASE_URL", simulator.url)
        app = App("triage", settings={"backoff_base_s": 0.01})
        model = Model("openai:gpt-5-nano", stream=True, price=PRICE)

        @app.step(models=[model], review=False)
        def triage(ticket: str) -> Prompt[Triage]:
            return Prompt("Sort the ticket.", ticket)

        async def run() -> Triage:
            async with app:
                return await triage(TEXT)

        assert asyncio.run(run()).model_dump() == ANSWER
        assert simulator.bill().total.requests == 2


def shapes() -> dict[str, list[bytes]]:
    """The same answer with its usage in each of the places where servers put it."""
    usage = {"prompt_tokens": 40, "completion_tokens": 20, "total_tokens": 60}

    def chunk(delta: object, finish: object = None, **more: object) -> dict[str, Any]:
        return {"id": "1", "model": "m", "choices": [{"delta": delta, "finish_reason": finish}], **more}

    half = len(CONTENT_OF) // 2
    first, second = chunk({"content": CONTENT_OF[:half]}), chunk({"content": CONTENT_OF[half:]})
    growing = [{**usage, "completion_tokens": count, "total_tokens": 40 + count} for count in (9, 17)]
    told = {
        "a last chunk without choices": [first, second, chunk({}, "stop"), {"choices": [], "usage": usage}],
        "with the finish reason": [first, second, chunk({}, "stop", usage=usage)],
        "in every chunk, growing": [
            {**first, "usage": growing[0]},
            {**second, "usage": growing[1]},
            chunk({}, "stop", usage=usage),
        ],
        "twice, and null before": [
            {**first, "usage": None},
            {**second, "usage": None},
            chunk({}, "stop", usage=usage),
            {"choices": [], "usage": usage},
        ],
    }
    return {
        name: [b"data: %b\n\n" % json.dumps(one).encode() for one in chunks] for name, chunks in told.items()
    }


@pytest.mark.fault("C2")
def test_usage_counts_once_wherever_it_stands() -> None:
    """An answer would cost nothing, or twice, by the shape of its stream."""
    bodies = [b"".join([*events, b"data: [DONE]\n\n"]) for events in shapes().values()]
    found = [(one.ending, one.usage, one.text) for one in streamed(PLACES["compatible"], CHAT, bodies)]
    assert found == [(Ending.OK, Usage(40, 20), CONTENT_OF)] * len(bodies)


@pytest.mark.fault("C1")
def test_a_stream_without_usage_is_an_answer_that_is_charged_at_its_reservation() -> None:
    """An answer without a bill would be free."""
    events = [
        b'data: {"choices":[{"delta":{"content":"{}"},"finish_reason":"stop"}]}\n\n',
        b"data: [DONE]\n\n",
    ]
    (outcome,) = streamed(PLACES["compatible"], CHAT, [b"".join(events)])
    assert (outcome.ending, outcome.usage) == (Ending.OK, None)


@pytest.mark.fault("B3")
def test_reasoning_that_used_up_the_room_is_truncation() -> None:
    """A record whose model only thought would be asked again with the same room."""
    usage = '"usage":{"prompt_tokens":40,"completion_tokens":20,"total_tokens":60}'
    chat = [
        b'data: {"choices":[{"delta":{"role":"assistant","content":null,"reasoning_content":"hm"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":null},"finish_reason":"length"}],%b}\n\n' % usage.encode(),
        b"data: [DONE]\n\n",
    ]
    (outcome,) = streamed(PLACES["compatible"], CHAT, [b"".join(chat)])
    assert (outcome.ending, outcome.usage) == (Ending.TRUNCATED, Usage(40, 20))
    for name in ("openai-responses", "anthropic", "gemini", "bedrock"):
        events = events_of(DOORS[name], Answer(None, "length"))
        (outcome,) = streamed(PLACES[name], DOORS[name], [b"".join(events)])
        assert (outcome.ending, outcome.text) == (Ending.TRUNCATED, ""), name


@pytest.mark.fault("B6")
def test_a_refusal_without_a_block_is_a_refusal() -> None:
    """A stream that begins and ends without a block would crash the reader."""
    events = events_of(MESSAGES, Answer(None, refusal="I cannot help with that."))
    assert not any(b"content_block" in event for event in events)
    (outcome,) = streamed(PLACES["anthropic"], MESSAGES, [b"".join(events)])
    assert outcome.ending is Ending.REFUSED
    assert outcome.detail == "general_harms: I cannot help with that."
    assert outcome.usage is not None


def test_an_event_larger_than_allowed_breaks_the_stream(simulator: RunningSimulator, root: str) -> None:
    """One endless event would fill the memory."""
    assert simulator.bill().total.requests == 0
    small = replace(DEFAULTS, event_bytes_max=150)
    outcome = ask_one(PLACES["openai"], root, stream=True, settings=small).outcome
    assert outcome.ending is Ending.UNKNOWN
    assert "more than 150 bytes" in outcome.detail


def test_a_stream_larger_than_allowed_is_cut_off(root: str) -> None:
    """A provider that never stops would fill the memory."""
    small = replace(DEFAULTS, response_bytes_max=600)
    outcome = ask_one(PLACES["openai"], root, stream=True, settings=small).outcome
    assert outcome.ending is Ending.UNKNOWN
    assert "600 bytes" in outcome.detail


def test_a_server_that_answers_whole_where_a_stream_was_asked_for_is_understood() -> None:
    """A gateway that ignores `stream` could not be used."""
    whole = json.dumps(
        {
            "choices": [{"message": {"content": CONTENT_OF}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 40, "completion_tokens": 20, "total_tokens": 60},
        }
    ).encode()
    door = replace(CHAT, events_type=b"content-type: application/json\r\n")
    (outcome,) = streamed(PLACES["compatible"], door, [whole])
    assert (outcome.ending, outcome.usage) == (Ending.OK, Usage(40, 20))


@pytest.mark.parametrize("slow", [False, True], ids=["at once", "later"])
def test_a_connection_is_used_again_after_a_stream(*, slow: bool) -> None:
    """Each streamed call would pay for a connection and a handshake of its own."""
    body = b"".join(events_of(CHAT, Answer(CONTENT_OF)))

    async def act(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> bool:
        head = b"HTTP/1.1 200 OK\r\n" + CHAT.events_type + b"transfer-encoding: chunked\r\n\r\n"
        writer.write(b"%b%x\r\n%b\r\n" % (head, len(body), body))
        await writer.drain()
        if slow:
            await asyncio.sleep(0.05)
        writer.write(CLOSE_WELL)
        await writer.drain()
        return True

    async def work() -> int:
        async with asyncio.timeout(20), serving(act) as seen:
            transport = PyreqwestTransport(DEFAULTS)
            for _ in range(3):
                stream = Stream(OpenAIChat().assembly(), DEFAULTS.event_bytes_max)
                exchange = await transport.post(seen.url, {}, b"{}", 5, stream)
                assert (exchange.error, stream.done) == ("", True)
            await transport.close()
            return seen.connections

    tries = (
        asyncio.run(work()) for _ in range(5)
    )  # on a busy machine the end may come too late to be waited for
    assert 1 in tries


def test_a_server_that_keeps_the_connection_open_after_its_last_event_is_not_waited_for() -> None:
    """Each answer would take as long as the idle timeout."""

    async def act(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> bool:
        body = b"".join(events_of(MESSAGES, Answer(CONTENT_OF)))
        head = b"HTTP/1.1 200 OK\r\n" + CHAT.events_type + b"transfer-encoding: chunked\r\n\r\n"
        writer.write(b"%b%x\r\n%b\r\n" % (head, len(body), body))
        await writer.drain()
        await asyncio.sleep(10)
        return False

    async def work() -> Outcome:
        async with asyncio.timeout(20), serving(act) as seen:
            root = seen.url.removesuffix("/v1/chat/completions")
            return (await ask_at(PLACES["anthropic"], root, stream=True)).outcome

    began = time.monotonic()
    assert asyncio.run(work()).ending is Ending.OK
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_prompt_that_a_server_cut_in_silence_is_too_long(*, stream: bool) -> None:
    """An answer to the last half of a record would be accepted as one to all of it."""
    usage = {"prompt_tokens": 2_050, "completion_tokens": 20, "total_tokens": 2_070}
    choice = {"delta": {"content": CONTENT_OF}, "message": {"content": CONTENT_OF}, "finish_reason": "stop"}
    said = json.dumps({"choices": [choice], "usage": usage}).encode()
    body = b"data: %b\n\ndata: [DONE]\n\n" % said if stream else said
    kind = CHAT.events_type if stream else b"content-type: application/json\r\n"

    async def act(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> bool:
        writer.write(b"HTTP/1.1 200 OK\r\n%bcontent-length: %d\r\n\r\n%b" % (kind, len(body), body))
        await writer.drain()
        return True

    async def work(place: At) -> Outcome:
        async with asyncio.timeout(20), serving(act) as seen:
            root = seen.url.removesuffix("/v1/chat/completions")
            return (await ask_at(place, root, stream=stream, text="word " * 8_000)).outcome

    outcome = asyncio.run(work(PLACES["compatible"]))
    assert (outcome.ending, outcome.usage) == (Ending.TOO_LONG, Usage(2_050, 20))
    assert "2050 tokens" in outcome.detail
    assert asyncio.run(work(PLACES["openai"])).ending is Ending.OK, (
        "a provider that refuses long prompts is believed"
    )
