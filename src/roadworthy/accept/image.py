"""An image as a part of a prompt: its kind and size are read from its bytes, and nothing of it is decoded."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from roadworthy._settings import Settings
from roadworthy.accept.reason import WrongRecord, shown

PNG, JPEG, GIF, WEBP = "image/png", "image/jpeg", "image/gif", "image/webp"
"""What OpenAI, Anthropic, Gemini and Bedrock all take, but for GIF, which Gemini's documents do not name."""


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Image:
    """An image, `Image(data)`: bytes, or text in base64 as a record holds it (a `data:` URL too).

    Attributes:
        data: the file's bytes.
        media_type: `image/png`, `image/jpeg`, `image/gif` or `image/webp`, by its first bytes, whatever it was called.
        width: in pixels, as the file says.
        height: in pixels.

    Raises:
        WrongRecord: no base64, no image of these kinds, or no size can be read from it. Within a step's function this
            rejects the record.
    """

    data: bytes
    media_type: str
    width: int
    height: int
    sha256: str = field(compare=False)

    def __init__(self, data: bytes | str) -> None:
        raw = _plain(data) if isinstance(data, str) else bytes(data)
        media_type, size_of = _kind_of(raw)
        width, height = size_of(raw)
        if not (width and height):
            raise WrongRecord(f"the {media_type} is cut off: its size cannot be read", "Save it again.")
        for name, value in (("data", raw), ("media_type", media_type), ("width", width), ("height", height)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "sha256", hashlib.sha256(raw).hexdigest())

    def __repr__(self) -> str:
        return f"Image({self.told()})"

    def told(self) -> str:
        """What it is, for people."""
        return (
            f"{self.media_type}, {self.width} x {self.height}, {len(self.data):,} bytes, {self.sha256[:16]}"
        )

    @property
    def base64(self) -> str:
        """Its bytes as providers want them."""
        return base64.b64encode(self.data).decode()


def refuse_large(images: tuple[Image, ...], settings: Settings) -> None:
    """Refuse what no provider would take, before it costs anything.

    Raises:
        WrongRecord: too many of them, or too many bytes or pixels in one.
    """
    if len(images) > settings.images_max:
        raise WrongRecord(
            f"the prompt holds {len(images)} images and at most {settings.images_max} are sent",
            "Send fewer at a time, or raise the setting images_max.",
        )
    for image in images:
        if len(image.data) > settings.image_bytes_max:
            raise WrongRecord(
                f"an image has {len(image.data):,} bytes and at most {settings.image_bytes_max:,} are sent",
                "Make it smaller, or raise the setting image_bytes_max.",
            )
        if max(image.width, image.height) > settings.image_side_max:
            raise WrongRecord(
                f"an image has {image.width} x {image.height} pixels, and no side may have more than "
                f"{settings.image_side_max:,}",
                "Make it smaller, or raise the setting image_side_max.",
            )


def _kind_of(raw: bytes) -> tuple[str, Callable[[bytes], tuple[int, int]]]:
    for media_type, marks, size_of in _KINDS:
        if all(raw[place : place + len(mark)] == mark for place, mark in marks):
            return media_type, size_of
    raise WrongRecord(
        f"no image that models take: it begins with {raw[:12].hex(' ') or 'nothing'}",
        "Give PNG, JPEG, GIF or WebP.",
    )


def _plain(text: str) -> bytes:
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise WrongRecord(f"no image in base64: {shown(text[:60])}", "Give its bytes in base64.") from error


def _png(raw: bytes) -> tuple[int, int]:
    """The header chunk (PNG specification, 11.2.2)."""
    return _big(raw[16:20]), _big(raw[20:24])


def _gif(raw: bytes) -> tuple[int, int]:
    """The logical screen (GIF89a, 18)."""
    return _little(raw[6:8]), _little(raw[8:10])


def _webp(raw: bytes) -> tuple[int, int]:
    """The first chunk: lossy, lossless or extended (RFC 9649, 2.5 to 2.7)."""
    kind = raw[12:16]
    if kind == b"VP8X" and len(raw) >= 30:
        return 1 + _little(raw[24:27]), 1 + _little(raw[27:30])
    if kind == b"VP8L" and len(raw) >= 25:
        bits = _little(raw[21:25])
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and len(raw) >= 30:
        return _little(raw[26:28]) & 0x3FFF, _little(raw[28:30]) & 0x3FFF
    return 0, 0


def _jpeg(raw: bytes) -> tuple[int, int]:
    """The frame header, found by stepping over segments (ITU-T T.81, B.1.1 and B.2.2)."""
    place = 2
    for _ in range(_SEGMENTS_MAX):
        fill = _FILL.match(raw, place)
        if fill is None or fill.end() + 8 > len(raw):
            break
        place = fill.end() - 1  # the last 0xFF begins the marker
        mark = raw[place + 1]
        if 0xC0 <= mark <= 0xCF and mark not in {0xC4, 0xC8, 0xCC}:
            return _big(raw[place + 7 : place + 9]), _big(raw[place + 5 : place + 7])
        place += 2 if 0xD0 <= mark <= 0xD8 or mark == 0x01 else 2 + _big(raw[place + 2 : place + 4])
    return 0, 0


def _big(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


def _little(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


_FILL: Final = re.compile(rb"\xff+")
_SEGMENTS_MAX: Final = 10_000
"""Before the frame header; cameras and editors write some hundred at most, of up to 64 kB each."""
_Marks = tuple[tuple[int, bytes], ...]
_KINDS: Final[tuple[tuple[str, _Marks, Callable[[bytes], tuple[int, int]]], ...]] = (
    (PNG, ((0, b"\x89PNG\r\n\x1a\n"), (12, b"IHDR")), _png),
    (JPEG, ((0, b"\xff\xd8\xff"),), _jpeg),
    (GIF, ((0, b"GIF87a"),), _gif),
    (GIF, ((0, b"GIF89a"),), _gif),
    (WEBP, ((0, b"RIFF"), (8, b"WEBP")), _webp),
)
