"""A choice between two answers: how a person is asked which of them is right, not knowing which is the new one."""

from __future__ import annotations

import sys

import click
import orjson

from roadworthy._errors import WrongUse
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.reviews import Waiter
from roadworthy.keep.rulings import CHOICES, choose
from roadworthy.observe.visible import shortened, visible

KEYS = {"a": "a", "b": "b", "2": "both", "0": "neither", "s": "skip", "u": "undo", "q": "quit"}


def show_choice(waiter: Waiter, most: int) -> None:
    """The record and both answers."""
    answers = _answers(waiter)
    click.echo(f"\n{visible(waiter.key)}  (two versions of {waiter.step})")
    click.echo(f"record:\n{visible(shortened(waiter.body or '', most))}")
    for name, answer in answers.items():
        text = "no answer: a person would be asked" if answer is None else orjson.dumps(answer).decode()
        click.echo(f"{name.upper()}: {visible(shortened(text, most))}")


def ask_choice(waiter: Waiter) -> str:
    """One key on a terminal, one line on a pipe; the end of the pipe quits."""
    fitting = possible(waiter)
    words = {"a": "a only A is right", "b": "b only B", "both": "2 both", "neither": "0 neither"}
    choices = ", ".join(words[ruling] for ruling in CHOICES if ruling in fitting)
    while True:
        click.echo(f"[{choices}, s skip, u undo the last, q quit] ", nl=False)
        if sys.stdin.isatty():
            key = click.getchar()
            click.echo(key)
        else:
            line = sys.stdin.readline()
            key = line.strip()[:1] if line else "q"
        ruling = KEYS.get(key.lower(), "")
        if ruling in fitting or ruling in {"skip", "undo", "quit"}:
            return ruling
        click.echo(f"{key!r} is not one of them.")


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
