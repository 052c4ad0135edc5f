"""The fault matrix: every row has a test, every mark names a row."""

from itertools import chain

from docs.generate import fault_rows, pages, proofs

ROWS = list(
    chain.from_iterable(
        [f"{letter}{n}" for n in range(1, most + 1)]
        for letter, most in zip("ABCDE", (22, 20, 12, 13, 24), strict=True)
    )
)


def test_every_row_has_its_words() -> None:
    """A fault would be known and stand on no page."""
    said = fault_rows()
    assert [name for name in said if name not in {"pending", "groups"}] == ROWS
    assert all(said[name].keys() == {"happens", "does"} for name in ROWS)


def test_every_row_has_a_test() -> None:
    """A fault would be promised to be handled, and nobody would have tried."""
    known = {*proofs(), *fault_rows()["pending"]}
    assert [row for row in ROWS if row not in known] == []


def test_a_row_that_is_proven_is_pending_no_longer() -> None:
    """A list of what is missing would outlive what is missing. Take the row out of `pending` in docs/faults.toml."""
    proven = proofs()
    assert [row for row in fault_rows()["pending"] if row in proven] == []


def test_every_mark_names_a_row() -> None:
    """A slip in a mark would leave its row without proof, and nobody would see it."""
    assert set(proofs()) <= set(ROWS)


def test_the_page_shows_each_row_once() -> None:
    """A reader could not find a fault that is handled."""
    page = pages()["faults.md"]
    assert [
        line.split(" | ")[0].removeprefix("| ")
        for line in page.splitlines()
        if line[2:3] in set("ABCDE") and line[3:4].isdigit()
    ] == ROWS
