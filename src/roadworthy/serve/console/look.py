"""What every page is written from: an app's declarations, its settings, and its ledger as it stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.transaction import Transaction
from roadworthy.learn.claim import Claim
from roadworthy.observe.certified import claims
from roadworthy.run.plan import Plan

T = TypeVar("T")


@quick(frozen=True, slots=True)
class Look:
    """One look at an app.

    Attributes:
        plan: its steps and workflows, as this process loaded them.
        period: the budget period that now lies in.
    """

    plan: Plan
    store: Ledger
    settings: Settings
    period: str

    @property
    def app(self) -> str:
        """The app's name."""
        return self.plan.name

    def read(self, what: Callable[[Transaction], T]) -> T:
        """Something out of the ledger."""
        return self.store.read(what)

    def claims(self) -> list[Claim]:
        """What is certified of each step that makes a promise."""
        return self.read(lambda tx: claims(tx, self.app, self.plan.promises, self.settings))
