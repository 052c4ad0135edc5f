"""The command line: mounts the commands of the rooms; decides nothing."""

from __future__ import annotations

import importlib
import sys
import traceback
from types import TracebackType
from typing import Any

import click

from roadworthy._errors import Passing, RoadworthyError, WrongUse

INTERRUPTED = 130
"""Exit status after an interrupt, as the shell says it."""
FIRST = ("demo", "run", "plan", "why", "review", "vet")
COMMANDS = {
    "demo": (
        "roadworthy.vet.demonstration",
        "demo",
        "run the shipped support inbox end to end; nothing to sign up for",
    ),
    "new": ("roadworthy.vet.starter.command", "new", "write a small project to start from"),
    "run": ("roadworthy.run.command", "run", "run an input: capped, resumable, every record accounted for"),
    "plan": ("roadworthy.run.command", "plan", "what it will cost, before it costs anything"),
    "why": ("roadworthy.run.reading", "why", "everything about one record"),
    "review": ("roadworthy.run.ruling", "review", "decide the doubtful ones, one key a ruling"),
    "label": ("roadworthy.run.ruling", "label", "take right answers in from a file"),
    "learn": ("roadworthy.run.learning", "learn", "what labels teach: thresholds, examples, the student"),
    "report": ("roadworthy.serve.report", "report", "cost, quality, latency of a job"),
    "doctor": ("roadworthy.run.doctor", "doctor", "what is configured and what is missing"),
    "serve": ("roadworthy.serve.command", "serve", "the app as a service: HTTP, and any OpenAI client"),
    "keys": ("roadworthy.serve.command", "keys", "who may call the service"),
    "work": (
        "roadworthy.run.worker",
        "work",
        "a worker process: helps with an app's jobs on a shared ledger",
    ),
    "backup": ("roadworthy.run.backup", "backup", "copy a SQLite ledger while others work on it"),
    "gc": ("roadworthy.run.keeping", "gc", "remove contents that were not seen for long"),
    "forget": ("roadworthy.run.keeping", "forget_key", "erase what one record said; its accounts stay"),
    "cancel": ("roadworthy.run.keeping", "cancel", "stop a job that runs in another process"),
    "export": ("roadworthy.run.export", "export", "rows out: records, attempts, reviews, labels, runs"),
    "vet": ("roadworthy.vet.road.command", "vet", "the road test: go or no-go, with evidence"),
    "sim": ("roadworthy.vet.command", "sim", "the simulated provider"),
}


class Rooms(click.Group):
    """The commands of the rooms, each imported when it is called, so that `--help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, the first ones first."""
        del ctx
        return sorted(COMMANDS, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """The command; an interrupt ends it with a status of its own, for 1 says something about records."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            pass
        except click.Abort as abort:
            if not isinstance(abort.__context__, KeyboardInterrupt):  # nobody was there to answer a question
                raise
        _say("roadworthy: interrupted")
        return ctx.exit(INTERRUPTED)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The six that matter first, the rest under More."""
        names = self.list_commands(ctx)
        for title, group in (("Commands", FIRST), ("More", tuple(set(names) - set(FIRST)))):
            rows = [(name, COMMANDS[name][2]) for name in names if name in group]
            with formatter.section(title):
                formatter.write_dl(rows)


@click.group(cls=Rooms, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="roadworthy")
def commands() -> None:
    """Roadworthy is the system around the model: one input becomes one accepted, priced, explained result."""


def main() -> None:
    """Run one command; a wrong use ends with status 2 and one line that says what to do."""
    sys.excepthook = _unforeseen
    try:
        commands(prog_name="roadworthy", standalone_mode=True)
    except WrongUse as error:
        _say(f"roadworthy: {error}")
        sys.exit(2)
    except Passing as error:
        _say(f"roadworthy: {error}")
        sys.exit(3)
    except RoadworthyError as error:
        _say(f"roadworthy: {error}")
        sys.exit(1)


def _say(line: str) -> None:
    """A line on standard error, without secrets, and nothing in it that would steer the terminal."""
    from roadworthy.observe.sink import Sink  # noqa: PLC0415 - only where something went wrong
    from roadworthy.observe.visible import visible  # noqa: PLC0415 - as above

    Sink(sys.stderr).write(f"{visible(line)}\n")


def _unforeseen(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A bug's traceback, without secrets."""
    _say("".join(traceback.format_exception(kind, error, trace)).rstrip())


if __name__ == "__main__":
    main()
