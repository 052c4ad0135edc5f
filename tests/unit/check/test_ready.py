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


@pytest.mark.parametrize(
    ("body", "good", "bad"),
    [
        ("Orders 12, 15 and 20 are late", "20, 15 and 12", "12.15"),
        ("In 2019 2020 was planned", "2020", "20192020"),
        ("It has 3 400 boxes", "3,400 or 3 400 or 3400", "34"),
        ("Pages 1,2,3", "1 and 3", "1.2"),
        ("It ends on 31.12.2026", "2026", "3112.2026"),
        ("It costs 1 234.567", "1234.567", "1234567"),
        ("It costs 1.234,50", "1,234.5", "123450"),
        ("It costs 1,00,000", "100000", "1"),
    ],
)
def test_numbers_are_told_apart_where_several_stand_in_a_row(body: str, good: str, bad: str) -> None:
    """A list of orders was read as one long number: right answers were refused, and paid for again."""
    check = ready.numbers_occur("x", in_="body")
    check({"x": good}, {"body": body})
    with pytest.raises(Fault):
        check({"x": bad}, {"body": body})


def test_the_date_of_a_timestamp_occurs() -> None:
    """A record that has a time beside its date would have no date, and each right answer would be refused."""
    check = ready.dates_occur("x", in_="body")
    check({"x": "on 2026-03-01"}, {"body": "at 2026-03-01T10:00:00Z"})
    with pytest.raises(Fault):
        check({"x": "at 2026-03-02T10:00"}, {"body": "at 2026-03-01T10:00:00Z"})


def test_words_that_begin_with_a_small_letter_are_no_names() -> None:
    """French and German answers were refused for two words in a row that begin with an accent."""
    check = ready.names_occur("x", in_="body")
    check({"x": "Il a été évalué"}, {"body": "nothing"})
    with pytest.raises(Fault):
        check({"x": "Il a vu Émile Évrard"}, {"body": "nothing"})


def test_each_of_several_citations_in_one_bracket_counts() -> None:
    """A passage that does not exist was cited unseen as long as another number stood beside it."""
    check = ready.citations_exist("x", in_="passages.id")
    check({"x": "so [p1, p1]"}, SOURCE)
    with pytest.raises(Fault):
        check({"x": "so [p1, p9]"}, SOURCE)
    ready.sentences_cite("x", in_="passages.id")({"x": "So it is [p1; p1]. And so [p1, p1]."}, SOURCE)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Dr. Smith came at approx. 5 p.m. and left. He had No. 7.", 2),
        ("John F. Kennedy spoke, e.g. in Berlin. Prof. Berg heard it.", 2),
        ("Das gilt z. B. nach Art. 5 bzw. Abs. 2. Es gilt nicht immer.", 2),
        ("Take vitamin C. Then rest.", 2),
        ("One. Two! Three? Four\u2026 Five", 5),
    ],
)
def test_an_abbreviation_ends_no_sentence(text: str, count: int) -> None:
    """Right answers were refused because their "Dr." cites no passage, or for one sentence too many."""
    ready.length("x", sentences=(count, count))({"x": text}, None)


def test_a_title_needs_no_citation_of_its_own() -> None:
    """As above: the sentence is what cites."""
    check = ready.sentences_cite("x", in_="passages.id")
    check({"x": "Dr. Smith said it [p1]. It holds, cf. Mr. Berg [p1]."}, SOURCE)
    with pytest.raises(Fault):
        check({"x": "Dr. Smith said it. It holds [p1]."}, SOURCE)
