"""Reading a stream: however its bytes are cut into pieces, the same events come out, and nothing crashes it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.call.reply import Ending, Exchange
from roadworthy.call.wire.anthropic import AnthropicMessages
from roadworthy.call.wire.converse import BedrockConverse
from roadworthy.call.wire.gemini import GeminiContent
from roadworthy.call.wire.openai_chat import OpenAIChat
from roadworthy.call.wire.openai_responses import OpenAIResponses
from roadworthy.call.wire.stream import Assembly, Stream
from roadworthy.call.wire.wire import Wire
from roadworthy.vet.bedrock_converse import frame
from roadworthy.vet.dialect import ChatRequest, Envelope
from roadworthy.vet.door import CHAT, CONTENT, CONVERSE, MESSAGES, RESPONSES, Door
from roadworthy.vet.recording import Answer

EVENTS = {"content-type": "text/event-stream; charset=utf-8"}
FRAMES = {"content-type": "application/vnd.amazon.eventstream"}
SPOKEN: list[tuple[Wire, Door]] = [
    (OpenAIChat(), CHAT),
    (OpenAIResponses(), RESPONSES),
    (AnthropicMessages(), MESSAGES),
    (GeminiContent("v1/"), CONTENT),
    (BedrockConverse(), CONVERSE),
]
NAMES = [
    "type",
    "choices",
    "delta",
    "message",
    "usage",
    "candidates",
    "content",
    "parts",
    "error",
    "response",
]
NAMES += [
    "index",
    "output",
    "stopReason",
    "promptFeedback",
    "status",
    "text",
    "refusal",
    "details",
    "finishReason",
]
RUBBISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
CONTENT_OF = '{"queue":"shipping","quote":"Wo ist meine Karte? 🙂"}'


class Kept(Assembly):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[str, Mapping[str, Any]]] = []

    def take(self, name: str, said: Mapping[str, Any]) -> None:
        """Keep it."""
        self.events.append((name, said))

    def whole(self) -> dict[str, Any]:
        """Nothing."""
        return {}


def heard(chunks: list[bytes], headers: dict[str, str] = EVENTS, most: int = 10_000) -> tuple[Kept, Stream]:
    """What comes out of these chunks."""
    kept = Kept()
    stream = Stream(kept, most)
    assert stream.accepts(200, headers)
    for chunk in chunks:
        if not stream.hear(chunk):
            break
    return kept, stream


def cut(whole: bytes, places: list[int]) -> list[bytes]:
    """`whole` in pieces."""
    edges = sorted({0, len(whole), *(place % (len(whole) + 1) for place in places)})
    return [whole[start:end] for start, end in itertools.pairwise(edges)]


def door_events(door: Door, answer: Answer) -> list[bytes]:
    """A stream in a dialect."""
    asked = ChatRequest("m", "q", 40, 500, None, True, True, True, False)
    return list(door.events(asked, answer, Envelope("1", 1, "m", (40, 20), 0.5)))


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@given(places=st.lists(st.integers(0, 10_000)))
def test_events_are_the_same_however_they_are_cut(line_end: bytes, places: list[int]) -> None:
    """An answer would depend on how the network happened to cut it."""
    text = (
        b'\xef\xbb\xbf: hello\n\nevent: one\ndata: {"a":\ndata: 1}\nid: 7\n\n'
        b'retry: 5\ndata:{"b":"\xc3\xa4"}\n\n: ping\n\ndata: {"c":3}\n\n'
    )
    kept, stream = heard(cut(text.replace(b"\n", line_end), places))
    assert stream.broken == ""
    assert kept.events == [("one", {"a": 1}), ("", {"b": "ä"}), ("", {"c": 3})]


@given(places=st.lists(st.integers(0, 10_000)))
def test_frames_are_the_same_however_they_are_cut(places: list[int]) -> None:
    """Bedrock's answers would depend on the network."""
    whole = b"".join(frame({":event-type": f"e{number}"}, {"n": number}) for number in range(4))
    kept, stream = heard(cut(whole, places), FRAMES)
    assert stream.broken == ""
    assert kept.events == [(f"e{number}", {"n": number}) for number in range(4)]


