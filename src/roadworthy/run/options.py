"""What a run is told on top of the app's declarations."""

from __future__ import annotations

from pathlib import Path

from roadworthy._quick import quick


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
