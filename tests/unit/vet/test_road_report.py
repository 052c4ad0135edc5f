"""The report of a road test: verdict, writers, comparison."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from threading import Barrier
from xml.etree.ElementTree import fromstring

import pytest

from roadworthy._errors import WrongUse
from roadworthy.vet.road.compare import compare
from roadworthy.vet.road.finding import Clue, Finding, Grade, StageResult, not_tested
from roadworthy.vet.road.junit import as_junit
from roadworthy.vet.road.page import as_page
from roadworthy.vet.road.picture import Bar, Bars, Chart, DotRow, Dots, Figure, Line, Picture, Table
from roadworthy.vet.road.report import Report, check_fail_on, read_report
from roadworthy.vet.road.stage import Stage, choose, drive
from roadworthy.vet.road.terminal import as_text

HOSTILE = '<script>alert(1)</script>" onload="x" \x1b[31m\x00\ufffe http://example.com'


def finding(name: str, grade: Grade, clues: tuple[Clue, ...] = (), **said: str) -> Finding:
    """A finding."""
    return Finding(
        name=name, promise=said.get("promise", "a promise"), tried="something", times=2, happened=said.get("happened", name),
        grade=grade, evidence=(said.get("evidence", "a line"),), measured=("took 3 s",), reproduce="roadworthy vet a b",
        advice="mend it" if grade is Grade.FAIL else "", clues=clues,
    )  # fmt: skip


def report(
    *findings: Finding, fail_on: tuple[str, ...] = ("any",), pictures: tuple[Picture, ...] = ()
) -> Report:
    """A report of two stages, the first with the findings."""
    stages = (
        StageResult(name="first", title="First", question="Does it?", findings=findings, pictures=pictures),
        StageResult(name="second", title="Second", question="And?", findings=(finding("well", Grade.PASS),)),
    )
    return Report(
        subject="app.py",
        input="in.jsonl",
        seed=1,
        minutes=1,
        notes=("a note",),
        stages=stages,
        fail_on=fail_on,
    )


class Told:
    """Hears nothing."""

    def begins(self, stage: str, number: int, total: int) -> None:
        """Not noted."""

    def found(self, stage: str, finding: Finding) -> None:
        """Not noted."""

    def ends(self, result: StageResult) -> None:
        """Not noted."""


def test_what_was_never_tried_cannot_pass() -> None:
    """A stage could call a promise kept that nobody put to the test."""
    with pytest.raises(ValueError, match="never tried"):
        Finding(name="a", promise="p", tried="", times=0, happened="", grade=Grade.PASS)


@pytest.mark.parametrize(
    ("grade", "fail_on", "is_go"),
    [
        (Grade.PASS, "any", True),
        (Grade.FAIL, "any", False),
        (Grade.NOT_TESTED, "any", True),
        (Grade.NOT_TESTED, "not-tested", False),
        (Grade.FAIL, "second", True),
        (Grade.FAIL, "first,second", False),
    ],
)
def test_the_verdict_follows_fail_on(grade: Grade, fail_on: str, *, is_go: bool) -> None:
    """A broken promise would let a deployment through, or one that CI leaves out would stop it."""
    chosen = check_fail_on(fail_on, ("first", "second"))
    assert report(finding("it", grade), fail_on=chosen).is_go is is_go


def test_a_report_in_which_nothing_was_tested_is_no_go() -> None:
    """An app that could not be tested at all would be waved through."""
    empty = StageResult(name="first", title="F", question="?", findings=(not_tested("a", "p", "no reason"),))
    assert not Report(subject="a", input="b", seed=1, minutes=1, notes=(), stages=(empty,)).is_go


def test_an_unknown_fail_on_is_wrong_use() -> None:
    """A misspelt stage would never fail."""
    with pytest.raises(WrongUse, match="bugdet"):
        check_fail_on("bugdet", ("budget",))


def test_what_an_app_says_begins_no_line_of_the_report() -> None:
    """What a record or a model says could write a verdict of its own into what the terminal shows."""
    forged = "x\nGO: app.py on in.jsonl: 9 passed, 0 failed, 0 not tested"
    said = finding("it", Grade.FAIL, happened=forged, evidence=forged)
    bars = Bars(title=forged, unit="USD", bars=(Bar(label=forged, value=1, text=forged),), least=0.7)
    told = as_text(
        report(said, pictures=(bars, Table(title="t", head=("a",), rows=((forged,),)))), whole=True
    )
    assert not [line for line in told.splitlines() if line.startswith("GO:")]


def test_json_comes_back_as_the_same_report() -> None:
    """`--compare` would compare with something else than what was written."""
    pictures = (
        Table(title="t", head=("a",), rows=(("1",),)),
        Bars(title="b", unit="USD", bars=(Bar(label="x", value=1, low=0.5, high=2),), least=0.7),
        Dots(
            title="d",
            unit="USD",
            series=("1x", "10x"),
            rows=(
                DotRow(
                    label="r",
                    dots=(Bar(label="1x", value=0.02, low=0.0, high=3), Bar(label="10x", value=0.0)),
                ),
            ),
        ),
        Figure(title="f", value="3 s", note="it rests on this"),
        Chart(title="c", across="s", up="records", lines=(Line(label="l", points=((0, 1), (2, 3))),)),
    )
    said = report(finding("it", Grade.FAIL), pictures=pictures)
    assert read_report(said.as_json()) == said
    with pytest.raises(WrongUse, match="format"):
        read_report({"verdict": "go"})


def test_what_is_measured_is_left_out_of_the_comparison_of_seeds() -> None:
    """Two tests of one seed would never be equal, and nobody could tell chance from change."""
    chart = Chart(title="c", across="s", up="n", lines=())
    plain = report(finding("it", Grade.PASS), pictures=(chart,)).without_times()
    assert "took 3 s" not in str(plain.as_json())
    assert plain.stages[0].pictures == ()


def test_junit_parses_and_counts_what_fails() -> None:
    """CI would not read the report, or would read a no-go as a go."""
    said = report(finding("bad", Grade.FAIL, happened=HOSTILE), not_tested("untried", "p", "why"))
    root = fromstring(as_junit(said))
    assert root.get("failures") == "1"
    suite = root.find("testsuite[@name='first']")
    assert suite is not None
    assert (suite.get("failures"), suite.get("skipped"), suite.get("tests")) == ("1", "1", "2")


class _Seen(HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note them."""
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def test_the_page_is_self_contained_and_escapes_everything() -> None:
    """A record's or a model's words would run in the browser of whoever reads the report, or it would call out."""
    pictures: tuple[Picture, ...] = (
        Table(title=HOSTILE, head=(HOSTILE,), rows=((HOSTILE,),), note=HOSTILE),
        Figure(title=HOSTILE, value=HOSTILE, note=HOSTILE),
        Dots(
            title=HOSTILE,
            unit=HOSTILE,
            series=(HOSTILE,),
            rows=(DotRow(label=HOSTILE, dots=(Bar(label=HOSTILE, value=1, low=0.5, high=2, text=HOSTILE),)),),
        ),
        Bars(title=HOSTILE, unit=HOSTILE, bars=(Bar(label=HOSTILE, value=1, low=0, high=2, text=HOSTILE),)),
        Chart(
            title=HOSTILE, across=HOSTILE, up=HOSTILE, lines=(Line(label=HOSTILE, points=((0, 0), (1, 1))),)
        ),
    )
    bad = finding("bad", Grade.FAIL, promise=HOSTILE, happened=HOSTILE, evidence=HOSTILE)
    page = as_page(report(bad, pictures=pictures), changes=(HOSTILE,))
    seen = _Seen()
    seen.feed(page)
    assert not {"script", "img", "link", "iframe", "object"} & set(seen.tags)
    assert not [name for name, _ in seen.attributes if name.startswith("on")]
    assert all(
        value.startswith("#") for name, value in seen.attributes if name in {"href", "src", "xlink:href"}
    )
    assert not re.search(r"url\(|@import", page)
    assert "\x1b" not in page
    assert seen.tags.count("svg") == 4
    assert "prefers-color-scheme: dark" in page


