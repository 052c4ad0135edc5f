"""A team's function: where it stands, and what is refused of it where it is declared, before anything is paid."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

from roadworthy._errors import WrongUse

_RECORD: Final = 1
_WITH_PASSAGES: Final = 2
_CHECKED: Final = 2
_CHECKED_WITH_PASSAGES: Final = 3


def placed(fn: Callable[..., object]) -> str:
    """`feel() at app.py, line 12`; without the place for what has none, such as an object that is called."""
    named = f"{getattr(fn, '__name__', type(fn).__name__)}()"
    code = getattr(inspect.unwrap(fn), "__code__", None)
    return f"{named} at {Path(code.co_filename).name}, line {code.co_firstlineno}," if code else named


def refuse_async(fn: Callable[..., object], instead: str) -> None:
    """What is never awaited is a plain function.

    Args:
        instead: what it is to be, a sentence without its end.

    Raises:
        WrongUse: it is a coroutine function, or an object that is called as one.
    """
    if inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(type(fn).__call__):
        name = getattr(fn, "__name__", "__call__")
        raise WrongUse(f"{placed(fn)} is async. {instead}: write `def {name}(...)`.")


def refuse_parameters(fn: Callable[..., object], *, has_corpus: bool) -> None:
    """A step's function takes a record; a corpus and a second parameter come together.

    Raises:
        WrongUse: it takes anything else.
    """
    takes = len(inspect.signature(fn).parameters)
    if has_corpus and takes != _WITH_PASSAGES:
        raise WrongUse(
            f"{fn.__name__} has context=Passages(...) and {takes} parameters. Write `def {fn.__name__}(record, "
            "passages: list[Passage])`."
        )
    if not has_corpus and takes == _WITH_PASSAGES:
        raise WrongUse(
            f"{fn.__name__} takes passages and names no corpus. Add context=Passages(...) to its step."
        )


def no_prompt(fn: Callable[..., object], said: object) -> NoReturn:
    """What a step's function returned is no prompt. It is told by its type alone: its words may be a record's.

    Raises:
        WrongUse: always.
    """
    if inspect.iscoroutine(said):
        said.close()  # nobody will await it, and Python would complain of that later and elsewhere
    what = "None" if said is None else f"a value of the type {type(said).__name__}"
    raise WrongUse(
        f"{placed(fn)} returned {what}. A step's function returns a prompt: "
        '`return Prompt("What the model shall do.", record.text)`.'
    )
