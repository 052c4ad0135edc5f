"""What an app declares: its name, its steps and workflows, its caps and prices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.call.price import Price
from roadworthy.decide.promise import Promise
from roadworthy.run.entry import Entry, Step, Workflow

PERIODS = ("total", "day", "month")


@quick(slots=True)
class Plan:
    """An app's declarations, in the order of the file.

    Attributes:
        payer: the app whose money is spent; another one for a candidate, which runs in shadow.
        budget_pico: the app's cap per period in pico-dollars; None for none.
        record_budget_pico: the cap on one record.
        gated: whether only versions of steps that were promoted run without `--yes`.
        ledger: where its ledger is; "" for `<name>.db` in the working directory.
    """

    name: str
    payer: str
    namespace: str
    ledger: str
    budget_pico: int | None
    budget_period: str
    record_budget_pico: int | None
    prices: Mapping[str, Price]
    given_settings: Mapping[str, float | int]
    settings: Settings | None = None
    gated: bool = False
    steps: list[Step[Any, Any]] = field(default_factory=list)
    workflows: list[Workflow[Any, Any]] = field(default_factory=list)

    @property
    def promises(self) -> dict[str, Promise]:
        """What its steps promise, by name; steps that promise nothing are left out."""
        return {step.name: step.promise for step in self.steps if step.promise is not None}

    def period(self, now: dt.datetime) -> str:
        """The budget period that a moment (UTC) lies in: "" for one without end."""
        return {"total": "", "day": f"{now:%Y-%m-%d}", "month": f"{now:%Y-%m}"}[self.budget_period]

    def entry(self, name: str | None) -> Entry[Any, Any]:
        """The entry of this name; without one the only workflow, else the only step.

        Raises:
            WrongUse: there is none of that name, or there is a choice and nobody made it.
        """
        entries: dict[str, Entry[Any, Any]] = {entry.name: entry for entry in [*self.workflows, *self.steps]}
        choices = ", ".join(sorted(entries)) or "none: add one with @app.step(models=[...])"
        if name is not None:
            if name not in entries:
                raise WrongUse(f"The app {self.name!r} has no entry {name!r}. Its entries: {choices}.")
            return entries[name]
        for group in (self.workflows, self.steps):
            if len(group) == 1:
                return group[0]
            if group:
                break
        raise WrongUse(
            f"The app {self.name!r} has more than one entry, or none. Name one as FILE.py:NAME: {choices}."
        )
