"""The hidden step that buys vectors: what stands for `Passages(embed=...)` where that is paid."""

from __future__ import annotations

from typing import Any, TypeAlias

from pydantic import BaseModel

from roadworthy.ask.prompt import Prompt
from roadworthy.call.model import as_model
from roadworthy.decide.rule import Rule
from roadworthy.run.entry import Step

NAMED = "_embed"
"""What stands behind a step's name in that of the step which buys its vectors."""

Texts: TypeAlias = dict[str, list[str]]
"""What is embedded in one request: `{"texts": [...]}`."""


class Embedded(BaseModel):
    """One vector for each text, in their order."""

    vectors: list[list[float]]


def embedding_step(step: Step[Any, Any]) -> Step[Texts, Embedded] | None:
    """The hidden step that buys vectors for a step's passages and queries; None where they are not bought."""
    if step.context is None or step.context.paid is None:
        return None
    model: Any = step.context.paid

    def embed(given: Texts) -> Prompt[Embedded]:
        return Prompt("Give a vector for each text.", given)

    embed.__name__ = embed.__qualname__ = step.name + NAMED
    return Step(
        step.home,
        embed,
        models=[as_model(model)],
        rule=Rule(None, None, people=False),
        key=None,
        settings=step.settings,
        mask=step.mask,
    )
