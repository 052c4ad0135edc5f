"""The page about the certificate says what the code says."""

import re
from pathlib import Path

from tests.docs.pages import ROOT, Block, Terminal, blocks, matches

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
    table = PAGE.split("## The states")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| ([a-z ]+) \|", table, re.MULTILINE)) == {str(state) for state in State}


def test_the_run_through_shows_what_a_reader_will_see(tmp_path: Path) -> None:
    """Whoever tries the page's commands would get something else."""
    steps = list(blocks(ROOT / "docs" / "certificate.md"))
    first = next(place for place, block in enumerate(steps) if block.note == "moods.py")
    last = next(place for place, block in enumerate(steps) if "--clear-alarm feel" in block.text) + 2
    terminal = Terminal(tmp_path, 0, "")
    said = ""
    for block in steps[first:last]:
        match block:
            case Block("sh", ""):
                said = terminal.type(block.text)
            case Block("text", ""):
                assert matches(block.text, said), f"the page shows:\n{block.text}\nthe terminal said:\n{said}"
            case _:
                terminal.save(block)
