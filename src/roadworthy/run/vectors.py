"""What the hidden step asks that buys vectors: it stands for `Passages(embed=...)` where that is paid."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from pydantic import BaseModel

from roadworthy.ask.passages import EMBEDS
from roadworthy.ask.prompt import Prompt

Texts: TypeAlias = dict[str, list[str]]
"""What is embedded in one request: `{"texts": [...]}`."""


class Embedded(BaseModel):
    """One vector for each text, in their order."""

    vectors: list[list[float]]


def embedding_of(step: str) -> Callable[[Texts], Prompt[Embedded]]:
    """The function of the hidden step that buys vectors for `step`."""

    def embed(given: Texts) -> Prompt[Embedded]:
        return Prompt("Give a vector for each text.", given)

    embed.__name__ = embed.__qualname__ = step + EMBEDS
    return embed
