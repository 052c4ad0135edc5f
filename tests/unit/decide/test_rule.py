"""The rule: what is accepted, what goes up the ladder, what a person sees."""

from dataclasses import dataclass

import pytest

from roadworthy._errors import Fault, WrongUse
from roadworthy.call.reply import Ending, Reply
from roadworthy.check.checked import Checked, Invalid, Valid
from roadworthy.decide.confidence import (
    CheckScores,
    Models,
    Samples,
    SelfReported,
    StudentProbability,
    TokenProbability,
    parse_source,
    samples_of,
)
from roadworthy.decide.rule import Rule, decide, give_up
from roadworthy.decide.trust import Trust
from roadworthy.decide.verdict import Accept, Escalate, Fail, Review


def valid(body: str, model: str = "small", probability: float | None = None, **scores: float) -> Valid[str]:
    """A valid answer, with what checks gave it."""
    reply = Reply(1, model, Ending.OK, body, "stop", token_probability=probability)
    return Valid(reply, body, body.encode(), (), tuple(scores.items()))


@dataclass(frozen=True)
class Always:
    """A gauge that has one thing to say."""

    doubt: float

    def chance(self, score: float) -> float:
        """The same, whatever the score."""
        del score
        return self.doubt


STUDENTS = valid("1", "student:feel", 0.8)


def invalid(suggestion: bytes | None = None, model: str = "small") -> Invalid:
    """An answer that may not leave."""
    return Invalid(Reply(2, model, Ending.OK, "x"), Fault("`q` is missing"), suggestion)


def test_without_a_threshold_a_valid_answer_is_accepted() -> None:
    """The plain ladder would ask for more than was declared."""
    verdict = decide([valid("{}")], [], Rule())
    assert isinstance(verdict, Accept)
    assert verdict.confidence is None


def test_an_invalid_answer_goes_up_with_its_fault() -> None:
    """Nobody would know why the next model was asked."""
    answers: list[Checked[str]] = [invalid()]
    verdict = decide(answers, [], Rule())
    assert isinstance(verdict, Escalate)
    assert verdict.grounds == "small: invalid: `q` is missing"


@pytest.mark.parametrize(
    ("answers", "earlier", "source", "confidence"),
    [
        ([valid('{"sure":0.9}')], [], SelfReported("sure"), 0.9),
        ([valid('{"a":{"sure":0.8}}')], [], SelfReported("a.sure"), 0.8),
        ([valid("{}", probability=0.97)], [], TokenProbability(), 0.97),
        ([valid("1"), valid("1"), valid("2"), invalid()], [], Samples(4), 0.5),
        ([valid("1", "large")], [valid("1")], Models(), 1.0),
        ([valid("1", "large")], [valid("2"), valid("1", "middle")], Models(), 2 / 3),
        ([valid("1")], [], CheckScores(), 1.0),
        ([valid("1", short=0.9, vague=0.6)], [], CheckScores(), 0.6),
        ([STUDENTS], [], StudentProbability(), 0.8),
        ([valid("1", "large")], [STUDENTS], StudentProbability(), 0.8),
        ([valid("1", "large", 0.7, short=0.9)], [], parse_source("checks+tokens"), 0.7),
        ([valid("1", "large", None, short=0.9)], [], parse_source("checks+tokens"), 0.9),
        ([valid("1", "large", 0.7)], [STUDENTS], parse_source("student + tokens"), 0.7),
        ([STUDENTS], [], parse_source("tokens+student"), 0.8),
        ([valid("1"), valid("1"), valid("2", short=0.9)], [], parse_source("checks+samples:3"), 2 / 3),
    ],
)
def test_each_source_reads_its_confidence(
    answers: list[Checked[str]], earlier: list[Valid[str]], source: object, confidence: float
) -> None:
    """A threshold would be compared with the wrong number."""
    verdict = decide(answers, earlier, Rule(0.4, source))  # type: ignore[arg-type] # one of the four
    assert isinstance(verdict, Accept)
    assert verdict.confidence == pytest.approx(confidence)


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        (valid('{"sure":0.2}'), SelfReported("sure")),
        (valid('{"sure":"high"}'), SelfReported("sure")),
        (valid('{"sure":1.5}'), SelfReported("sure")),
        (valid('{"sure":true}'), SelfReported("sure")),
        (valid("{}"), TokenProbability()),
        (valid("{}"), Models()),
        (valid("{}"), StudentProbability()),
        (valid("{}", short=0.1), CheckScores()),
        (valid("{}", probability=0.99), parse_source("tokens+models")),
        (valid("{}", probability=0.99), parse_source("tokens+field:sure")),
        (valid("{}"), parse_source("tokens+student")),
        (valid("{}", probability=0.99, short=0.1), parse_source("tokens+checks")),
    ],
)
def test_an_answer_that_is_not_sure_enough_goes_up(answer: Valid[str], source: object) -> None:
    """A doubtful answer, or one that says nothing of its doubt, would be accepted."""
    assert isinstance(decide([answer], [], Rule(0.5, source)), Escalate)  # type: ignore[arg-type] # one of the four


