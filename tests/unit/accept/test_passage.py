"""Passages: exact offsets, nothing lost, headings and pages kept."""

from hypothesis import given
from hypothesis import strategies as st

from roadworthy.accept.passage import Document, Heading

TEXTS = st.lists(
    st.sampled_from(["word", " ", "\n", "\n\n", "End. ", "\u3002", "\u00e9" * 30]), max_size=60
).map("".join)


@given(text=TEXTS, chars_max=st.integers(1, 80), cuts=st.lists(st.integers(0, 200), max_size=4))
def test_passages_stand_where_they_say_and_leave_nothing_out(
    text: str, chars_max: int, cuts: list[int]
) -> None:
    """A citation would point at other words, or a sentence would never be shown to a model."""
    pages = tuple(sorted({0, *(cut for cut in cuts if cut <= len(text))}))
    found = list(Document("d", "text/plain", text, pages).passages(chars_max))
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    after = 0
    for one in found:
        assert text[one.start : one.end] == one.text
        assert len(one.text) <= chars_max
        assert one.start >= after
        assert not text[after : one.start].strip()
        assert one.page == sum(start <= one.start for start in pages)
        after = one.end
    assert not text[after:].strip()


def test_a_passage_knows_the_titles_above_it() -> None:
    """A model would see a rule without the chapter that it belongs to."""
    text = "A\none\nB\ntwo\nC\nthree"
    headings = (Heading(0, 1, "A"), Heading(6, 2, "B"), Heading(12, 1, "C"))
    found = Document("d", "text/markdown", text, headings=headings).passages()
    assert [(one.text, one.heading) for one in found] == [
        ("A\none", ("A",)),
        ("B\ntwo", ("A", "B")),
        ("C\nthree", ("C",)),
    ]


def test_a_cut_prefers_a_paragraph_then_a_sentence() -> None:
    """Half sentences would be retrieved and cited."""
    text = "One one one. Two two two.\n\nThree three. Four four four."
    found = [one.text for one in Document("d", "text/plain", text).passages(30)]
    assert found == ["One one one. Two two two.", "Three three. Four four four."]
    assert next(Document("d", "text/plain", text).passages(20)).text == "One one one."
