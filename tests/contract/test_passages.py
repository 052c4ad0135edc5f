"""Passages found by words: what is left out of a search because it is everywhere."""

import pytest
from tests.conftest import QUICK

from roadworthy.accept.passage import Passage
from roadworthy.keep.ledger import open_ledger
from roadworthy.keep.passages import Indexed, Words, by_words, find_passages, open_corpus, put_documents
from roadworthy.keep.transaction import Transaction


def document(number: int, text: str) -> Indexed:
    """A document of one passage."""
    return Indexed(f"d{number}", "0", (Passage(f"d{number}", 1, 0, len(text), text),))


@pytest.mark.parametrize("count", [1, 5, 1_200], ids=["one passage", "five", "many"])
def test_words_that_are_everywhere_or_nowhere_hide_no_passage(ledger: str, count: int) -> None:
    """A question whose own words are in no passage would find nothing, though it shares a common one with all of them."""
    store = open_ledger(ledger, QUICK)
    try:
        corpus = store.write_now(lambda tx: open_corpus(tx, "shop", "rules"))
        texts = [document(number, f"The parcel of row {number} is late.") for number in range(count)]
        store.write_now(lambda tx: put_documents(tx, corpus, texts))

        def found(tx: Transaction, *words: str) -> int:
            return len(by_words(tx, corpus, Words().telling(tx, words), 50))

        assert store.read(lambda tx: found(tx, "parcel", "zebra")) == min(count, 50)
        assert store.read(lambda tx: found(tx, "zebra")) == 0
        if count > 1_000:
            told = store.read(lambda tx: Words().telling(tx, ["parcel", "1111", "zebra"]))
            assert told == ["1111"], "the one that tells passages apart is looked for alone"
    finally:
        store.close()


def test_a_corpus_that_two_runs_index_at_once_keeps_its_passages(ledger: str) -> None:
    """The run that began to search would find numbers that the other one has dropped: it would ask without those passages."""
    first, second = open_ledger(ledger, QUICK), open_ledger(ledger, QUICK)
    try:
        corpus = first.write_now(lambda tx: open_corpus(tx, "shop", "rules"))
        texts = [document(number, f"The parcel of row {number} is late.") for number in range(3)]
        first.write_now(lambda tx: put_documents(tx, corpus, texts))
        chosen = first.read(lambda tx: by_words(tx, corpus, ["parcel"], 50))
        second.write_now(lambda tx: put_documents(tx, corpus, texts))  # it looked before the first one wrote
        assert len(first.read(lambda tx: find_passages(tx, chosen))) == 3
        other = Indexed("d1", "1", document(1, "The parcel is here.").passages)
        second.write_now(lambda tx: put_documents(tx, corpus, [other]))
        assert len(first.read(lambda tx: find_passages(tx, chosen))) == 2
    finally:
        first.close()
        second.close()
