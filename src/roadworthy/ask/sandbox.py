"""The sandbox that prompt files are rendered in. Import it inside a function: Jinja2 is slow to load.

Jinja2's immutable sandbox refuses underscore attributes, mutation and unsafe calls; here it also loses its
loader, its chance and its HTML, reads fields before methods, and has a limit on what it multiplies.
Source: Jinja2 3.1 documentation, "Sandbox".
"""

from __future__ import annotations

from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from roadworthy._errors import WrongUse
from roadworthy.ask.part import json_bytes

_LOADS = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


class NamedUndefined(StrictUndefined):
    """An unknown name or field: using it is an error that lists the known ones."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if isinstance(self._undefined_obj, dict):
            known = ", ".join(sorted(map(str, self._undefined_obj))) or "none"
            return f"there is no field {self._undefined_name!r}; the known ones are: {known}"
        return str(super()._undefined_message)


class PromptSandbox(ImmutableSandboxedEnvironment):
    """Renders prompt text, not HTML, from plain JSON values.

    Args:
        chars_max: no product of a text or list may be longer. A `range` is limited by Jinja2 to 100,000.
    """

    intercepted_binops = frozenset({"*"})

    def __init__(self, chars_max: int) -> None:
        super().__init__(undefined=NamedUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True)
        self.chars_max = chars_max
        del self.globals["lipsum"], self.filters["random"]
        self.filters["tojson"] = _as_json

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A field of the value before a method of its Python type: `claim.items` is the record's `items`."""
        if isinstance(obj, dict) and attribute in obj and not attribute.startswith("_"):
            return obj[attribute]
        return super().getattr(obj, attribute)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Multiply, unless a text or list would grow past the limit."""
        for sized, times in ((left, right), (right, left)):
            if (
                isinstance(sized, str | list)
                and isinstance(times, int)
                and len(sized) * times > self.chars_max
            ):
                raise SecurityError(f"a product of more than {self.chars_max} characters is refused")
        return super().call_binop(context, operator, left, right)


def _as_json(value: object) -> str:
    """JSON as text. An unknown name has no JSON form and says so as it does everywhere else."""
    return str(value) if isinstance(value, NamedUndefined) else json_bytes(value).decode()


def compile_text(sandbox: PromptSandbox, text: str, *, name: str) -> Template:
    """The template in `text`.

    Raises:
        WrongUse: it does not parse, loads another file, or reads an attribute that begins with `_`.
    """
    try:
        tree = sandbox.parse(text)
        for node in tree.find_all((*_LOADS, nodes.Getattr)):
            if isinstance(node, _LOADS):
                raise WrongUse(
                    f"Prompt file {name!r}, line {node.lineno}: {type(node).__name__.lower()} is refused. "
                    "A prompt file stands alone."
                )
            if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
                raise WrongUse(
                    f"Prompt file {name!r}, line {node.lineno}: the attribute {node.attr!r} is refused. "
                    "Only fields of the given values can be read."
                )
        return sandbox.from_string(text)
    except TemplateSyntaxError as error:
        raise WrongUse(f"Prompt file {name!r}, line {error.lineno}: {error.message}.") from error