def test_the_terminal_shows_what_would_steer_it() -> None:
    """A model's words could move the cursor of whoever reads the report."""
    text = as_text(report(finding("bad", Grade.FAIL, happened=HOSTILE)))
    assert "\x1b" not in text
    assert text.startswith("NO-GO: app.py on in.jsonl: 1 passed, 1 failed, 0 not tested")


def test_what_one_cause_explains_is_no_second_reason() -> None:
    """The team would be sent to mend three things where one is broken."""
    clue = Clue(cause="first/root", because="It was seen.")
    both = (
        finding("root", Grade.FAIL),
        finding("branch", Grade.FAIL, clues=(clue,)),
        finding("other", Grade.FAIL),
    )
    found = report(*both)
    assert [one.name for _, one in found.reasons] == ["root", "other"]
    assert [(one.name, said) for _, one, said in found.explained] == [("branch", clue)]
    assert "explained by first/root, first/branch: It was seen." in as_text(found)
    junit = fromstring(as_junit(found))
    assert (junit.attrib["failures"], len(junit.findall(".//skipped"))) == ("2", 1)
    assert read_report(found.as_json()) == found


def test_no_failure_is_explained_away() -> None:
    """Two failures that explain each other, or one whose cause was not seen to fail, would leave a go."""
    names = ("one", "two")
    circle = [
        finding(name, Grade.FAIL, clues=(Clue(cause=f"first/{other}", because="so"),))
        for name, other in zip(names, reversed(names), strict=True)
    ]
    assert [one.name for _, one in report(*circle).reasons] == ["one"]
    alone = finding("branch", Grade.FAIL, clues=(Clue(cause="first/root", because="so"),))
    for grade in (Grade.PASS, Grade.NOT_TESTED):
        assert [one.name for _, one in report(finding("root", grade), alone).reasons] == ["branch"]
    assert not report(alone).is_go
    elsewhere = report(finding("root", Grade.FAIL), alone, fail_on=("second",))
    assert (elsewhere.reasons, elsewhere.explained) == ((), ())


