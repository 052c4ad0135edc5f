"""A choice between two answers: how a person is asked which of them is right, not knowing which is the new one."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Final

import click
import orjson

from roadworthy._errors import WrongUse
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.reviews import Waiter
from roadworthy.keep.rulings import CHOICES, choose
from roadworthy.observe.visible import indented, shortened

KEYS = {"a": "a", "b": "b", "2": "both", "0": "neither", "s": "skip", "u": "undo", "q": "quit"}

_SAID_CHARS: Final = 80
_HEARD_MAX: Final = 10
"""Answers in a row that are none of those asked for; a pipe that says something else ends there."""


def show_choice(waiter: Waiter, most: int) -> None:
    """The record and both answers."""
    answers = _answers(waiter)
    click.echo(f"\n{indented(waiter.key)}  (two versions of {waiter.step})")
    click.echo(f"record:\n{indented(shortened(waiter.body or '', most))}")
    for name, answer in answers.items():
        text = "no answer: a person would be asked" if answer is None else orjson.dumps(answer).decode()
        click.echo(f"{name.upper()}: {indented(shortened(text, most))}")


def ask_choice(waiter: Waiter) -> str:
    """What a person says to two answers: a ruling that fits them, or to skip, undo or quit.

    Raises:
        WrongUse: nothing of the kind was said.
    """
    fitting = possible(waiter)
    words = {"a": "a only A is right", "b": "b only B", "both": "2 both", "neither": "0 neither"}
    choices = ", ".join(words[ruling] for ruling in CHOICES if ruling in fitting)
    return heard(f"{choices}, s skip, u undo the last, q quit", KEYS, [*fitting, "skip", "undo", "quit"])


def heard(choices: str, keys: Mapping[str, str], fitting: Collection[str]) -> str:
    """Which of some words a person says: one key on a terminal; on a pipe a line with the key or the whole word.

    The end of the pipe quits. A line that only begins like one of them is none: it may mean the opposite.

    Args:
        choices: what is shown.
        keys: key -> word.
        fitting: the words that fit now.

    Raises:
        WrongUse: none of them was said, many times in a row.
    """
    for _ in range(_HEARD_MAX):
        click.echo(f"[{choices}] ", nl=False)
        if sys.stdin.isatty():
            said = click.getchar()
            click.echo(said)
        else:
            line = sys.stdin.readline()
            said = line.strip() if line else "q"
        word = keys.get(said.lower(), said.lower())
        if word in fitting:
            return word
        click.echo(f"{indented(repr(shortened(said, _SAID_CHARS)))} is not one of them.")
    raise WrongUse(
        f"{_HEARD_MAX} answers in a row were none of those asked for. Give a key or its whole word: {choices}. "
        "What was ruled before stands."
    )


def choose_one(store: Ledger, waiter: Waiter, ruling: str, by: str, note: str) -> None:
    """One ruling from a script.

    Raises:
        WrongUse: it does not fit the question, or someone was faster.
    """
    if ruling not in possible(waiter):
        raise WrongUse(
            f"Question {waiter.id} shows two answers. Say which is right: --ruling {', '.join(possible(waiter))}."
        )
    if not store.write_now(lambda tx: choose(tx, waiter.id, ruling, by, note)):
        raise WrongUse(f"Someone else has ruled on question {waiter.id} meanwhile.")


def possible(waiter: Waiter) -> list[str]:
    """The rulings that fit: no answer is never right."""
    missing = {name for name, answer in _answers(waiter).items() if answer is None}
    return [ruling for ruling in CHOICES if ruling not in missing and not (ruling == "both" and missing)]


def _answers(waiter: Waiter) -> dict[str, object]:
    found: dict[str, object] = orjson.loads(waiter.suggestion or '{"a":null,"b":null}')
    return found
