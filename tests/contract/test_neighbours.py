"""Changes that share a transaction, on every kind of ledger: what one of them does wrong is its own."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
from tests.ledgers import ask

from roadworthy._errors import WrongUse
from roadworthy.keep.jobs import note
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.transaction import Transaction, Unstorable

COUNT, CULPRIT = 7, 3


def put(tx: Transaction, words: str) -> str:
    """A change that keeps some words and spends a little."""
    account = tx.account("app:shop")
    account.spent_pico += 1
    account.tick += 1
    note(tx, "said", words)
    return words


def refuse(tx: Transaction) -> str:
    """A change that raises after it has written."""
    put(tx, "half of it")
    raise WrongUse("not like this")


def count_too_far(tx: Transaction) -> str:
    """A change with a number that no ledger has room for."""
    tx.change("end_run", run_id=1, now=tx.now, status=2**70, summary="{}")
    return "never"


CULPRITS: dict[str, tuple[Callable[[Transaction], str], type[Exception]]] = {
    "a change that raises": (refuse, WrongUse),
    "half a surrogate pair": (partial(put, words="a \ud800 b"), Unstorable),
    "a number beyond 64 bits": (count_too_far, Unstorable),
}


def write_together(
    store: Ledger, culprit: Callable[[Transaction], str], number: int = CULPRIT
) -> list[str | BaseException]:
    """Hand changes over in one turn of a loop, so that they share a transaction; what each caller is told."""
    changes = [partial(put, words=f"word {at}") for at in range(COUNT)]

    async def together() -> list[str | BaseException]:
        writing = [store.write(culprit if at == number else change) for at, change in enumerate(changes)]
        return await asyncio.wait_for(asyncio.gather(*writing, return_exceptions=True), 20)

    return asyncio.run(together())


@pytest.mark.parametrize(("culprit", "kind"), CULPRITS.values(), ids=CULPRITS)
@pytest.mark.parametrize("number", [0, CULPRIT, COUNT - 1])
def test_only_the_culprit_hears_of_it_and_its_neighbours_are_durable(
    store: Ledger, ledger: str, culprit: Callable[[Transaction], str], kind: type[Exception], number: int
) -> None:
    """One record's text would fail the records that were written beside it, or money be counted twice."""
    told = write_together(store, culprit, number)
    assert isinstance(told[number], kind)
    rest = [words for at, words in enumerate(told) if at != number]
    assert rest == [f"word {at}" for at in range(COUNT) if at != number]
    assert ask(ledger, "SELECT data FROM event ORDER BY id") == [(words,) for words in rest]
    assert ask(ledger, "SELECT spent_pico FROM budget WHERE scope = 'app:shop'") == [(COUNT - 1,)]
    assert store.write_now(partial(put, words="later")) == "later", "the ledger goes on"


def test_a_nul_is_kept_or_is_its_own_callers_matter(store: Ledger, ledger: str) -> None:
    """On Postgres a NUL would look like a server that is away: the run would end, and every one after it."""
    told = write_together(store, partial(put, words="a \0 b"))
    if "://" in ledger:
        assert isinstance(told[CULPRIT], Unstorable)
    assert told[:CULPRIT] + told[CULPRIT + 1 :] == [f"word {at}" for at in range(COUNT) if at != CULPRIT]


def test_several_culprits_hear_each_of_their_own(store: Ledger, ledger: str) -> None:
    """The first one's error would be told to the second."""

    async def together() -> list[object]:
        writing = [store.write(refuse), store.write(partial(put, words="good")), store.write(count_too_far)]
        return await asyncio.wait_for(asyncio.gather(*writing, return_exceptions=True), 20)

    first, good, second = asyncio.run(together())
    assert (type(first), good, type(second)) == (WrongUse, "good", Unstorable)
    assert ask(ledger, "SELECT data FROM event") == [("good",)]
