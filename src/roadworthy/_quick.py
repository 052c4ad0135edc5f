"""`@quick(frozen=True, slots=True)`: the dataclass of what is the package's own; quicker to declare and to make.

`dataclass` writes and compiles up to seven methods for each class where it is declared, which took nearly half of the
time that a command needs to start, and `dataclass(frozen=True)` sets each field through `object.__setattr__`; with some
150 fields a call that was a tenth of the main thread's time. So what stands behind the declaration is a `msgspec.Struct`:
its methods are C, an instance costs a seventh, and one that is frozen is so at run time too.

To a type checker it is that very dataclass, and `fields`, `replace` and `asdict` know it. What a user's code gets into
its hands, and what pydantic reads, stays a dataclass proper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as quick
else:
    from collections.abc import Callable
    from dataclasses import MISSING, Field, dataclass

    import msgspec

    _STRUCT = type(msgspec.Struct)
    _OF_THE_PLAIN_CLASS = frozenset({"__dict__", "__weakref__"})

    def quick(*, frozen: bool = False, slots: bool = False, kw_only: bool = False) -> Callable[[type], type]:
        """A struct with the fields of a dataclass; a frozen one is hashed by its fields.

        Raises:
            TypeError: it inherits fields, or one of them is not compared, shown or given: that takes a dataclass.
        """

        def declare(cls: type) -> type:
            if isinstance(cls, _STRUCT):
                raise TypeError(
                    f"{cls.__qualname__} inherits fields. Declare it and its base with dataclass."
                )
            plain = dataclass(init=False, repr=False, eq=False, match_args=False, kw_only=kw_only)(cls)
            held = {name: value for name, value in vars(plain).items() if name not in _OF_THE_PLAIN_CLASS}
            for row in plain.__dataclass_fields__.values():
                held.update(_default(row))
            bases = (msgspec.Struct, *(base for base in cls.__bases__ if base is not object))
            return _STRUCT(cls.__name__, bases, held, frozen=frozen, kw_only=kw_only, dict=not slots)

        return declare

    def _default(row: Field) -> dict[str, object]:
        """A field as a struct declares it: nothing where it has to be given."""
        if not (row.init and row.repr and row.compare):
            raise TypeError(f"{row.name} is not compared, shown or given. Declare its class with dataclass.")
        if row.default_factory is not MISSING:
            return {row.name: msgspec.field(default_factory=row.default_factory)}
        return {} if row.default is MISSING else {row.name: row.default}


__all__ = ["quick"]
