"""Finding a recorded text inside a message, checked against the plain way of looking for each one."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from roadworthy.vet.text_index import TextIndex

TEXTS = st.lists(st.text(alphabet="ab\u00e9 ", min_size=0, max_size=40), max_size=12)


@given(TEXTS, st.text(alphabet="ab\u00e9 ", max_size=20), st.data())
def test_the_longest_text_in_a_message_is_found(texts: list[str], around: str, data: st.DataObject) -> None:
    """A request would get another question's answer, or none."""
    inside = data.draw(st.sampled_from([*texts, ""]))
    message = around + inside + around
    longest = max((len(text) for text in texts if text and text in message), default=0)
    found = TextIndex(texts).find(message)
    assert len(found or "") == longest
    assert not found or (found in texts and found in message)


def test_many_texts_with_the_same_beginning_are_told_apart() -> None:
    """Thousands of records that begin alike would slow each request down, or be mixed up."""
    texts = [f"Dear support team, my order number {number} has not arrived" for number in range(50_000)]
    index = TextIndex(texts)
    began = time.process_time()
    for number in range(0, 50_000, 250):
        assert index.find(f"Sort this:\n{texts[number]}.\nThank you") == texts[number]
    assert (time.process_time() - began) / 200 < 0.002
