"""What processes share of a provider: a slice of its rate at a time, and whether it answers.

`now` is the caller's clock, seconds since 1970; on Postgres the server's own is used instead.
"""

from __future__ import annotations

from collections.abc import Mapping

from roadworthy.keep.transaction import Transaction, as_float, as_text


def take_slice(
    tx: Transaction, name: str, *, requests_s: float, tokens_s: float, ahead_s: float, now: float
) -> tuple[bool, float]:
    """Take the next part of a lane's time line, so many seconds of its rates.

    Returns (True, seconds until it begins, below 0 for never), or (False, seconds until something may be taken) where
    others hold more than `ahead_s` of what comes next. Whoever takes a slice and dies has burned it.
    """
    tx.add("new_lane", name=name)
    row = tx.row("take_slice", name=name, requests_s=requests_s, tokens_s=tokens_s, ahead_s=ahead_s, now=now)
    if row is not None:
        return True, max(0.0, as_float(row[0]))
    held = tx.row("given_out", name=name, now=now)
    return False, max(0.0, as_float(held[0]) - ahead_s) if held is not None else 0.0


def open_lane(tx: Transaction, name: str, owner: int, span_s: float, now: float) -> None:
    """A provider only fails: no process asks it for so long, while the one that found it lives."""
    tx.add("new_lane", name=name)
    tx.change("open_lane", name=name, owner=owner, span_s=span_s, now=now)


def close_lane(tx: Transaction, name: str) -> None:
    """A provider answers again."""
    tx.change("close_lane", name=name)


def claim_probe(tx: Transaction, name: str, owner: int, span_s: float, now: float) -> bool:
    """Be the one process that tries a provider again; another one may after `span_s`."""
    tx.add("new_lane", name=name)
    return bool(tx.change("claim_probe", name=name, owner=owner, span_s=span_s, now=now))


def lanes_down(tx: Transaction, now: float) -> Mapping[str, float]:
    """The lanes whose provider only fails: name -> seconds until it is tried again."""
    return {as_text(name): as_float(seconds) for name, seconds in tx.rows("lanes_down", now=now)}
