"""The small parts of the console that can be told wrong: charts, money, places, marks, differences."""

from decimal import Decimal

import pytest

from roadworthy.serve.console import chart
from roadworthy.serve.console.change import _differences
from roadworthy.serve.console.page import dollars, partition, place, pretty
from roadworthy.serve.console.view import lasted, marked


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (Decimal(0), "0.00"),
        (Decimal("1234.5"), "1,234.50"),
        (Decimal("0.2804"), "0.2804"),
        (Decimal("0.000057"), "0.000057"),
        (Decimal("0.0000001"), "<0.000001"),
        (None, ""),
    ],
    ids=["nothing", "much", "cents", "less", "least", "unknown"],
)
def test_money_is_shown_as_precisely_as_it_is_small(given: Decimal | None, shown: str) -> None:
    """A price of a hundredth of a cent would read as nothing, or a large sum as a row of digits."""
    assert dollars(given) == shown


@pytest.mark.parametrize(
    ("key", "path"),
    [("T-1", "T-1"), ("a/b?c#d", "a%2Fb%3Fc%23d"), ("...", "..."), ("é", "%C3%A9")],
    ids=["plain", "marks", "dots", "letters"],
)
def test_a_key_is_one_part_of_a_path(key: str, path: str) -> None:
    """A record whose key has a slash, or is all dots, would have no page."""
    assert place(key) == path


def test_a_line_stays_inside_its_frame() -> None:
    """A value above the axis would be drawn over the page, or a single point would divide by nothing."""
    drawn = chart.line(
        [(0.0, 1.4, "a"), (1.0, 0.2, "b")], told="t", x_name="x", words=str, most=1.0, steps=True
    )
    assert all(
        drawn.left <= dot.x <= drawn.right and drawn.top <= dot.y <= drawn.ground for dot in drawn.dots
    )
    assert drawn.path.count(" ") == 2, "a step has a corner"
    alone = chart.line([(0.0, 0.0, "a")], told="t", x_name="x", words=str)
    assert (len(alone.dots), alone.area) == (1, "")


def test_columns_show_the_smallest_amount() -> None:
    """A cheap day beside a dear one would look like a day without cost."""
    drawn = chart.columns(
        [("a", 1000.0, "a"), ("b", 0.001, "b"), ("c", 0.0, "c")], told="t", x_name="x", words=str
    )
    assert [bar.height > 0 for bar in drawn.bars] == [True, True, False]


def test_what_an_answer_quotes_is_marked_once_and_nothing_is_lost() -> None:
    """A reviewer would read a source with pieces missing or doubled."""
    text = "the lamp gave up after six weeks, the lamp"
    pieces = marked(text, {"quote": "lamp gave up", "more": ["gave up", "weeks"], "no": "zebra"})
    assert "".join(piece for piece, _ in pieces) == text
    assert [piece for piece, quoted in pieces if quoted] == ["lamp gave up", "weeks"]
    assert "".join(piece for piece, _ in marked({"a": 1}, "a")) == '{\n  "a": 1\n}'


def test_short_fields_share_lines_and_none_is_lost() -> None:
    """A field of a record would not be shown to the reviewer."""
    fields = [("a", [("x", False)]), ("b", [("y" * 200, False)]), ("a", [("x", False)])]
    short, long = partition(fields)
    assert (len(short), len(long)) == (2, 1)


def test_differences_name_what_went_and_what_came() -> None:
    """A changed prompt would look unchanged."""
    assert list(_differences("a\nb\nc", "a\nB\nc")) == [
        ("@", ""),
        (" ", "a"),
        ("-", "b"),
        ("+", "B"),
        (" ", "c"),
    ]


def test_a_length_of_time_reads() -> None:
    """A run of two hours would be told in seconds."""
    assert [lasted(seconds) for seconds in (0.25, 75, 7260)] == ["0.2 s", "1 min 15 s", "2 h 1 min"]


def test_what_is_no_json_is_shown_as_it_is() -> None:
    """A page would break on a reply that is not JSON, or hide what turns text around."""
    assert pretty("{oops \u202e") == "{oops \\u202e"
    assert pretty('{"a": 1}') == '{\n  "a": 1\n}'
