"""Images as parts of a prompt: told by their bytes, bounded, kept with the question, said in each provider's way."""

import base64
import struct
import time
import zlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from roadworthy import Image, Prompt
from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.image import refuse_large
from roadworthy.accept.reason import WrongRecord
from roadworthy.ask.build import asked_again, build_question, question_body, question_from
from roadworthy.ask.schema import compile_schema
from roadworthy.call.model import Model
from roadworthy.call.vision import ANTHROPIC_MAX, OPENAI_MAX, any_image_tokens, gemini_image_tokens
from roadworthy.call.wire.anthropic import AnthropicMessages, VertexAnthropic
from roadworthy.call.wire.converse import BedrockConverse
from roadworthy.call.wire.gemini import GeminiContent
from roadworthy.call.wire.openai_chat import OpenAIChat
from roadworthy.call.wire.openai_responses import OpenAIResponses
from roadworthy.call.wire.wire import Terms, Wire, Wording


class Answer(BaseModel):
    seen: str


SCHEMA = compile_schema(Answer)


def png(width: int = 2, height: int = 1) -> bytes:
    """A whole PNG of one colour (PNG specification, 5 and 11)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    b"\xff\xdb\x00\x04\0\0\xff\xff\xc2\x00\x0b\x08" + struct.pack(">HH", 480, 640) + b"\x01\x01\x11\0"
)
KINDS = {
    "png": (png(3, 5), "image/png", (3, 5)),
    "jpeg": (JPEG, "image/jpeg", (640, 480)),
    "gif": (b"GIF89a" + struct.pack("<HH", 7, 9) + b"\0\0\0;", "image/gif", (7, 9)),
    "webp-lossy": (
        b"RIFF\x20\0\0\0WEBPVP8 \x14\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 320, 200) + b"\0" * 8,
        "image/webp",
        (320, 200),
    ),
    "webp-lossless": (
        b"RIFF\x20\0\0\0WEBPVP8L\x14\0\0\0\x2f" + struct.pack("<I", 99 | 49 << 14) + b"\0" * 8,
        "image/webp",
        (100, 50),
    ),
    "webp-extended": (
        b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\x03\0" + b"\xff\x01\0" + b"\0" * 8,
        "image/webp",
        (1024, 512),
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_kind_and_size_come_from_the_bytes(name: str) -> None:
    """An image would be sent under a wrong name and refused after it was paid for, or its tokens be guessed."""
    data, media_type, size = KINDS[name]
    image = Image(data)
    assert (image.media_type, (image.width, image.height), image.data) == (media_type, size, data)
    assert Image(base64.b64encode(data).decode()) == image
    assert Image(f"data:image/bmp;base64,{base64.b64encode(data).decode()}").media_type == media_type
    assert data.hex()[:20] not in repr(image)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no image that models take"),
        (b"%PDF-1.7", "no image that models take"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no image that models take"),
        (b"\x89PNG\r\n\x1a\nnot a header", "no image that models take"),
        (png()[:17], "cut off"),
        (JPEG[:20], "cut off"),
        (b"\xff\xd8\xff\xc4\x00\x00" * 3, "cut off"),
        ("not base64!", "no image in base64"),
    ],
)
def test_what_is_no_image_is_refused(data: bytes | str, words: str) -> None:
    """A file that only calls itself an image would be sent and paid for."""
    with pytest.raises(WrongRecord, match=words):
        Image(data)


@pytest.mark.parametrize(
    "filling", [b"\xff", b"\xff\xd0", b"\xff\xfe\x00\x02", b"\xff\xfe\x00\x00", b"\xff" * 9 + b"\xd0"]
)
def test_a_large_jpeg_of_next_to_nothing_is_looked_at_quickly(filling: bytes) -> None:
    """A file of 20 MB would hold everybody up for seconds, and a hundred of them a run for minutes."""
    data = JPEG[:2] + filling * (20_000_000 // len(filling)) + JPEG[2:]
    began = time.process_time()
    try:
        image = Image(data)
    except WrongRecord as wrong:
        assert "size cannot be read" in str(wrong)  # noqa: PT017 - either will do, as long as it is quick
    else:
        assert (image.width, image.height) == (640, 480)
    assert time.process_time() - began < 0.6


def test_a_jpeg_with_fill_bytes_and_many_segments_is_read() -> None:
    """A picture of a camera that keeps a long profile and a preview in it would be refused."""
    profile = b"\xff\xe2\xff\xff" + b"x" * 65_533
    data = JPEG[:2] + b"\xff" * 1_000 + profile * 100 + b"\xff" + JPEG[2:]
    assert (Image(data).width, Image(data).height) == (640, 480)


@given(st.sampled_from(sorted(KINDS)), st.binary(max_size=40), st.integers(0, 60))
def test_any_bytes_end_in_an_image_or_a_refusal(name: str, noise: bytes, place: int) -> None:
    """A hostile file would crash the run, or keep it reading for ever."""
    data = KINDS[name][0]
    try:
        image = Image(data[:place] + noise)
    except WrongRecord:
        return
    assert image.width > 0
    assert image.height > 0


def test_limits_reject_before_anything_is_sent() -> None:
    """A provider would refuse the request, or a bomb of pixels be sent."""
    small, wide = Image(png()), Image(png(9_000, 1))
    for images, words in (
        ((small,) * 3, "3 images and at most 2"),
        ((wide,), "9000 x 1 pixels"),
        ((small, Image(JPEG + b"\0" * 300)), "bytes and at most 300"),
    ):
        with pytest.raises(WrongRecord, match=words):
            refuse_large(images, Settings(images_max=2, image_bytes_max=300))
    refuse_large((small, small), Settings(images_max=2))


def test_a_question_keeps_its_images_and_one_without_is_as_before() -> None:
    """A replayed question would lose its picture, or every question that is kept already would be asked again."""
    image = Image(png())
    question = build_question(Prompt("Look.", "Which colour?", image), SCHEMA)
    assert [message.role for message in question.messages] == ["system", "user"]
    assert question.messages[1].images == (image,)
    body = question_body(question)
    assert question_from(body, question.version, question.fixed) == question
    assert asked_again(question, "again").messages[1].images == (image,)
    other = build_question(Prompt("Look.", "Which colour?", Image(png(3, 1))), SCHEMA)
    assert other.fixed != question.fixed
    assert other.version == question.version
    bare = build_question(Prompt("Look.", "Which colour?"), SCHEMA)
    assert b"images" not in question_body(bare)
    alone = build_question(Prompt("Which colour?", image), SCHEMA)
    assert [(one.role, one.text, one.images) for one in alone.messages] == [
        ("user", "Which colour?", (image,))
    ]
    with pytest.raises(WrongUse, match="input of example 1"):
        Prompt("Look.", examples=[(image, Answer(seen="x"))])


def said(wire: Wire) -> Any:
    """The user's message as one provider is told it."""
    image = Image(png())
    question = build_question(Prompt("Look.", "Which colour?", image), SCHEMA)
    wording = Wording(wire, Terms("m", Model("openai:m"), SCHEMA, 64))
    body = orjson.loads(orjson.dumps(wording.body(question)))
    for name in ("messages", "input", "contents"):
        if name in body:
            return body[name][-1]
    raise AssertionError(body)


