"""The command `vet`: the road test of an app, or of a plain function."""

from __future__ import annotations

import datetime as dt
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TextIO

import click
import orjson

from roadworthy._errors import WrongUse
from roadworthy.call.price import pico
from roadworthy.observe.visible import in_line, shortened
from roadworthy.vet.naked.answered import answers_any
from roadworthy.vet.naked.drive import NAKED_STAGES, open_stand
from roadworthy.vet.naked.target import names_function
from roadworthy.vet.road.answered import find_answered, guarded
from roadworthy.vet.road.bench import MINUTES
from roadworthy.vet.road.compare import compare
from roadworthy.vet.road.finding import Finding, Grade, StageResult
from roadworthy.vet.road.junit import as_junit
from roadworthy.vet.road.opening import open_bench
from roadworthy.vet.road.page import as_page
from roadworthy.vet.road.report import Report, check_fail_on, read_report
from roadworthy.vet.road.stage import choose, drive
from roadworthy.vet.road.stages import STAGES
from roadworthy.vet.road.terminal import as_text

GO, NO_GO = 0, 1
_SIDE_BY_SIDE: Final = 2
"""So many stages are driven at a time; each run is a process, and most of a stage is waiting."""


class Progress:
    """Says on standard error which stage is driven and what it found."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._began = time.monotonic()
        self._turn = threading.Lock()

    def begins(self, stage: str, number: int, total: int) -> None:
        """A stage begins."""
        self._say(f"{number}/{total} {stage} ...")

    def found(self, stage: str, finding: Finding) -> None:
        """A stage found something."""
        mark = {Grade.PASS: "pass", Grade.FAIL: "FAIL", Grade.NOT_TESTED: "not tested"}[finding.grade]
        self._say(f"    {mark}: {stage}, {finding.name}: {shortened(in_line(finding.happened), 140)}")

    def ends(self, result: StageResult) -> None:
        """A stage has ended."""
        self._say(f"    {result.title}: {result.grade} in {result.seconds:.1f} s")

    def _say(self, line: str) -> None:
        with self._turn:
            self._out.write(f"[{time.monotonic() - self._began:5.1f} s] {line}\n")
            self._out.flush()


def _dollars(_context: click.Context, _option: click.Parameter, said: str) -> str:
    """An amount above 0, as it was written; "" for none."""
    if said and not pico(said):
        raise click.BadParameter("give an amount above 0, such as 0.50.")
    return said


@click.command()
@click.argument("app")
@click.argument("input_", metavar="INPUT")
@click.option(
    "--minutes",
    default=MINUTES,
    show_default=True,
    type=click.FloatRange(0.1),
    help="The effort: how often things are tried, never a time limit.",
)
@click.option("--seed", default=1, show_default=True, help="All chance comes from it.")
@click.option("--only", multiple=True, metavar="STAGE", help="Drive this stage alone; repeatable.")
@click.option(
    "--fail-on",
    default="any",
    show_default=True,
    metavar="WHAT",
    help="What makes it a no-go: any, not-tested, or stages by name.",
)
@click.option(
    "--answers",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSONL of recorded answers; repeatable.",
)
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Right answers: JSONL or CSV with key and label.",
)
@click.option(
    "--live",
    "live_usd",
    default="",
    metavar="USD",
    callback=_dollars,
    help="Ask the real provider, too, for quality and consistency: it may cost so much.",
)
@click.option(
    "--compare",
    "older",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An older report (--json) to compare with.",
)
@click.option(
    "--pass", "passed", multiple=True, metavar="NAME", help="A variable that the app may see; repeatable."
)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the report as one page.")
@click.option(
    "--json", "json_", type=click.Path(path_type=Path, dir_okay=False), help="Write the report as JSON."
)
@click.option(
    "--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write the report as JUnit XML."
)
@click.option(
    "--python",
    default="",
    metavar="FILE",
    help="For a plain function: the interpreter that has what it imports  [this one]",
)
@click.option("--verbose", is_flag=True, help="Show the evidence of what passed, too.")
def vet(app: str, input_: str, *, fail_on: str, verbose: bool, **given: Any) -> None:
    """Try to break APP with INPUT on a simulated provider, and say go or no-go. Nothing of yours is changed, and nothing is paid unless --live says so.

    The status is 0 for go and 1 for no-go.
    """
    is_function = names_function(app)
    names = [stage.name for stage in (NAKED_STAGES if is_function else STAGES)]
    reasons = check_fail_on(fail_on, names)
    before = _read(given["older"])
    for place in (given["html"], given["json_"], given["junit"]):
        _check_place(place)
    seed, minutes = given["seed"], given["minutes"]
    began, clock = dt.datetime.now(dt.UTC), time.monotonic()
    results, notes, command = (_vet_function if is_function else _vet_app)(app, input_, given)
    report = Report(
        subject=app,
        input=input_,
        seed=seed,
        minutes=minutes,
        notes=notes,
        stages=results,
        fail_on=reasons,
        command=command,
        began=began.isoformat(timespec="seconds"),
        seconds=time.monotonic() - clock,
        version=version("roadworthy"),
    )
    changes = tuple(change.text() for change in compare(before, report)) if before else ()
    click.echo(as_text(report, whole=verbose))
    for line in changes:
        click.echo(line)
    _write(report, changes, given["html"], given["json_"], given["junit"])
    sys.exit(GO if report.is_go else NO_GO)


Driven = tuple[tuple[StageResult, ...], tuple[str, ...], str]
"""What the stages found, the notes, the command that does it again."""


def _vet_app(app: str, input_: str, given: Mapping[str, Any]) -> Driven:
    if given["python"]:
        raise WrongUse("--python is for plain functions. An app runs where Roadworthy is installed.")
    stages = guarded(choose(STAGES, given["only"]), find_answered)
    with (
        open_bench(
            app,
            input_,
            seed=given["seed"],
            minutes=given["minutes"],
            answers=given["answers"],
            passed=_passed(given["passed"]),
            labels=given["labels"],
            live_usd=given["live_usd"],
        ) as bench,
        ExitStack() as stack,
    ):
        twins = [stack.enter_context(bench.twin()) for _ in stages[1:_SIDE_BY_SIDE]]
        return drive(stages, [bench, *twins], Progress(), bench.halt.end), bench.notes, bench.command


def _vet_function(app: str, input_: str, given: Mapping[str, Any]) -> Driven:
    if given["labels"] or given["live_usd"]:
        raise WrongUse("--labels and --live are for apps. What a plain function answers is not judged.")
    stages = guarded(choose(NAKED_STAGES, given["only"]), answers_any)
    with open_stand(
        app,
        input_,
        seed=given["seed"],
        minutes=given["minutes"],
        answers=given["answers"],
        passed=_passed(given["passed"]),
        python=given["python"],
    ) as stand:
        return drive(stages, [stand], Progress()), stand.notes, stand.command


def _write(
    report: Report, changes: Sequence[str], html: Path | None, json_: Path | None, junit: Path | None
) -> None:
    if html is not None:
        html.write_text(as_page(report, changes), encoding="utf-8")
    if json_ is not None:
        json_.write_bytes(orjson.dumps(report.as_json(), option=orjson.OPT_INDENT_2))
    if junit is not None:
        junit.write_text(as_junit(report), encoding="utf-8")


def _read(place: Path | None) -> Report | None:
    if place is None:
        return None
    try:
        said = orjson.loads(place.read_bytes())
    except orjson.JSONDecodeError as error:
        raise WrongUse(f"{place} is no report of `roadworthy vet --json`: {error}.") from error
    if not isinstance(said, dict):
        raise WrongUse(f"{place} is no report of `roadworthy vet --json`.")
    return read_report(said)


def _check_place(place: Path | None) -> None:
    if place is not None and not place.resolve().parent.is_dir():
        raise WrongUse(
            f"The report {str(place)!r} is in a folder that does not exist. Make the folder first."
        )


def _passed(names: Sequence[str]) -> Mapping[str, str]:
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise WrongUse(f"--pass {missing[0]}: there is no such variable here.")
    return {name: os.environ[name] for name in names}
