"""A record whose text is too long to be held: its model, which reads the text where somebody asks for it."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any, Final, NamedTuple, TypeVar, cast

from pydantic import BaseModel

from roadworthy.accept.long import LongText

R = TypeVar("R")

_BESIDE: Final = "\0beside"
"""Where an instance keeps what is not a field; no field can be called so."""
_DICT: Final = BaseModel.__dict__["__dict__"]
_CHANGING: Final = (
    "str_strip_whitespace",
    "str_to_lower",
    "str_to_upper",
    "str_max_length",
    "str_min_length",
)
_OWN: Final = ("__init__", "__new__", "__getattr__", "__getattribute__", "__setattr__", "model_post_init")
_RULES: Final = ("validators", "field_validators", "root_validators", "model_validators")


class Beside(NamedTuple):
    """What a record keeps beside itself: the record as its own type with an empty text, the field, and the text."""

    light: BaseModel
    field: str
    text: LongText


def can_be_long(kind: object, field: str) -> bool:
    """Whether a record of this type can do without its text until somebody asks: nothing of the type looks at it."""
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return False
    if any(getattr(kind, name, None) is not getattr(BaseModel, name, None) for name in _OWN):
        return False
    found = kind.model_fields.get(field)
    rules = kind.__pydantic_decorators__
    return (
        found is not None
        and found.annotation is str
        and not found.metadata
        and not found.alias
        and not found.validation_alias
        and not any(getattr(rules, name) for name in _RULES)
        and not any(kind.model_config.get(name) for name in _CHANGING)
    )


def with_long(value: object, field: str, text: LongText) -> object:
    """A model whose `field` is empty, as one that reads `text` whenever the field, or all of it, is asked for."""
    assert isinstance(value, BaseModel)
    made = _class_of(type(value)).__new__(_class_of(type(value)))
    shown = {name: item for name, item in value.__dict__.items() if name != field}
    object.__setattr__(made, "__pydantic_fields_set__", value.__pydantic_fields_set__)
    object.__setattr__(made, "__pydantic_extra__", value.__pydantic_extra__)
    object.__setattr__(made, "__pydantic_private__", value.__pydantic_private__)
    _DICT.__set__(made, {**shown, _BESIDE: Beside(value, field, text)})
    return made


def beside(value: object) -> Beside | None:
    """What a record of a long text keeps beside itself; None for any other value."""
    if not isinstance(value, _Long):
        return None
    found = _DICT.__get__(value).get(_BESIDE)
    return cast("Beside | None", found)


class _Long:
    """What a model's subclass adds: the whole record exists while somebody looks at it."""

    def _whole(self) -> BaseModel:
        """The record as its own type, with all of its text."""
        held = beside(self)
        assert held is not None
        return held.light.model_copy(update={held.field: held.text.whole()})

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override] # where pydantic looks for the fields
        real: dict[str, Any] = _DICT.__get__(self)
        return real if _BESIDE not in real else dict(self._whole().__dict__)

    def __getattr__(self, name: str) -> Any:
        held = beside(self)
        if held is not None and name == held.field:
            return held.text.whole()
        return getattr(super(), "__getattr__")(name)  # noqa: B009 - pydantic's own, which types do not show

    def __setattr__(self, name: str, value: object) -> None:
        if beside(self) is not None:  # somebody changes it, so from now on it is held
            _DICT.__set__(self, dict(self._whole().__dict__))
        super().__setattr__(name, value)

    def __copy__(self) -> BaseModel:
        return self._plain()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> BaseModel:
        return copy.deepcopy(self._plain(), memo)

    def __reduce__(self) -> tuple[Any, ...]:
        return (copy.copy, (self._plain(),))

    def __eq__(self, other: object) -> bool:
        return self._plain() == (other._plain() if isinstance(other, _Long) else other)

    def __hash__(self) -> int:
        return hash(self._plain())

    def _plain(self) -> BaseModel:
        """As its own type, whether it is held by now or not."""
        if beside(self) is not None:
            return self._whole()
        assert isinstance(self, BaseModel)
        kind = type(self).__mro__[2]
        assert issubclass(kind, BaseModel)
        return kind.model_construct(self.model_fields_set, **self.__dict__)


@cache
def _class_of(kind: type[BaseModel]) -> type[BaseModel]:
    made = type(
        kind.__name__, (_Long, kind), {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    )
    return cast("type[BaseModel]", made)