DATA = base64.b64encode(png()).decode()
URL = f"data:image/png;base64,{DATA}"
CLAUDE = [
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
    {"type": "text", "text": "Which colour?"},
]


@pytest.mark.parametrize(
    ("wire", "wanted"),
    [
        (
            OpenAIChat(),
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": URL}},
                    {"type": "text", "text": "Which colour?"},
                ],
            },
        ),
        (
            OpenAIResponses(),
            {
                "role": "user",
                "content": [
                    {"type": "input_image", "image_url": URL},
                    {"type": "input_text", "text": "Which colour?"},
                ],
            },
        ),
        (AnthropicMessages(), {"role": "user", "content": CLAUDE}),
        (VertexAnthropic(), {"role": "user", "content": CLAUDE}),
        (
            GeminiContent(""),
            {
                "role": "user",
                "parts": [
                    {"inlineData": {"mimeType": "image/png", "data": DATA}},
                    {"text": "Which colour?"},
                ],
            },
        ),
        (
            BedrockConverse(),
            {
                "role": "user",
                "content": [
                    {"image": {"format": "png", "source": {"bytes": DATA}}},
                    {"text": "Which colour?"},
                ],
            },
        ),
    ],
    ids=["openai", "responses", "anthropic", "vertex", "gemini", "bedrock"],
)
def test_each_provider_is_told_in_its_own_way(wire: Wire, wanted: object) -> None:
    """A provider would refuse the request, or see base64 as text and bill every byte of it."""
    assert said(wire) == wanted


def test_bounds_are_those_of_the_providers_pages() -> None:
    """A reservation would be smaller than the bill (P3), or so large that no budget holds one image."""
    photo, banner, dot = Image(png(4_000, 3_000)), Image(png(8_000, 100)), Image(png(1, 1))
    assert OpenAIChat().image_tokens(photo) == OPENAI_MAX == 48_169
    assert AnthropicMessages().image_tokens(photo) == ANTHROPIC_MAX
    assert gemini_image_tokens(dot) == 2_240
    assert gemini_image_tokens(photo) == 258 * 16 * 12
    assert gemini_image_tokens(banner) == 258 * 32
    for wire in (BedrockConverse(), OpenAIChat("max_tokens")):
        assert wire.image_tokens(photo) == any_image_tokens(photo) >= 4_000 * 3_000 // 196
        assert wire.image_tokens(dot) >= OPENAI_MAX
