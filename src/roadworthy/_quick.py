"""`@quick(frozen=True, slots=True)`: the frozen dataclass of what is made anew with every call, at a tenth of its price.

`dataclass(frozen=True)` sets each field through `object.__setattr__`; with some 150 fields a call that was a tenth of
the main thread's time. To a type checker this is that very dataclass, and mypy refuses an assignment anywhere in the
code and its tests. At run time fields are set plainly and nothing refuses it a second time, so what a user's code gets
into its hands stays a frozen dataclass. Equality, hash and `replace` are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as quick
else:
    from dataclasses import dataclass

    def quick(*, frozen: bool, slots: bool) -> Callable[[type], type]:
        """A dataclass that is hashed by its fields, as a frozen one is."""
        return dataclass(slots=slots, unsafe_hash=frozen)


__all__ = ["quick"]
