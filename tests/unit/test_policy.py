"""The version of how answers come about."""

from roadworthy.check.ready import length, quotes_occur
from roadworthy.check.soft import soft
from roadworthy.run.policy import code_of


def test_what_a_ready_check_was_made_with_counts() -> None:
    """Another field, another bound or another score would go on under the old certificate."""
    versions = {
        code_of(quotes_occur("quote", in_="body")),
        code_of(quotes_occur("quote", in_="title")),
        code_of(soft(quotes_occur("quote", in_="body"))),
        code_of(soft(quotes_occur("quote", in_="body"), 0.2)),
        code_of(length("quote", words=(1, 5))),
        code_of(length("quote", words=(1, 6))),
    }
    assert len(versions) == 6


def test_the_same_check_made_again_is_the_same() -> None:
    """Every process would open an epoch of its own."""
    assert code_of(quotes_occur("quote")) == code_of(quotes_occur("quote"))
    assert code_of(soft(quotes_occur("quote"), 0.3)) == code_of(soft(quotes_occur("quote"), 0.3))
