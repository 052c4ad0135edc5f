"""Peel and certify a finite batch."""

import random
from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roadworthy.learn.peel import LogisticRanker, Peel, ranks, sample_of


class ByNumber:
    """A ranker that peels rows from the last to the first, and notes what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[list[int], list[bool]]] = []

    def doubts(self, peeled: Sequence[int], wrong: Sequence[bool], kept: Sequence[int]) -> Sequence[float]:
        """The row's own number."""
        self.told.append((list(peeled), list(wrong)))
        return [float(row) for row in kept]


def run(peel: Peel, wrong: Sequence[bool]) -> list[int]:
    """Answer until it is done; the rows that were labelled."""
    labelled: list[int] = []
    for _ in range(10_000):
        rows = peel.ask()
        if not rows:
            return labelled
        labelled += rows
        peel.tell({row: wrong[row] for row in rows})
    raise AssertionError("it does not end")


def test_it_stops_where_the_rest_is_proved_and_not_later() -> None:
    """Calls would be bought that the proof does not need, or the last slice in whole."""
    wrong = [row >= 700 and row % 2 == 0 for row in range(1_000)]
    sample = sorted(random.Random(1).sample(range(1_000), 200))
    peel = Peel(1_000, sample, target=0.95, ranker=ByNumber(), slice_rows=100)
    labelled = run(peel, wrong)
    assert peel.certified
    assert len(labelled) == len(set(labelled)) == peel.labels
    assert sum(wrong[row] for row in peel.kept) <= 50
    last = 1_000 - len(peel.kept) - len([row for row in sample if row < max(peel.kept)])
    assert last in sample or max(labelled) == 999
    assert set(peel.kept).isdisjoint(labelled)
    assert len(peel.kept) + len(labelled) == 1_000


def test_sampled_labels_stay_hidden_until_their_row_is_peeled() -> None:
    """The order would depend on the draw, and the exact test would not be valid."""
    wrong = [row % 3 == 0 for row in range(600)]
    paths = []
    for seed in (1, 2):
        ranker = ByNumber()
        sample = random.Random(seed).sample(range(600), 100)
        run(Peel(600, sample, target=0.9, ranker=ranker, slice_rows=50), wrong)
        for peeled, told in ranker.told:
            assert told == [wrong[row] for row in peeled]
            assert peeled == list(range(599, 599 - len(peeled), -1))
        paths.append(ranker.told)
    shorter = min(len(path) for path in paths)
    assert paths[0][:shorter] == paths[1][:shorter]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), min_size=5, max_size=80), st.integers(1, 5), st.integers(1, 30), st.randoms())
def test_it_always_ends_with_every_row_answered(
    wrong: list[bool], size: int, step: int, chance: random.Random
) -> None:
    """A batch would hang, or a row would be left without an answer."""
    sample = chance.sample(range(len(wrong)), size)
    peel = Peel(len(wrong), sample, target=0.9, ranker=ByNumber(), slice_rows=step)
    labelled = run(peel, wrong)
    assert peel.done
    assert sorted([*labelled, *peel.kept]) == list(range(len(wrong)))


@pytest.mark.parametrize(
    "wrongs", [(0, 3, 5, 6, 9, 10), (1, 2, 3, 4, 8, 9, 10, 11), tuple(range(12)), (7, 8, 9, 10)]
)
@pytest.mark.parametrize("slice_rows", [1, 4])
def test_over_every_possible_draw_misses_are_no_more_than_delta(
    wrongs: tuple[int, ...], slice_rows: int
) -> None:
    """Looking after each row would be worse than one exact test; here that is counted, not sampled."""
    wrong = [row in wrongs for row in range(12)]
    missed = total = 0
    for sample in combinations(range(12), 5):
        peel = Peel(12, sample, target=0.8, delta=0.25, ranker=ByNumber(), slice_rows=slice_rows)
        run(peel, wrong)
        total += 1
        missed += sum(wrong[row] for row in peel.kept) > peel.allowed
    assert missed <= 0.25 * total


def test_misses_are_no_more_than_delta() -> None:
    """The share of batches below their target would exceed what was promised."""
    missed = 0
    for seed in range(150):
        chance = random.Random(seed)
        doubts = [chance.random() for _ in range(500)]
        wrong = [chance.random() < doubt**3 for doubt in doubts]
        sample = chance.sample(range(500), 120)
        peel = Peel(500, sample, target=0.9, ranker=LogisticRanker([[1 - d] for d in doubts], [0]))
        run(peel, wrong)
        missed += sum(wrong[row] for row in peel.kept) > 50
    assert missed <= 26  # binomial(150, .1): .002


def test_the_ranker_learns_which_signal_to_trust() -> None:
    """A signal that says nothing would spoil the order for good."""
    chance = random.Random(4)
    rows = [[chance.random(), chance.random()] for _ in range(400)]
    wrong = [chance.random() > row[0] for row in rows]
    ranker = LogisticRanker(rows, [0, 1])
    first = ranker.doubts([], [], [0, 1])
    assert len(first) == 2
    fitted = ranker.doubts(range(200), wrong[:200], range(200, 400))
    surest = sorted(range(200), key=lambda index: fitted[index])[:50]
    assert sum(rows[200 + index][0] > 0.5 for index in surest) >= 45


def test_other_labels_than_those_asked_for_are_refused() -> None:
    """A label would be laid to the wrong row."""
    peel = Peel(50, [1, 2, 3], target=0.9, ranker=ByNumber())
    with pytest.raises(ValueError, match="Label those"):
        peel.tell({1: True})
    with pytest.raises(ValueError, match="target"):
        Peel(50, [1], target=1.0, ranker=ByNumber())
    for sample in ([], [50], [-1]):
        with pytest.raises(ValueError, match="sample"):
            Peel(50, sample, target=0.9, ranker=ByNumber())


def test_the_sample_is_drawn_by_the_smallest_coins() -> None:
    """The draw would follow the order of rows instead of chance."""
    assert sample_of([0.5, 0.1, 0.9, 0.2], 2) == (1, 3)
    assert ranks([3.0, 1.0, 3.0, 2.0]) == [
        pytest.approx(2.5 / 3),
        0.0,
        pytest.approx(2.5 / 3),
        pytest.approx(1 / 3),
    ]
