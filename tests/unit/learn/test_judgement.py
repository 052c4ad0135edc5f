"""Whether an answer is right, by a label."""

import pytest

from roadworthy.learn.judgement import Judgement, same_answer

SURE = '{"mood":"glad","sure":0.9}'


@pytest.mark.parametrize(
    ("judgement", "said", "right"),
    [
        (Judgement('{"mood":"glad","sure":1.0}', apart="sure"), SURE, True),
        (Judgement('{"mood":"sad","sure":0.9}', apart="sure"), SURE, False),
        (Judgement('{"mood":"glad","sure":1.0}'), SURE, False),
        (Judgement('"glad"', apart="sure"), SURE, True),
        (Judgement(correct=True, judged=SURE, apart="sure"), '{"mood":"glad","sure":0.2}', True),
        (Judgement(correct=True, judged=SURE, apart="sure"), '{"mood":"sad","sure":0.9}', False),
        (Judgement(correct=False, judged=SURE, apart="sure"), SURE, False),
        (Judgement(correct=False, judged=SURE, apart="sure"), '{"mood":"sad","sure":0.9}', None),
        (Judgement(correct=True), SURE, None),
        (Judgement(), SURE, None),
    ],
    ids=["sure apart", "wrong", "sure counts", "only field", "right", "not it", "wrong one", "another", "of none", "none"],
)  # fmt: skip
def test_a_label_says_what_it_can(judgement: Judgement, said: str, right: bool | None) -> None:  # noqa: FBT001 - a table
    """A right answer would count as wrong for being less sure, or a label would judge an answer it never saw."""
    assert judgement.of(said) is right


def test_only_the_named_field_is_left_out() -> None:
    """Two answers that differ would pass for one."""
    assert same_answer('{"a":{"p":1,"x":2}}', '{"a":{"p":3,"x":2}}', "a.p")
    assert not same_answer('{"a":{"p":1,"x":2}}', '{"a":{"p":1,"x":3}}', "a.p")
    assert not same_answer('{"a":1}', '{"b":1}')
