"""What an image counts at most, by provider, and what it likely counts.

A bound by bytes does not hold for images: a picture of one colour is a few hundred bytes and thousands of tokens, a
photograph a million bytes and a thousand tokens. So images are left out of the bytes and counted by these bounds. They
hold for every model that the providers' pages name; what a newer one counts beyond its bound is an overrun, which
closes its lane.
"""

from __future__ import annotations

import math
from typing import Final

from roadworthy.accept.image import Image
from roadworthy.ask.question import Question

# platform.openai.com/docs/guides/images-vision, "Calculating costs". By tiles: an image is fitted into 2,048 x 2,048, its
# shorter side to 768, then cut into tiles of 512, so at most 4 x 2; a tile counts 170 at most but for gpt-4o-mini, with
# 2,833 and 5,667 a tile. By patches of 32: at most 1,536, times 2.46 at most; 10,000 at full detail.
OPENAI_MAX: Final = 2_833 + 8 * 5_667

# platform.claude.com/docs/en/build-with-claude/vision: what is larger is scaled down; models that see finely stop at 4,784.
ANTHROPIC_MAX: Final = 4_784

# ai.google.dev/gemini-api/docs/tokens: 258 for up to 384 x 384, else 258 for each tile, whose side is never below 256;
# ai.google.dev/gemini-api/docs/media-resolution: at most 2,240 where a resolution is set.
GEMINI_TILE: Final = 258
GEMINI_SIDE: Final = 256
GEMINI_MAX: Final = 2_240

# The finest patch of models that are served by compatible endpoints (vision transformers of 14 x 14, none merged).
_PATCH: Final = 14
# A photograph as Anthropic counts it: an area of 750 pixels a token, 1,600 at most; others are near to it.
_LIKELY_AREA: Final = 750
_LIKELY_MAX: Final = 1_600


def data_url(image: Image) -> str:
    """The image as a URL that holds it (RFC 2397), as OpenAI wants it."""
    return f"data:{image.media_type};base64,{image.base64}"


def openai_image_tokens(image: Image) -> int:
    """At most, for OpenAI's own models."""
    del image
    return OPENAI_MAX


def anthropic_image_tokens(image: Image) -> int:
    """At most, for Claude."""
    del image
    return ANTHROPIC_MAX


def gemini_image_tokens(image: Image) -> int:
    """At most, for Gemini."""
    tiles = math.ceil(image.width / GEMINI_SIDE) * math.ceil(image.height / GEMINI_SIDE)
    return max(GEMINI_MAX, GEMINI_TILE * tiles)


def any_image_tokens(image: Image) -> int:
    """At most, where the model may be anybody's: the largest of all bounds, or a token for each 14 x 14 pixels."""
    patches = math.ceil(image.width / _PATCH) * math.ceil(image.height / _PATCH)
    return max(OPENAI_MAX, gemini_image_tokens(image), patches)


def likely_image_tokens(question: Question) -> int:
    """What the images of a question likely count; for pace and forecast, never for money."""
    areas = (image.width * image.height for image in question.images)
    return sum(min(_LIKELY_MAX, math.ceil(area / _LIKELY_AREA)) for area in areas)
