"""The page about the certificate says what the code says."""

import re
from pathlib import Path

from roadworthy.learn.certificate import (
    Audits,
    State,
    Tally,
    Terms,
    clean_answers_needed,
    clean_audits_needed,
)

PAGE = (Path(__file__).parents[2] / "docs" / "certificate.md").read_text(encoding="utf-8")


def test_the_sentence_is_the_one_that_is_printed() -> None:
    """The page would promise a figure that the theorem does not give."""
    sentence = Audits(Terms(0.03, 0.05), Tally(4_000, 204)).certificate().sentence
    assert f"> {sentence}\n" in PAGE


def test_the_figures_are_the_codes_own() -> None:
    """Someone would plan people's work by a figure that is wrong."""
    terms = Terms(0.03, 0.05)
    assert (
        f"{clean_answers_needed(terms):,} accepted answers are needed, {clean_audits_needed(terms)} of them"
        in PAGE
    )


def test_every_state_is_explained() -> None:
    """A state would be printed that no page explains."""
    assert set(re.findall(r"^\| ([a-z ]+) \|", PAGE, re.MULTILINE)) == {str(state) for state in State}
