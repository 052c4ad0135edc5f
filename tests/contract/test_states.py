"""States of an app, on every kind of ledger."""

import pytest

from roadworthy._errors import LedgerUnavailable
from roadworthy.decide.trust import Gauge, Trust
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.states import (
    BEFORE,
    Proof,
    State,
    advance,
    find_state,
    newest_number,
    note_proof,
    proofs,
    states,
)
from roadworthy.learn.calibration import Isotonic, Platt
from roadworthy.learn.learned import Learned, StepLearned


def test_states_are_numbered_and_none_is_lost(store: Ledger) -> None:
    """Two processes that advance at once would overwrite one another, or a record's number would mean two things."""
    assert store.read(lambda tx: newest_number(tx, "shop")) == 0
    assert store.read(lambda tx: find_state(tx, "shop", 0)) == BEFORE
    store.write_now(lambda tx: advance(tx, "shop", State(1, -1, "first", "{}")))
    store.write_now(lambda tx: advance(tx, "other", State(1, -1, "another app's", "{}")))
    store.write_now(lambda tx: advance(tx, "shop", State(2, 0, "back", "{}")))
    for number in (1, 2, 4):
        with pytest.raises(LedgerUnavailable, match="Someone else advanced it"):
            store.write_now(lambda tx, n=number: advance(tx, "shop", State(n, -1, "late", "{}")))  # type: ignore[misc] # bound now
    found = store.read(lambda tx: states(tx, "shop", 10))
    assert [(state.number, state.origin, state.why) for state in found] == [(2, 0, "back"), (1, -1, "first")]


def test_each_use_of_delta_is_noted_once(store: Ledger) -> None:
    """A look that nobody counted would be free, and looking often enough certifies anything."""
    first = Proof(1, "abc", 0.03, "{}")
    assert store.write_now(lambda tx: note_proof(tx, "shop", "feel", first))
    assert not store.write_now(lambda tx: note_proof(tx, "shop", "feel", Proof(1, "other", 0.03, "{}")))
    assert store.write_now(lambda tx: note_proof(tx, "shop", "feel", Proof(2, "other", 0.01, "{}")))
    found = store.read(lambda tx: proofs(tx, "shop", "feel"))
    assert [(proof.number, proof.subject, proof.delta) for proof in found] == [
        (2, "other", 0.01),
        (1, "abc", 0.03),
    ]


def test_what_is_learned_comes_back_as_it_was() -> None:
    """A threshold that is read back otherwise would accept what it was proved to refuse."""
    gauges: dict[str, Gauge] = {
        "openai:small": Platt(-1.25, 3.5),
        "openai:large": Isotonic((0.0, 0.25), (0.01, 1 / 3)),
    }
    learned = StepLearned(0, Trust(1 / 7, gauges), (3, 1, 2), 4, {"canary": 0.05})
    first = Learned().advanced({"feel": learned})
    state = State(1, -1, "", first.text())
    assert Learned.read(state) == first
    assert first.of("feel").since == 1
    assert first.of("another") == StepLearned()


def test_a_step_that_did_not_change_keeps_its_number() -> None:
    """An epoch would begin, and a certificate with it, though its answers come about as before."""
    first = Learned().advanced({"feel": StepLearned(examples=(1,)), "sort": StepLearned(examples=(2,))})
    second = first.advanced({"feel": StepLearned(examples=(1,)), "sort": StepLearned(examples=(2, 3))})
    assert (second.number, second.of("feel").since, second.of("sort").since) == (2, 1, 2)
    back = Learned.read(State(3, 1, "", first.text()))
    assert (back.number, back.of("sort").since) == (3, 1), "the old epoch goes on"
