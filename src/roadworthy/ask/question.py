"""A question: what a model is really asked for one record, built once and pinned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import Literal

from roadworthy._quick import quick
from roadworthy.accept.image import Image
from roadworthy.accept.passage import Passage


@quick(frozen=True, slots=True)
class Message:
    """One message of a question. `system` is the team's words; `user` carries data; its images stand before its text."""

    role: Literal["system", "user"]
    text: str
    images: tuple[Image, ...] = ()


@quick(frozen=True, slots=True)
class Form:
    """The output schema as one provider's dialect says it.

    Attributes:
        schema: canonical JSON bytes; None where the dialect cannot say the type, and `words` hold the whole schema.
        words: what this dialect leaves to the instructions beyond `OutputSchema.words`, as it is put there.
    """

    schema: bytes | None
    words: str = ""


@dataclass(frozen=True, slots=True)
class OutputSchema:
    """What must come out, compiled once per step.

    Attributes:
        name: a name the providers accept (at most 64 of `a-zA-Z0-9_-`).
        canonical: the JSON Schema of the output type as pydantic writes it, canonical JSON bytes.
        strict: the same in the strict dialect of OpenAI's structured outputs, canonical JSON bytes.
        words: what the dialect cannot say, one line each, for the instructions; empty where it says all.
        output_tokens: an upper bound on the tokens of a valid answer, None where the schema sets none.
        wrapped: the type is no JSON object, so the answer is `{"value": ...}`; both schemas say so already.
        speaks_strict: False where the dialect cannot say the type (maps, free-form JSON, a thousand labels): send
            `strict: false`.
        forms: the same in narrower dialects, by name. A model's own words are added when it is asked, so the pinned
            question is the same whatever models a ladder has.
    """

    name: str
    canonical: bytes
    strict: bytes
    words: str
    output_tokens: int | None
    wrapped: bool = False
    speaks_strict: bool = True
    forms: Mapping[str, Form] = field(default_factory=dict, compare=False)


@quick(frozen=True, slots=True)
class Shown:
    """One example: the number of the record it is of, and what is shown of it."""

    record: int
    text: str


@quick(frozen=True, slots=True)
class Question:
    """One record's question to a model.

    Attributes:
        version: 16 hex digits: the hash of template (or instructions) and schema; names the prompt.
        fixed: 32 bytes: the hash of everything that does not move (instructions, data, schema); pins the row.
        messages: what is said, in order.
        passages: what was chosen from a corpus for it and stands in the messages; kept with it.
        examples: corrections of other records that stand in a message of their own.
    """

    version: str
    fixed: bytes
    messages: tuple[Message, ...]
    passages: tuple[Passage, ...] = ()
    examples: tuple[Shown, ...] = ()

    @property
    def images(self) -> tuple[Image, ...]:
        """The images of all its messages, in order."""
        return tuple(chain.from_iterable(map(_images_of, self.messages)))


_images_of = attrgetter("images")
