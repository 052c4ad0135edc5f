"""Ready checks: what they let pass and what they stop."""

import time

import pytest

from roadworthy._errors import Fault, WrongUse
from roadworthy.check import ready
from roadworthy.check.ready import Check

SOURCE = {
    "body": "On 2026-03-01 Anna Berg paid 1,234.50 EUR. She\u00a0said \u201cfine\u201d.",
    "passages": [{"id": "p1"}],
}


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (ready.quotes_occur("x", in_="body"), 'she said "FINE"', "she said no"),
        (ready.numbers_occur("x", in_="body"), "it was 1234.5", "it was 1235"),
        (ready.dates_occur("x", in_="body"), "on 1.3.2026", "on 2026-03-02"),
        (ready.names_occur("x", in_="body"), "It was Anna Berg", "It was Otto Kahn"),
        (ready.citations_exist("x", in_="passages.id"), "so [p1]", "so [p2]"),
        (ready.sentences_cite("x", in_="passages.id"), "One. [p1] Two [p1].", "One [p1]. Two."),
        (ready.length("x", words=(1, 3)), "one two", "one two three four"),
        (ready.length("x", chars=(1, 5)), "abc", "abcdef"),
        (ready.length("x", sentences=(1, 1)), "One.", "One. Two."),
        (
            ready.language("x", "en"),
            "the dog is in the house and it sleeps",
            "der Hund ist in dem Haus und er schläft",
        ),
        (ready.phrases("x", required=["sorry"]), "Sorry, no", "no"),
        (ready.phrases("x", banned=["guarantee"]), "we try", "we Guarantee it"),
        (ready.no_personal_data("x"), "write to us", "write to a.b@example.com"),
        (ready.no_repetition("x", words=2, times=3), "a b a b", "a b a b a b"),
    ],
)
def test_a_ready_check_passes_the_good_and_stops_the_bad(check: Check, good: str, bad: str) -> None:
    """A check that stops nothing would let a wrong answer out; one that stops all would buy for nothing."""
    check({"x": good}, SOURCE)
    with pytest.raises(Fault):
        check({"x": bad}, SOURCE)


@pytest.mark.fault("E19")
def test_a_pattern_that_goes_back_and_forth_is_stopped() -> None:
    """One answer could hang a run by a team's careless pattern."""
    pytest.importorskip("regex")
    check = ready.matches("x", r"(a|aa|b?a)+$")
    check({"x": "aaa"}, None)
    begun = time.perf_counter()
    with pytest.raises(Fault):
        ready.matches("x", r"(.*a){25}c")({"x": "a" * 60}, None)
    assert time.perf_counter() - begun < 5


def test_a_schema_says_where_an_answer_breaks_it() -> None:
    """The model could not mend what it is not shown the place of."""
    pytest.importorskip("jsonschema")
    check = ready.meets_schema({"type": "integer", "minimum": 3}, field="x")
    check({"x": 3}, None)
    with pytest.raises(Fault) as found:
        check({"x": 2}, None)
    assert found.value.where == "x"


def test_a_field_that_is_not_there_is_the_teams_mistake() -> None:
    """A misspelt field would be a check that never checks."""
    with pytest.raises(WrongUse):
        ready.language("x", "tlh")