def test_samples_choose_what_most_of_them_say() -> None:
    """A minority answer would be accepted because it came first."""
    verdict = decide([valid("1"), valid("2"), valid("2")], [], Rule(0.6, Samples(3)))
    assert isinstance(verdict, Accept)
    assert verdict.valid.body == b"2"


def test_numbers_that_round_alike_are_told_apart() -> None:
    """A reviewer would read that 0.67 is below 0.67, and take the rule for broken."""
    verdict = decide([valid("1"), valid("1"), valid("2")], [], Rule(0.67, Samples(3)))
    assert isinstance(verdict, Escalate)
    assert verdict.grounds == "small: confidence 0.667 is below 0.670"
    trusted = decide([valid("1")], [], Rule(), Trust(0.0504, {"small": Always(0.05041)}))
    assert isinstance(trusted, Escalate)
    assert trusted.grounds == "small: the chance that it is wrong, 0.05041, is above 0.05040"


def test_how_sure_each_sample_is_does_not_make_them_differ() -> None:
    """Three answers that agree would count as three opinions, and every record go to a person."""
    rule = Rule(0.6, parse_source("samples:3+field:sure"))
    said = [valid(f'{{"topic":"a","sure":{sure}}}') for sure in (0.9, 0.8, 0.85)]
    verdict = decide(said, [], rule)
    assert isinstance(verdict, Accept)
    assert (verdict.valid, verdict.confidence) == (said[0], 0.9)
    other = valid('{"topic":"b","sure":0.7}')
    verdict = decide([other, *said[:2]], [], rule)
    assert isinstance(verdict, Accept)
    assert verdict.valid == said[0]
    assert verdict.confidence == pytest.approx(2 / 3)
    above = valid('{"topic":"a","sure":0.95}', "large")
    verdict = decide([above], said[:1], Rule(0.9, parse_source("models+field:sure")))
    assert isinstance(verdict, Accept)


def test_a_person_sees_the_best_answer_so_far() -> None:
    """The reviewer would start from nothing, or from the weakest model's answer."""
    heard: list[Checked[str]] = [invalid(b'{"a":1}'), valid("small"), valid("large", "large")]
    review = give_up(heard, ["low"], Rule())
    assert isinstance(review, Review)
    assert review.suggestion == b"large"
    assert isinstance(give_up([invalid(b"7"), invalid()], ["bad"], Rule()), Review)
    fail = give_up(heard, ["low"], Rule(people=False))
    assert isinstance(fail, Fail)


@pytest.mark.parametrize(
    "text", ["field:", "sample:3", "samples:1", "samples:x", "token", "", "tokens+", "checks+nothing"]
)
def test_an_unknown_source_is_refused(text: str) -> None:
    """A typo would silently switch the threshold off."""
    with pytest.raises(WrongUse, match="is not known"):
        parse_source(text)


@pytest.mark.parametrize(("below", "source"), [(0.0, Samples(3)), (1.2, Samples(3)), (0.5, None)])
def test_a_threshold_that_cannot_work_is_refused(below: float | None, source: object) -> None:
    """A step would be declared with a threshold that never, or always, holds."""
    with pytest.raises(WrongUse):
        Rule(below, source)  # type: ignore[arg-type] # what a user might write


def test_an_answer_that_is_not_the_students_has_at_most_the_rest() -> None:
    """A model that contradicts a sure student would pass with the student's own number."""
    verdict = decide([valid("2", "large")], [STUDENTS], Rule(0.1, StudentProbability()))
    assert isinstance(verdict, Accept)
    assert verdict.confidence == pytest.approx(0.2)


def test_samples_within_a_combination_are_asked_for() -> None:
    """Agreement of samples would be read off one answer, and always be 1."""
    assert samples_of(parse_source("checks+samples:5")) == 5
    assert samples_of(parse_source("checks+tokens")) == 1
    assert samples_of(None) == 1


@pytest.mark.parametrize("text", ["tokens+tokens", "samples:3+samples:5", "field:sure+field:sure"])
def test_a_source_that_comes_twice_is_refused(text: str) -> None:
    """A slip of the pen would ask for answers twice, or pass for two sources."""
    with pytest.raises(WrongUse, match="names a source twice"):
        parse_source(text)
