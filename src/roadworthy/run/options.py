"""What a run is told on top of the app's declarations."""

from __future__ import annotations

import resource
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy._settings import DEFAULTS, Settings
from roadworthy.call.transport import OTHER_FILES
from roadworthy.run.entry import Step


@quick(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `roadworthy run`, one field each.

    Attributes:
        job: the job's name; the absolute input path unless `--job` was given.
        budget_pico: the job's cap in pico-dollars; None for none.
        limit: lines of the input to take; None for all.
        concurrency: records worked on at the same time; None for the setting.
        retry_failed: ask failed records anew.
        refresh: ask every answered record anew.
        yes: go on when an edit re-asks more answered records than the guard lets pass.
        output: where every record of the job is written.
        batch: calls go through the providers' batch APIs.
        direct_after: a record that has been through so many batches is asked directly; 0 for never.
        no_wait: send what there is to send and leave; the same command later goes on.
        joins: take no input; work on what other runs of the job took in and nobody works on.
        stale_run: the run whose stale records are asked anew too, where it is another's; 0 for this run's own.
    """

    job: str
    budget_pico: int | None = None
    limit: int | None = None
    concurrency: int | None = None
    retry_failed: bool = False
    refresh: bool = False
    yes: bool = False
    output: Path | None = None
    batch: bool = False
    direct_after: int = 0
    no_wait: bool = False
    joins: bool = False
    stale_run: int = 0


def at_once(wanted: int | None, settings: Settings, steps: Iterable[Step[Any, Any]]) -> int:
    """How many records are worked on at the same time; each is a task in memory, and each of its calls an open file.

    Args:
        wanted: as the run was told; None for the setting.
        steps: what the records may be run through; a split one asks about several parts of a record at once.

    Raises:
        WrongUse: nobody would work, more than a lane may ever have in flight, or more than this process may open files.
    """
    count = settings.concurrency if wanted is None else wanted
    check_concurrency(count, settings)
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    parts = settings.parts_at_once if any(step.split is not None for step in steps) else 1
    if files != resource.RLIM_INFINITY and count * parts > files - OTHER_FILES:
        each = f", each asked in up to {parts} parts at once," if parts > 1 else ""
        raise WrongUse(
            f"{count:,} records at the same time{each} need a file for each of their calls, and this process may open "
            f"{files:,}. Give concurrency {max((files - OTHER_FILES) // parts, 1):,} at most, or say "
            f"`ulimit -n {count * parts + OTHER_FILES}` first."
        )
    return count


def check_concurrency(count: int, settings: Settings) -> None:
    """From one to what a lane may ever have in flight. A lane that is held below its usual bound makes records wait.

    Raises:
        WrongUse: fewer or more.
    """
    if count < 1:
        raise WrongUse(f"concurrency is {count}, so nobody would work on a record. Give 1 or more.")
    most = max(settings.lane_concurrency_max, DEFAULTS.lane_concurrency_max)
    if count > most:
        raise WrongUse(
            f"{count:,} records at the same time are more than a lane ever has in flight: {most:,}. Give concurrency "
            f"{most:,} at most, or raise the setting lane_concurrency_max if the provider takes more."
        )
