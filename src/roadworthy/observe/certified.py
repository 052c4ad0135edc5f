"""Certificates as the ledger stands, and the mark they leave on the records they cover."""

from __future__ import annotations

from collections.abc import Mapping

from roadworthy._settings import Settings
from roadworthy.decide.promise import Promise
from roadworthy.keep.audits import audit_counts, stamp
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.transaction import Transaction
from roadworthy.learn.claim import Claim, claim_of


def claim_for(tx: Transaction, app: str, step: str, promise: Promise, settings: Settings) -> Claim:
    """The certificates of one step."""
    share = promise.audit_share if promise.audit_share is not None else min(1.0, settings.audit_share)
    return claim_of(
        step,
        audit_counts(tx, app, step),
        max_error=promise.max_error,
        delta=delta_of(settings),
        share=share,
    )


def claims(tx: Transaction, app: str, promises: Mapping[str, Promise], settings: Settings) -> list[Claim]:
    """The certificates of every step that makes a promise."""
    return [claim_for(tx, app, step, promise, settings) for step, promise in promises.items()]


def delta_of(settings: Settings) -> float:
    """The chance that a certificate is ever wrong."""
    return 1 - settings.certificate_confidence


def stamp_all(store: Ledger, app: str, promises: Mapping[str, Promise], settings: Settings) -> None:
    """Mark each accepted record as covered or not, as the certificates stand now."""
    if not promises:
        return
    found = store.read(lambda tx: claims(tx, app, promises, settings))

    def change(tx: Transaction) -> None:
        for claim in found:
            for epoch in claim.certified:
                stamp(tx, epoch, certified=True)
        for claim in found:
            for epoch in claim.uncertified:
                stamp(tx, epoch, certified=False)

    store.write_now(change)
