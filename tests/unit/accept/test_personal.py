"""Personal data: found by kind, told from what looks alike, hidden and shown again."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.accept.personal import KINDS, Mask, find_personal

FOUND = [
    ("email", "a.b+c@mail.example.org"),
    ("card", "4111 1111 1111 1111"),
    ("iban", "DE89 3704 0044 0532 0130 00"),
    ("phone", "+49 30 1234567"),
    ("ip", "192.0.2.17"),
    ("key", "ghp_" + "a1B2" * 9),
]


@pytest.mark.parametrize(("kind", "value"), FOUND)
def test_each_kind_is_found_at_its_place(kind: str, value: str) -> None:
    """A kind that is not found goes to the provider in the clear."""
    text = f"see {value} please"
    assert [(f.kind, text[f.start : f.end]) for f in find_personal(text)] == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    ["4111 1111 1111 1112", "DE89 3704 0044 0532 0130 01", "2026-03-01", "999.1.1.1", "at 10:30:15", "a@b"],
)
def test_what_only_looks_alike_is_left(text: str) -> None:
    """A model could not answer about numbers and dates that were taken from it."""
    assert find_personal(text) == []


@given(
    st.lists(
        st.sampled_from(
            [v for _, v in FOUND] + ["\u200b", "\u00ad4", "[EMAIL_1]", "[CARD_2]", " ", "x", "\n", '"']
        ),
        max_size=12,
    )
)
def test_what_is_hidden_is_shown_again_exactly(parts: list[str]) -> None:
    """A quote would no longer match its source."""
    text = " ".join(parts)
    mask = Mask(tuple(KINDS), text)
    hidden = mask.hide(text)
    assert mask.show(hidden) == text
    assert find_personal(hidden) == []


@pytest.mark.parametrize("escape", [r"\n", r"\t", r"\"", r"\\", r"\u000b", r"\\n"])
@pytest.mark.parametrize(("kind", "value"), FOUND)
def test_what_begins_a_line_in_json_is_hidden(kind: str, value: str, escape: str) -> None:
    r"""A record that is sent as JSON has its line breaks as `\n`: what stands behind one went out in the clear, or came back with an n before it."""
    text = f'{{"text": "reach me at:{escape}{value}{escape}bye"}}'
    mask = Mask(tuple(KINDS), text)
    hidden = mask.hide(text)
    assert hidden == text.replace(value, f"[{kind.upper()}_1]")
    assert mask.show(f"[{kind.upper()}_1]") == value


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("17,Ann,+44 20 7946 0958,London", "17,Ann,[PHONE_1],London"),
        ("17,+44 20 7946 0958,8", "17,[PHONE_1],8"),
        ("Ann,(415) 555-2671,x", "Ann,[PHONE_1],x"),
        ("17,4111111111111111,12/27", "17,[CARD_1],12/27"),
        ("write to _ann@example.com_ please", "write to [EMAIL_1]_ please"),
        ("it is 1,020 3000 4000 or 0.4111111111111111", "it is 1,020 3000 4000 or 0.4111111111111111"),
    ],
)
def test_a_cell_between_commas_and_an_emphasis_are_hidden(text: str, hidden: str) -> None:
    """A line of a table within a text would go out with its numbers, and an address that Markdown underlines."""
    mask = Mask(tuple(KINDS), text)
    assert mask.hide(text) == hidden
    assert mask.show(hidden) == text


@pytest.mark.parametrize(
    "unseen", ["\u200b", "\u200d", "\u00ad", "\u2060", "\ufeff", "\u202c", "\ufe0f\u200c"]
)
@pytest.mark.parametrize(("kind", "value"), FOUND)
def test_what_holds_characters_of_no_width_is_hidden_whole(kind: str, value: str, unseen: str) -> None:
    """An address that a web page breaks at invisible places reads as ever for a person, and went out in the clear."""
    middle = len(value) // 2
    for broken in (f"{value[:middle]}{unseen}{value[middle:]}", unseen.join(value)):
        text = f"{unseen}see{unseen} {broken} {unseen}please"
        mask = Mask(tuple(KINDS), text)
        hidden = mask.hide(text)
        assert hidden == f"{unseen}see{unseen} [{kind.upper()}_1] {unseen}please"
        assert mask.show(hidden) == text
        assert mask.show(f"[{kind.upper()}_1]") == broken


@pytest.mark.parametrize(
    "text", ["4111 1111 1111 1111\u200b2", "a@example.com\u200b@b", "a@example.com\u200b.\u200bThen"]
)
def test_what_a_character_of_no_width_parts_from_something_else_is_hidden_still(text: str) -> None:
    """A page that marks where a line may break would show a card that it hid before."""
    hidden = Mask(tuple(KINDS), text).hide(text)
    assert "1111" not in hidden
    assert "example" not in hidden


def test_many_characters_of_no_width_take_time_that_grows_with_their_number() -> None:
    """One record of a thousand pages with soft hyphens would hold a run up for minutes."""

    def seconds(text: str) -> float:
        began = time.process_time()
        Mask(tuple(KINDS), text).hide(text)
        return time.process_time() - began

    part = "si\u00adlent words, a\u200b@example.com and 41\u200b11 1111 1111 1111. "
    few, many = "".join(part for _ in range(100)), "".join(part for _ in range(1_000))
    assert min(seconds(many) for _ in range(3)) < 40 * min(seconds(few) for _ in range(3))
