"""Roadworthy built wrongly, on purpose and in tests only: what the harness must see.

Each function bends one rule of the ledger in this process. The failpoint between two commits that ought to be one is
where a process is killed to show it; the desk's own points are passed by then and do not count.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.crash.harness import DIED

from roadworthy._failpoints import failpoint
from roadworthy.call.meter import Ask, NoMoney, Settlement
from roadworthy.keep import attempts, store
from roadworthy.keep.attempts import Charge
from roadworthy.keep.record import Fate
from roadworthy.keep.transaction import Transaction
from roadworthy.run import desk
from roadworthy.run.desk import Desk

Change = Callable[[Transaction], None]


def _bend(where: object, name: str, value: object) -> None:
    setattr(where, name, value)


def settle_apart() -> None:
    """The outcome is one commit, settlement and reply are a second one."""
    honest = Desk.finish

    async def finish(self: Desk, fate: Fate | None = None, change: Change | None = None) -> None:
        owed, self._owed = self._owed, []
        await honest(self, fate, change)
        if owed and fate is not None:
            failpoint("outcome_committed")
        self._owed = owed
        await honest(self)

    _bend(Desk, "finish", finish)
    _bend(desk, "failpoint", lambda _name: None)


def reply_apart() -> None:
    """Cost and outcome are one commit, the reply is kept in a second one."""

    def keep_reply(tx: Transaction, settlement: Settlement) -> None:
        tx.add(
            "add_reply",
            attempt_id=settlement.attempt_id,
            ending=settlement.ending.value,
            finish=settlement.finish,
            served_model=settlement.served_model,
            token_probability=settlement.token_probability,
            text=settlement.text,
        )

    honest = Desk.finish

    async def finish(self: Desk, fate: Fate | None = None, change: Change | None = None) -> None:
        owed = list(self._owed)
        self._owed = [replace(one, text=None) for one in owed]
        await honest(self, fate, change)
        if owed and fate is not None:
            failpoint("outcome_committed")

        def second(tx: Transaction) -> None:
            for one in owed:
                keep_reply(tx, one)

        await self.session.runtime.store.write(second)

    _bend(Desk, "finish", finish)
    _bend(desk, "failpoint", lambda _name: None)


def give_back() -> None:
    """What a dead process had on the wire is given back, as if it had never been sent."""
    charge, charge_record = attempts.settle_attempt, attempts.charge_record

    def free(tx: Transaction, settlement: Settlement, scopes: tuple[str, ...]) -> bool:
        if settlement.detail.startswith(DIED):
            settlement = replace(settlement, cost_pico=0, state="unsent")
        return charge(tx, settlement, scopes)

    def free_of_charge(tx: Transaction, record_id: int, charge_: Charge) -> None:
        charge_record(tx, record_id, Charge(charge_.attempts))

    _bend(attempts, "settle_attempt", free)
    _bend(attempts, "charge_record", free_of_charge)


def expire() -> None:
    """A lease is over when somebody else comes, whether its owner lives or not, and its promises are given back."""
    give_back()
    _bend(store, "is_alive", lambda _ledger, _owner: False)


def check_then_increment() -> None:
    """The caps are looked at before the transaction that adds to them, and not in it."""
    first_open = Desk.open

    async def looked(self: Desk, ask: Ask) -> object:
        await self.finish()
        scopes = self.session.payer.scopes
        accounts = self.session.runtime.store.read(lambda tx: tx.accounts(scopes))
        if (account := attempts.without_room(accounts, ask.worst_pico)) is not None:
            return NoMoney(
                account.scope,
                account.limit_pico or 0,
                account.spent_pico,
                account.reserved_pico,
                ask.worst_pico,
            )
        return await first_open(self, ask, unchecked)

    def unchecked(tx: Transaction, *given: Any) -> Any:
        honest = attempts.without_room
        _bend(attempts, "without_room", lambda _accounts, _amount: None)
        try:
            return attempts.open_attempt(tx, *given)
        finally:
            _bend(attempts, "without_room", honest)

    _bend(Desk, "open", looked)


VARIANTS = {
    bent.__name__: bent for bent in (settle_apart, reply_apart, give_back, expire, check_then_increment)
}