@pytest.mark.parametrize(
    ("chunks", "headers", "why"),
    [
        ([b"data: {", b'"a":1\n\n'], EVENTS, "not JSON"),
        ([b"data: " + b"x" * 200], EVENTS, "more than 100 bytes"),
        ([b"data: x\n" * 200], EVENTS, "more than 100 bytes"),
        ([b"x" * 200], EVENTS, "more than 100 bytes"),
        ([frame({":event-type": "e"}, {"a": "x" * 100})], FRAMES, "a frame of"),
        ([b"\x00\x00\x00\x05" * 4], FRAMES, "a frame of 5 bytes"),
        ([frame({":event-type": "e"}, {"a": 1})[:-1] + b"\x00"], FRAMES, "checksum"),
    ],
)
def test_what_cannot_be_read_breaks_the_stream(
    chunks: list[bytes], headers: dict[str, str], why: str
) -> None:
    """An endless event would fill the memory, a damaged one would be guessed at."""
    _, stream = heard(chunks, headers, most=100)
    assert why in stream.broken


@pytest.mark.parametrize(
    ("status", "kind"), [(200, "application/json"), (200, "text/html"), (200, ""), (429, "text/event-stream")]
)
def test_what_is_no_stream_is_read_whole(status: int, kind: str) -> None:
    """An error's body would be taken for a stream without events."""
    assert not Stream(Kept(), 100).accepts(status, {"content-type": kind})


@pytest.mark.parametrize(("wire", "door"), SPOKEN, ids=lambda one: getattr(one, "name", ""))
@given(order=st.randoms(use_true_random=False), drop=st.integers(0, 8))
@pytest.mark.fault("B6")
def test_events_in_any_order_never_crash(wire: Wire, door: Door, order: Any, drop: int) -> None:
    """A gateway that leaves out or turns round events would crash a run."""
    events = door_events(door, Answer(CONTENT_OF))
    if drop:
        order.shuffle(events)
        del events[: drop - 1]
    stream = Stream(wire.assembly(), 100_000)
    headers = FRAMES if door is CONVERSE else EVENTS
    assert stream.accepts(200, headers)
    for event in events:
        if not stream.hear(event):
            break
    outcome = wire.read_stream(Exchange(200, headers, b""), stream, 0.0)
    if not drop:
        assert (outcome.ending, outcome.text) == (Ending.OK, CONTENT_OF)
    assert outcome.ending in {Ending.OK, Ending.UNKNOWN, Ending.EMPTY, Ending.TRANSIENT}


@pytest.mark.parametrize(("wire", "door"), SPOKEN, ids=lambda one: getattr(one, "name", ""))
@given(rubbish=RUBBISH)
def test_no_event_crashes_a_reader(wire: Wire, door: Door, rubbish: object) -> None:
    """One odd event of one provider would end a run of a million records."""
    said = (
        rubbish
        if isinstance(rubbish, dict)
        else {"type": "message_start", "message": rubbish, "choices": rubbish}
    )
    assembly = wire.assembly()
    for name in ("", "error", "metadata", "messageStop", "contentBlockDelta"):
        assembly.take(name, said)
    assert isinstance(assembly.whole(), dict)
    assert wire.answer(said, {}).ending in set(Ending)
    assert wire.answer(assembly.whole(), {}).ending in set(Ending)
    assert door.events_type


@pytest.mark.parametrize(("wire", "door"), SPOKEN, ids=lambda one: getattr(one, "name", ""))
@pytest.mark.parametrize(
    "answer",
    [
        Answer(CONTENT_OF),
        Answer(CONTENT_OF[:20], "length"),
        Answer("", "content_filter"),
        Answer(None, refusal="No."),
        Answer(""),
    ],
    ids=["stop", "length", "filtered", "refused", "empty"],
)
def test_a_stream_ends_as_the_same_answer_ends_that_comes_whole(
    wire: Wire, door: Door, answer: Answer
) -> None:
    """What is done about an answer would depend on how it was read."""
    asked = ChatRequest("m", "q", 40, 500, None, True, True, True, False)
    body = door.whole(asked, answer, Envelope("1", 1, "m", (40, 20), 0.5))
    whole = wire.read(Exchange(200, {"content-type": "application/json"}, body), 0.0)
    stream = Stream(wire.assembly(), 100_000)
    headers = FRAMES if door is CONVERSE else EVENTS
    stream.accepts(200, headers)
    for event in door_events(door, answer):
        if not stream.hear(event):
            break
    assert wire.read_stream(Exchange(200, headers, b""), stream, 0.0) == whole
