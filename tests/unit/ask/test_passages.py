"""Passages: how rankings are fused, what is packed and in which order, and how a pinned question keeps them."""

from __future__ import annotations

import pytest

from roadworthy._errors import WrongUse
from roadworthy.accept.passage import Passage
from roadworthy.ask.build import build_question, question_body, question_from
from roadworthy.ask.part import part_text
from roadworthy.ask.passages import Passages, fused, packed
from roadworthy.ask.prompt import Prompt
from roadworthy.ask.question import Question
from roadworthy.ask.schema import compile_schema


def passage(document: str, number: int, text: str) -> Passage:
    """A passage of these words."""
    return Passage(document, number, 0, len(text), text)


def test_fusion_rewards_what_both_rankings_hold() -> None:
    """What only one ranking found first would push out what both found, and ties would fall by chance."""
    assert fused([[1, 2, 3], [4, 2, 5]]) == [2, 1, 4, 3, 5]
    assert fused([[7, 3], []]) == [7, 3]


def test_the_same_choice_is_the_same_text_whatever_its_ranking() -> None:
    """A provider's prompt cache would miss because two records ranked the same passages otherwise."""
    one, two, three = passage("a", 2, "beta"), passage("a", 1, "alpha"), passage("b", 1, "gamma")
    first = packed([one, two, three], most=8, tokens=100, bytes_a_token=4)
    second = packed([three, two, one], most=8, tokens=100, bytes_a_token=4)
    assert first == second
    assert [(found.id, found.text) for found in first] == [("1", "alpha"), ("2", "beta"), ("3", "gamma")]


def test_the_best_that_fit_are_packed_and_none_twice() -> None:
    """The limit would be passed, room would be left unused, or a copy of a passage would be paid for again."""
    ranked = [
        passage("a", 1, "best words"),
        passage("z", 1, "Best  Words"),
        passage("b", 1, "x" * 400),
        passage("c", 1, "short"),
    ]
    found = packed(ranked, most=8, tokens=20, bytes_a_token=4)
    assert [one.text for one in found] == ["best words", "short"]
    assert [one.text for one in packed(ranked, most=1, tokens=1_000, bytes_a_token=4)] == ["best words"]


def test_a_passage_is_written_with_what_cites_it_and_where_it_stands() -> None:
    """The model could not cite what it was shown, and a reader could not find it."""
    found = Passage("policy.pdf", 3, 0, 5, "Thirty days.", 2, ("Refunds", "Late"), "1")
    assert part_text([found]) == "[1] policy.pdf, page 2 > Refunds > Late\nThirty days."


def test_a_pinned_question_gives_its_passages_back() -> None:
    """A check of citations would judge a kept answer against other passages than it was asked with."""
    chosen = (
        Passage("a.md", 1, 5, 17, 'Say "thirty"', None, ("A",), "1", "number 1 by words"),
        Passage("b.md", 4, 0, 3, "gone", 2, (), "2"),
    )
    prompt = Prompt[str]("Answer.", list(chosen[:1]), "How long?")
    built = build_question(prompt, compile_schema(str))
    question = Question(built.version, built.fixed, built.messages, chosen)
    body = question_body(question)
    assert question_from(body, built.version, built.fixed) == question
    assert body.count(b"thirty") == 1, "a text that stands in the message is not kept a second time"


@pytest.mark.parametrize("wrong", ["most", "tokens", "chars"])
def test_a_number_that_cannot_be_is_refused(wrong: str) -> None:
    """A step would silently be asked without context."""
    with pytest.raises(WrongUse, match=wrong):
        Passages("docs", **{wrong: 0})  # type: ignore[arg-type] # a number by its name
