"""A team's function: where it stands, and what is refused of it where it is declared, before anything is paid."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

from roadworthy._errors import WrongUse

_WITH_PASSAGES: Final = 2
_CHECKED_WITH_PASSAGES: Final = 3
_BY_NAME: Final = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)


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
    _refuse_others(fn, "", ("record", "passages")[: 1 + has_corpus], "A step's function takes one record")


def refuse_check(check: Callable[..., object]) -> None:
    """A check is a plain function of the answer and the record, and of the passages where it has a third parameter.

    Raises:
        WrongUse: it is anything else.
    """
    refuse_async(
        check, "A check only looks at the answer and the record; models are asked in a step of their own"
    )
    given = ("answer", "record", "passages")[: 2 + takes_passages(check)]
    also = "A check takes the answer and the record, and as a third the passages where it looks at them"
    _refuse_others(check, "The check ", given, also)


def takes_passages(check: Callable[..., object]) -> bool:
    """Whether a check has a third place; what is given by name is a setting of its own."""
    parameters = inspect.signature(check).parameters.values()
    return sum(one.kind not in _BY_NAME for one in parameters) >= _CHECKED_WITH_PASSAGES


def refuse_merge(fn: Callable[..., object]) -> None:
    """What makes one answer of several is a plain function of the answers and the record.

    Raises:
        WrongUse: it is anything else.
    """
    refuse_async(fn, "It is a plain function of (answers, record)")
    _refuse_others(fn, "", ("answers", "record"), "It takes the answers of the parts and the record")


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


def _refuse_others(fn: Callable[..., object], what: str, given: Sequence[str], also: str) -> None:
    """A function that cannot be called with what it is given; told with the names of what it takes."""
    signature = inspect.signature(fn)
    try:
        signature.bind(*given)
    except TypeError as error:
        bare = [one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()]
        signature = inspect.Signature(bare)
        name = getattr(fn, "__name__", "__call__")
        raise WrongUse(
            f"{what}{placed(fn)} takes {signature}. {also}: `def {name}({', '.join(given)})`."
        ) from error
