"""How a command says what happens while it works: lines for a person, or a log for a machine."""

from __future__ import annotations

import click

from roadworthy.observe.log import Log
from roadworthy.observe.progress import Progress

log_option = click.option(
    "--log",
    "log",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How standard error is written: for a person, or one JSON object a line.",
)


def hearer(
    log: str, total: int = 0, budget_pico: int | None = None, *, details: bool = True
) -> Progress | Log:
    """The listener of a command.

    Args:
        log: `text` or `json`.
        total: records expected; 0 where nobody knows.
        budget_pico: the job's cap; None for none.
        details: whether a provider's words are shown in `text`.
    """
    return Log() if log == "json" else Progress(total, budget_pico, details=details)
