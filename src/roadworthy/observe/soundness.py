"""What in a ledger contradicts itself, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from roadworthy.call.meter import BATCH_OWNER
from roadworthy.call.price import usd
from roadworthy.keep.transaction import Transaction, as_int, as_text
from roadworthy.observe.visible import visible

_SHOWN_MAX = 5
_RESTORE = "Restore the ledger from a copy that is sound; until then take no figure of it for granted."


def contradictions(tx: Transaction, is_alive: Callable[[int], bool]) -> list[str]:
    """Every contradiction in words; a few of each kind. Empty where the ledger is sound.

    Args:
        is_alive: whether the process behind a lease still runs.
    """
    return [*_accounts(tx), *_records(tx), *_orphans(tx), *_left_open(tx, is_alive)]


def _accounts(tx: Transaction) -> Iterator[str]:
    for query in ("accounts_against_attempts", "app_accounts_against_attempts"):
        for scope, spent, reserved, sum_spent, sum_reserved in tx.rows(query):
            if (spent, reserved) != (sum_spent, sum_reserved):
                yield (
                    f"The account {as_text(scope)} says {usd(as_int(spent)):f} USD spent and {usd(as_int(reserved)):f} "
                    f"reserved; its attempts say {usd(as_int(sum_spent)):f} and {usd(as_int(sum_reserved)):f}. Its cap "
                    f"cannot be relied on. {_RESTORE}"
                )


def _records(tx: Transaction) -> Iterator[str]:
    for key, number, cost, sum_number, sum_cost in tx.rows("records_against_attempts", count=_SHOWN_MAX):
        yield (
            f"The record {visible(as_text(key))} says {as_int(number)} attempts and {usd(as_int(cost)):f} USD; its attempts "
            f"say {as_int(sum_number)} and {usd(as_int(sum_cost)):f}. {_RESTORE}"
        )


def _orphans(tx: Transaction) -> Iterator[str]:
    for (attempt,) in tx.rows("replies_without_attempts", count=_SHOWN_MAX):
        yield f"A reply belongs to attempt {as_int(attempt)}, which does not exist. {_RESTORE}"
    for (attempt,) in tx.rows("attempts_without_records", count=_SHOWN_MAX):
        yield f"Attempt {as_int(attempt)} was made for a record that does not exist. {_RESTORE}"
    for job, number in tx.rows("lines_without_records", count=_SHOWN_MAX):
        yield (
            f"Line {as_int(number)} of job {as_int(job)} leads to a record that does not exist. Run the job again with "
            "its whole input: the line is read anew."
        )


def _left_open(tx: Transaction, is_alive: Callable[[int], bool]) -> Iterator[str]:
    for owner, number, reserved in tx.rows("open_by_owner"):
        if owner != BATCH_OWNER and not is_alive(as_int(owner)):
            yield (
                f"{as_int(number)} attempts with {usd(as_int(reserved)):f} USD reserved were on the wire of a process that "
                "is gone. Run any job of the app: they are charged as unknown and their records go on."
            )
