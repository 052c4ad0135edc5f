"""Audits in the ledger: the coin's secret, epochs, and one row for each accepted answer of a step with a promise."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import orjson

from roadworthy._quick import quick
from roadworthy._secret import Secret
from roadworthy.keep.transaction import Again, Row, Transaction, as_float, as_int, as_text

COIN = "audit coin"
PASSED, PENDING, RIGHT, WRONG, DISPUTED = "passed", "pending", "right", "wrong", "disputed"
UNSETTLED = (PENDING, DISPUTED)


@quick(frozen=True, slots=True)
class Policy:
    """How answers of a step come about; another one opens another epoch.

    Attributes:
        version: hash of the step's code, schema, models, rule and checks.
        state: the number of what the app has learned; 0 before it learned anything.
        share: the audit share when nothing warns.
    """

    app: str
    step: str
    version: str
    state: int
    share: float


@quick(frozen=True, slots=True)
class Epoch:
    """A stretch of answers under one policy and the same served models.

    Attributes:
        served: what each model was called by whoever answered, by the name that was asked.
        life: the number of the stretch of epochs whose share never fell below that of its first.
    """

    id: int
    policy: Policy
    served: Mapping[str, str]
    life: int

    def fits(self, policy: Policy, asked: str, served: str) -> bool:
        """Whether an answer belongs to it. A model that does not say who answered fits."""
        return policy == self.policy and (not served or self.served.get(asked) == served)


@quick(frozen=True, slots=True)
class Audited:
    """An accepted answer to be noted.

    Attributes:
        item: hash of what was asked about and of the answer: the same answer again is the same item.
        share: the chance it is picked with.
        picked: whether the coin fell for a check.
    """

    record_id: int
    epoch_id: int
    item: str
    share: float
    picked: bool


@quick(frozen=True, slots=True)
class AuditCount:
    """How many answers of an epoch were drawn with one share and stand in one state."""

    epoch_id: int
    life: int
    opened_share: float
    share: float
    state: str
    count: int
    newest: int


def coin_secret(tx: Transaction) -> Secret:
    """The ledger's own secret, made the first time it is wanted."""
    row = tx.row("secret", name=COIN)
    if row is None:
        tx.change("add_secret", name=COIN, value=secrets.token_hex(32))
        row = tx.row("secret", name=COIN)
    assert row is not None
    return Secret(as_text(row[0]))


def enter_epoch(tx: Transaction, policy: Policy, asked: str, served: str) -> Epoch:
    """The epoch that an answer belongs to: one that fits, one that never heard this model, else a new one.

    The first name of a model is no change, another one after it is.

    Raises:
        Again: another process noted a name in the meantime.
    """
    known = [_epoch(row, policy.app) for row in tx.rows("epochs", app=policy.app, step=policy.step)]
    same = [epoch for epoch in known if epoch.policy == policy]
    for epoch in reversed(same):
        if epoch.fits(policy, asked, served):
            return epoch
    names: dict[str, str] = {**(same[-1].served if same else {})}
    if same and asked not in names:
        before, names[asked] = _json(names), served
        if not tx.change("name_epoch", epoch_id=same[-1].id, served=_json(names), before=before):
            raise Again
        return Epoch(same[-1].id, policy, names, same[-1].life)
    if served:
        names[asked] = served
    life = _life(known, policy.share)
    opening = f"{policy.version} {policy.state} {policy.share!r} {_json(names)}"
    tx.change(
        "add_epoch",
        app=policy.app,
        step=policy.step,
        policy=policy.version,
        state=policy.state,
        served=_json(names),
        opening=opening,
        share=policy.share,
        life=life,
        now=tx.now,
    )
    row = tx.row("epoch_of_opening", app=policy.app, step=policy.step, opening=opening)
    assert row is not None
    return Epoch(as_int(row[0]), policy, names, life)


def _life(known: list[Epoch], share: float) -> int:
    """A share below that of the life's first epoch begins a new life: its certificate was opened with that share."""
    if not known:
        return 1
    life = known[-1].life
    first = next(epoch for epoch in known if epoch.life == life)
    return life if share >= first.policy.share else life + 1


def put_audit(tx: Transaction, audited: Audited) -> bool:
    """Note an accepted answer with its coin; False where it was drawn before, and that stands."""
    new = tx.change(
        "add_audit",
        record_id=audited.record_id,
        epoch_id=audited.epoch_id,
        item=audited.item,
        share=audited.share,
        state=PENDING if audited.picked else PASSED,
    )
    return bool(new)


def find_audit(tx: Transaction, record_id: int, item: str) -> tuple[int, str] | None:
    """(number, state) of an answer's audit; None where it was never drawn."""
    row = tx.row("audit_of_item", record_id=record_id, item=item)
    return None if row is None else (as_int(row[0]), as_text(row[1]))


def audit_counts(tx: Transaction, app: str, step: str) -> list[AuditCount]:
    """All audits of a step, counted by epoch, share and state; epochs in the order they were opened."""
    return [
        AuditCount(
            as_int(epoch),
            as_int(life),
            as_float(opened_share),
            as_float(share),
            as_text(state),
            as_int(count),
            as_int(newest),
        )
        for epoch, life, opened_share, share, state, count, newest in tx.rows(
            "audit_counts", app=app, step=step
        )
    ]


def stamp(tx: Transaction, epoch_id: int, *, certified: bool) -> int:
    """Mark the accepted records of an epoch as covered by a certificate, or not. Returns how many changed."""
    return tx.change("stamp_certified" if certified else "stamp_uncertified", epoch_id=epoch_id)


def _epoch(row: Row, app: str) -> Epoch:
    number, step, version, state, served, share, life = row
    policy = Policy(app, as_text(step), as_text(version), as_int(state), as_float(share))
    return Epoch(as_int(number), policy, orjson.loads(as_text(served)), as_int(life))


def _json(names: Mapping[str, str]) -> str:
    return orjson.dumps(dict(names), option=orjson.OPT_SORT_KEYS).decode()
