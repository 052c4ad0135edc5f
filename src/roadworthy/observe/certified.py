"""Certificates as the ledger stands."""

from __future__ import annotations

from collections.abc import Mapping

from roadworthy._settings import Settings
from roadworthy.decide.promise import Promise
from roadworthy.keep.audits import audit_counts
from roadworthy.keep.transaction import Transaction, as_int, as_text
from roadworthy.learn.agreement import Agreement
from roadworthy.learn.claim import Claim, claim_of


def claim_for(tx: Transaction, app: str, step: str, promise: Promise, settings: Settings) -> Claim:
    """The certificates of one step."""
    return claim_of(
        step,
        audit_counts(tx, app, step),
        max_error=promise.max_error,
        delta=delta_of(settings),
        share=promise.share(settings.audit_share),
    )


def claims(tx: Transaction, app: str, promises: Mapping[str, Promise], settings: Settings) -> list[Claim]:
    """The certificates of every step that makes a promise."""
    return [claim_for(tx, app, step, promise, settings) for step, promise in promises.items()]


def agreements(tx: Transaction, app: str) -> dict[str, Agreement]:
    """How far two readers agree, by step; steps that nobody read twice are left out."""
    pairs: dict[str, dict[tuple[bool, bool], int]] = {}
    for step, first, second, count in tx.rows("pairs_of_readers", app=app):
        of_step = pairs.setdefault(as_text(step), {})
        key = (first == "right", second == "right")
        of_step[key] = of_step.get(key, 0) + as_int(count)
    return {step: Agreement.of(counted) for step, counted in pairs.items()}


def delta_of(settings: Settings) -> float:
    """The chance that a certificate is ever wrong."""
    return 1 - settings.certificate_confidence
