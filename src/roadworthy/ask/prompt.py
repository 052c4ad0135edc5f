"""A prompt: what a step's function returns for one record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, TypeVar

from roadworthy._errors import WrongUse
from roadworthy.accept.image import Image
from roadworthy.ask.part import is_part

T_co = TypeVar("T_co", covariant=True)

_NO_VALUES: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, init=False)
class Prompt(Generic[T_co]):
    """Instructions, the record's data and, in its type alone, what must come out.

    `Prompt("Route this ticket.", ticket.body)` in a function that returns `Prompt[Triage]`. The instructions
    are the team's words and become the system message; the parts carry data and become the user message, in
    order, with a blank line between them. A prompt without parts is sent as one user message. An `Image` among the
    parts is sent as a picture; pictures stand before the text, in order.

    Args:
        instructions: what the model shall do. Keep data out of it: the prompt's version is its hash.
        parts: text as it is; a model, dataclass, dict or list as JSON; an `Image` as a picture.
        examples: pairs of an input (like a part) and the right answer.

    Raises:
        WrongUse: blank instructions, or a part that is neither text nor data.
    """

    instructions: str
    parts: tuple[object, ...]
    examples: tuple[tuple[object, T_co], ...]
    template: str
    values: Mapping[str, object]

    def __init__(
        self, instructions: str, *parts: object, examples: Sequence[tuple[object, T_co]] = ()
    ) -> None:
        words: object = instructions
        if not isinstance(words, str) or not words.strip():
            raise WrongUse(
                f"A prompt's instructions are {instructions!r}. Say in words what the model shall do."
            )
        if not all(map(is_part, parts)):
            place = next(place for place, part in enumerate(parts) if not is_part(part))
            raise _no_part(f"Part {place + 1}", instructions, parts[place])
        for place, (given, _answer) in enumerate(examples, start=1):
            if not is_part(given) or isinstance(given, Image):
                raise _no_part(f"The input of example {place}", instructions, given)
        # The one way past a frozen dataclass's door that takes all fields at once.
        vars(self).update(
            instructions=instructions, parts=parts, examples=tuple(examples), template="", values=_NO_VALUES
        )

    @classmethod
    def file(cls, name: str, /, **values: object) -> Prompt[T_co]:
        """A prompt that stands in the file `NAME.prompt.md`; it is read and filled when the question is built.

        Args:
            name: the file's name without its ending, from your code and never from a record.
            values: what the template may use: text, numbers, models, dataclasses, dicts, lists. An `Image`, or a list of
                them, is sent as a picture and is no value: it cannot be written into text.
        """
        pictures: list[object] = []
        plain: dict[str, object] = {}
        for key, value in values.items():
            some = value if isinstance(value, list | tuple) else (value,)
            if some and all(isinstance(one, Image) for one in some):
                pictures += some
            else:
                plain[key] = value
        prompt: Prompt[T_co] = cls.__new__(cls)
        vars(prompt).update(
            instructions="", parts=tuple(pictures), examples=(), template=name, values=MappingProxyType(plain)
        )
        return prompt


def _no_part(name: str, instructions: str, part: object) -> WrongUse:
    return WrongUse(
        f"{name} of the prompt {instructions[:60]!r} is a {type(part).__name__}. "
        "Pass text, a model, a dataclass, a dict, a list or, as a part, an Image."
    )
