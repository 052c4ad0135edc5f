"""`@quick(frozen=True, slots=True)`: the dataclass of what is the package's own; quicker to declare and to make.

`dataclass` writes and compiles up to seven methods for each class where it is declared, which took nearly half of the
time that a command needs to start. Here equality, hash and `repr` are written once for all classes, and what makes an
instance is compiled, by `dataclass` itself, when the first one is made.

`dataclass(frozen=True)` sets each field through `object.__setattr__`; with some 150 fields a call that was a tenth of
the main thread's time. To a type checker this is that very dataclass, and mypy refuses an assignment anywhere in the
code and its tests. At run time fields are set plainly and nothing refuses it a second time, so what a user's code gets
into its hands stays a frozen dataclass. Equality, hash and `replace` are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as quick
else:
    from collections.abc import Callable
    from dataclasses import dataclass, fields, make_dataclass
    from operator import attrgetter
    from reprlib import recursive_repr

    def quick(*, frozen: bool = False, slots: bool = False, kw_only: bool = False) -> Callable[[type], type]:
        """A dataclass; a frozen one is hashed by its fields."""

        def declare(cls: type) -> type:
            made = dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
            methods = {"__init__": _first_of(made), "__repr__": _shown, **_compared(made, hashed=frozen)}
            if slots:
                methods |= {"__getstate__": _state, "__setstate__": _restore}
            for name in methods.keys() - vars(cls).keys():
                setattr(made, name, methods[name])
            return made

        return declare

    def _first_of(made: type) -> Callable[..., None]:
        """What makes the first instance: it has `dataclass` write what makes instances, which takes its place."""

        def first(self: object, *given: object, **named: object) -> None:
            after = {"__post_init__": None} if hasattr(made, "__post_init__") else {}
            written = make_dataclass(
                made.__name__,
                [(row.name, row.type, row) for row in fields(made)],
                namespace={"__module__": made.__module__, "__doc__": made.__doc__, **after},
                repr=False,
                eq=False,
            )
            made.__init__ = written.__init__
            made.__init__(self, *given, **named)

        return first

    def _state(self: object) -> list[object]:
        """What is copied and packed: a class with slots says it by itself."""
        return [getattr(self, row.name) for row in fields(self)]

    def _restore(self: object, state: list[object]) -> None:
        for row, value in zip(fields(self), state, strict=True):
            setattr(self, row.name, value)

    @recursive_repr()
    def _shown(self: object) -> str:
        told = (f"{row.name}={getattr(self, row.name)!r}" for row in fields(self) if row.repr)
        return f"{type(self).__qualname__}({', '.join(told)})"

    def _compared(made: type, *, hashed: bool) -> dict[str, Callable[..., object] | None]:
        """Equality and hash by what the fields hold."""
        held = _held([row.name for row in fields(made) if row.compare])

        def equal(self: object, other: object) -> bool:
            return held(self) == held(other) if other.__class__ is self.__class__ else NotImplemented

        def number(self: object) -> int:
            return hash(held(self))

        return {"__eq__": equal, "__hash__": number if hashed else None}

    def _held(names: list[str]) -> Callable[[object], tuple[object, ...]]:
        if len(names) > 1:
            return attrgetter(*names)  # the one of them that gives a tuple
        return lambda made: tuple(getattr(made, name) for name in names)


__all__ = ["quick"]
