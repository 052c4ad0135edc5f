"""The sample of a long input: uniform over what is different in it, repeatable, bounded, with copies counted."""

import io
import statistics
from collections.abc import Iterator

from roadworthy._settings import Settings
from roadworthy.accept.decode import Line
from roadworthy.accept.sketch import Sketch, sketch
from roadworthy.accept.source import Source

MANY = 10_000_000


def lines(*texts: str) -> Source:
    """An input of JSONL."""
    stream = io.BytesIO("".join(f"{text}\n" for text in texts).encode())
    return Source.from_stream(stream, Settings(), form="jsonl")


def numbers(found: Sketch) -> list[int]:
    """The lines that the sample is of."""
    return [unit.number for unit in found.units if isinstance(unit, Line)]


def numbered(count: int) -> Iterator[str]:
    """So many different records."""
    return (f'{{"id": "{number}"}}' for number in range(count))


def test_a_short_input_is_kept_as_it_is() -> None:
    """`plan` would estimate where it could count: duplicates of a short input would be guessed."""
    found = sketch(lines('{"id": 1}', '{"id": 1}', '{"id": 2}'), units_max=3, bytes_max=MANY)
    assert found.is_whole
    assert (found.total, numbers(found)) == (3, [1, 2, 3])
    assert found.different == 3, "copies of a whole input are the reader's to tell"


def test_a_sample_is_spread_over_the_whole_input_and_the_same_at_every_look() -> None:
    """A file that is sorted by size, date or customer would be judged by its beginning; two looks would disagree."""
    found, again = (sketch(lines(*numbered(20_000)), units_max=500, bytes_max=MANY) for _ in range(2))
    assert (found.total, len(found.units), found.is_whole) == (20_000, 500, False)
    assert numbers(found) == sorted(numbers(found)) == numbers(again)
    middle = statistics.fmean(numbers(found))
    assert abs(middle - 10_000) < 4 * 20_000 / (12 * 500) ** 0.5, "four standard errors of a uniform mean"
    assert len(list(found.source)) == len(list(found.source)) == 500, "it can be read twice"


def test_copies_are_counted_from_the_first_to_the_last() -> None:
    """Records that come three times would be forecast at three times their price."""
    once = list(numbered(4_000))
    found = sketch(lines(*once, *once, *once), units_max=200, bytes_max=MANY)
    assert found.copies == 3
    assert found.different == 4_000


def test_a_mix_of_copies_is_estimated_without_a_bias() -> None:
    """Duplicates of a long input would be counted far from what they are."""
    often = [text for number, text in enumerate(numbered(5_000)) for _ in range(1 + number % 4)]
    found = sketch(lines(*often), units_max=1_000, bytes_max=MANY)
    assert found.total == 12_500
    assert abs(found.different / 5_000 - 1) < 0.06, (
        "four standard errors of a mean of 1, 2, 3 and 4 over 1,000"
    )


def test_lines_that_cannot_be_read_are_counted_and_not_sampled() -> None:
    """A line that is too long would fill the sample, or be missing in the count."""
    settings = Settings(line_bytes_max=100)
    text = "".join(f"{line}\n" for line in (*numbered(300), *(["x" * 200] * 7)))
    source = Source.from_stream(io.BytesIO(text.encode()), settings, form="jsonl")
    found = sketch(source, units_max=50, bytes_max=MANY)
    assert (found.total, found.unusable, len(found.units)) == (307, 7, 50)


def test_large_records_make_a_smaller_sample() -> None:
    """A plan of a file of books would hold hundreds of megabytes."""
    book = "word " * 2_000
    found = sketch(
        lines(*(f'{{"id": {n}, "text": "{book}"}}' for n in range(200))), units_max=150, bytes_max=300_000
    )
    held = sum(len(unit.raw) for unit in found.units if isinstance(unit, Line))
    assert found.total == 200
    assert 20 <= len(found.units) <= 30
    assert held <= 300_000
    assert found.different == 200
