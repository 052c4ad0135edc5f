"""The command `sim`: the simulated provider in a process of its own."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from typing import TYPE_CHECKING, Final, cast

import click
import orjson

from roadworthy._errors import WrongUse
from roadworthy.run.loop import loop_factory
from roadworthy.vet.options import Options

if TYPE_CHECKING:
    from roadworthy.vet.simulator import Simulator

PARENT_POLL_S: Final = 0.5


def _pairs(_context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for value in values:
        # Names may hold `=`, what stands after them does not.
        name, mark, said = value.rpartition("=")
        if not (name and mark and said):
            raise click.BadParameter(f"{value!r} is not NAME=VALUE.", param=option)
        pairs[name] = said
    return pairs


@click.command()
@click.option(
    "--answers",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="JSONL of recorded answers, .gz too; repeatable.",
)
@click.option(
    "--text-field", default="text", show_default=True, help="The field that holds a question's text."
)
@click.option("--wrap", default="", metavar="FIELD", help='A plain string answer becomes {"FIELD": answer}.')
@click.option("--loose", is_flag=True, help="Find recorded texts by their letters and digits alone, too.")
@click.option(
    "--default-answer", metavar="TEXT", help="Said to unrecorded questions  [made up from the schema]"
)
@click.option(
    "--stand-in",
    default="plain",
    show_default=True,
    type=click.Choice(["plain", "copied", "invented"]),
    help="How texts are made up: a fixed word, words of the question, or words of no question.",
)
@click.option(
    "--fallback-schema",
    default="",
    metavar="JSON",
    help="The schema of made-up answers where a request has none.",
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--port", default=0, show_default=True, type=click.IntRange(0, 65_535), help="0 chooses a free one."
)
@click.option("--seed", default=0, show_default=True, help="All chance comes from it.")
@click.option(
    "--latency-ms",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Median, until the first byte.",
)
@click.option(
    "--latency-spread",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Sigma of the log-normal law.",
)
@click.option(
    "--faults", default="", metavar="SPEC", help="mixed:0.10, or 429=0.05,fenced=0.01, or @script.json."
)
@click.option(
    "--in-a-row-max",
    default=2,
    show_default=True,
    type=click.IntRange(0),
    help="Faults in transit that the same bytes meet in a row; 0: no limit.",
)
@click.option(
    "--alias",
    "aliases",
    multiple=True,
    callback=_pairs,
    metavar="REQUESTED=RECORDED",
    help="Answer as another model did; repeatable.",
)
@click.option(
    "--price",
    "prices",
    multiple=True,
    callback=_pairs,
    metavar="MODEL=INPUT,OUTPUT",
    help="USD per million tokens; repeatable.",
)
@click.option(
    "--requests-per-minute", default=0, type=click.IntRange(0), help="A real rate limit per model  [none]"
)
@click.option(
    "--tokens-per-minute", default=0, type=click.IntRange(0), help="A real rate limit per model  [none]"
)
@click.option(
    "--idle-s",
    default=75.0,
    show_default=True,
    type=click.FloatRange(0.1),
    help="Idle connections are closed.",
)
@click.option(
    "--silence-s",
    default=120.0,
    show_default=True,
    type=click.FloatRange(0.1),
    help="A hang lasts this long at most.",
)
@click.option(
    "--trickle-s",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.001),
    help="Between two bytes of a trickle.",
)
@click.option("--with-parent", is_flag=True, help="End when the process that started it ends.")
def sim(*, with_parent: bool, default_answer: str | None, **options: object) -> None:
    """A simulated provider: speaks the providers' dialects, replays recorded answers, misbehaves by script, keeps the bill.

    Prints one line of JSON with its `url` and `port` and serves until SIGTERM or SIGINT. GET /sim/bill, GET
    /sim/requests?after=N, POST /sim/script and POST /sim/reset are for whoever runs the test.
    """
    from roadworthy.vet.simulator import Simulator  # noqa: PLC0415 - heavy, and only this command needs it

    if default_answer is not None:
        options["default_answer"] = default_answer
    parent = os.getppid()
    try:
        simulator = Simulator(**_checked(options))
        _allow_many_connections()
        _run(simulator, parent if with_parent else None)
    except WrongUse as error:
        raise click.UsageError(str(error)) from error


def _checked(options: dict[str, object]) -> Options:
    """The options as click has made them: each has the type that `Options` names."""
    return cast("Options", options)


def _allow_many_connections() -> None:
    """A connection is an open file; take as many as the system allows this user."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _run(simulator: Simulator, parent: int | None) -> None:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(simulator, parent))


async def _serve(simulator: Simulator, parent: int | None) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with simulator:
        click.echo(orjson.dumps({"url": simulator.url, "port": simulator.port}))
        if parent is None:
            await ended.wait()
        while parent is not None and not ended.is_set() and os.getppid() == parent:
            await _wait_a_little(ended)


async def _wait_a_little(ended: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(PARENT_POLL_S):
            await ended.wait()
    except TimeoutError:
        return


if __name__ == "__main__":
    sim(prog_name="sim")