def test_compare_names_what_got_worse_first() -> None:
    """A promise that broke since last week would be lost among the good news."""
    before = report(finding("a", Grade.FAIL), finding("b", Grade.PASS), finding("c", Grade.PASS))
    after = report(finding("a", Grade.PASS), finding("b", Grade.NOT_TESTED), finding("d", Grade.FAIL))
    assert [change.text() for change in compare(before, after)] == [
        "worse: first/b: pass -> not tested",
        "worse: first/c: pass -> absent",
        "better: first/a: fail -> pass",
        "new: first/d: absent -> fail",
    ]


def test_a_stage_that_breaks_is_not_a_pass_and_stops_no_other() -> None:
    """One broken stage would hide what the others found, or count as kept."""

    def breaks(_subject: str) -> Iterator[Finding]:
        yield finding("one", Grade.PASS)
        raise RuntimeError("no")

    def goes(_subject: str) -> Iterator[Finding]:
        yield finding("two", Grade.PASS)

    stages = (Stage("breaks", "B", "?", breaks), Stage("goes", "G", "?", goes))
    for subjects in (["subject"], ["subject", "twin"]):
        results = drive(stages, subjects, Told())
        assert [[found.grade for found in result.findings] for result in results] == [
            [Grade.PASS, Grade.NOT_TESTED],
            [Grade.PASS],
        ]
    assert [stage.name for stage in choose(stages, ["goes"])] == ["goes"]
    with pytest.raises(WrongUse, match="goes"):
        choose(stages, ["gone"])


def test_stages_side_by_side_have_a_subject_each_and_report_in_their_order() -> None:
    """Two stages would share a provider, or the same seed would give another report."""
    met = Barrier(2, timeout=30)

    def meets(subject: str) -> Iterator[Finding]:
        met.wait()
        yield finding(subject, Grade.PASS)

    stages = tuple(Stage(name, name, "?", meets) for name in ("one", "two"))
    results = drive(stages, ["subject", "twin"], Told())
    assert [result.name for result in results] == ["one", "two"]
    assert sorted(found.name for result in results for found in result.findings) == ["subject", "twin"]


def test_a_subject_that_cannot_be_tested_ends_the_drive() -> None:
    """A wrong use would count as a broken stage, or the other stages would go on for minutes."""

    def refuses(_subject: str) -> Iterator[Finding]:
        raise WrongUse("there is nothing to test")
        yield

    stages = tuple(Stage(name, name, "?", refuses) for name in ("one", "two", "three"))
    with pytest.raises(WrongUse, match="nothing to test"):
        drive(stages, ["subject", "twin"], Told())
