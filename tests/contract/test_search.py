"""What the console looks for is found on every kind of ledger alike."""

import pytest

from roadworthy.keep.ledger import Ledger
from roadworthy.keep.transaction import Transaction, as_int
from roadworthy.serve.console.view import Wanted, records

TEXTS = {"T-1": "A Refund, please", "t-2": "refund me", "u_3": "100 % wool"}


def put(tx: Transaction, owner: int) -> None:
    """Three records of one job."""
    tx.add("add_job", app="a", entry="e", name="n", payer="a", now=1.0)
    job = tx.row("job", app="a", entry="e", name="n")
    assert job is not None
    run_id = tx.add("add_run", job_id=as_int(job[0]), owner=owner, now=1.0)
    for line, (key, text) in enumerate(TEXTS.items(), start=1):
        tx.add(
            "add_record",
            job_id=as_int(job[0]),
            key=key,
            version=1,
            line=line,
            body=text,
            body_hash=key.encode(),
            raw=None,
            cleanings=None,
            outcome="accepted",
            reason=None,
            run_id=run_id,
            now=2.0,
            owner=None,
            pieces=0,
        )


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        (Wanted(words="refund"), {"T-1", "t-2"}),
        (Wanted(words="REFUND"), {"T-1", "t-2"}),
        (Wanted(key="t-"), {"T-1", "t-2"}),
        (Wanted(key="U_"), {"u_3"}),
        (Wanted(words="0 % W"), {"u_3"}),
        (Wanted(key="t_"), set()),
    ],
)
def test_capitals_make_no_difference_to_a_search(store: Ledger, wanted: Wanted, keys: set[str]) -> None:
    """On Postgres a person would be told that there is no such record, where a file finds it."""
    store.write_now(lambda tx: put(tx, store.owner))
    assert {row.key for row in store.read(lambda tx: records(tx, "a", wanted))} == keys
