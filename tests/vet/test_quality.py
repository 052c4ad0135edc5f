"""The stage quality, on an app that passes and on apps that do not."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from tests.vet.stands import FUNCTION, GOOD, HEAD, UNCHECKED, answers, drive, notes, stand

from roadworthy._errors import WrongUse
from roadworthy._settings import DEFAULTS
from roadworthy.keep.ledger import open_ledger
from roadworthy.keep.reviews import Label, put_label
from roadworthy.vet.road.finding import Grade
from roadworthy.vet.road.label import is_right, ledger_labels, read_labels
from roadworthy.vet.road.opening import labels_of, open_bench
from roadworthy.vet.road.quality import QUALITY, judged

REPAIRS = (
    HEAD
    + '''
def ask(prompt: str) -> dict[str, str]:
    """Mends whatever came."""
    body = {"model": "small", "messages": [{"role": "user", "content": prompt}]}
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    with urllib.request.urlopen(url, json.dumps(body).encode(), timeout=5) as response:
        content = json.load(response)["choices"][0]["message"]["content"]
    for end in ("", '"}', '"', "}"):
        try:
            return {"mood": "glad", "quote": "", **json.loads(content + end)}
        except json.JSONDecodeError:
            pass
    return {"mood": "glad", "quote": content}
'''
    + FUNCTION
)


def test_a_good_app_holds_wrong_and_cut_off_answers_back(tmp_path: Path) -> None:
    """A sound app would be refused; or what nobody promised would count as kept."""
    with stand(tmp_path, GOOD) as bench:
        labelled = replace(bench, labels={sample.key: {"mood": "glad"} for sample in bench.samples})
        findings, _ = drive(QUALITY, labelled)
        assert {name: finding.grade for name, finding in findings.items()} == {
            "wrong": Grade.PASS,
            "cut-off": Grade.PASS,
            "labels": Grade.NOT_TESTED,
        }
        assert findings["labels"].times == 12
        assert "6 of 12 labelled accepted answers are right" in findings["labels"].happened
        findings, _ = drive(QUALITY, bench)
        assert findings["labels"].times == 0


def test_an_app_with_no_checks_accepts_other_records_answers(tmp_path: Path) -> None:
    """The commonest unready app would get a go."""
    with stand(tmp_path, HEAD + UNCHECKED) as bench:
        findings, _ = drive(QUALITY, bench)
    assert findings["wrong"].grade is Grade.FAIL
    assert "0 checks are declared" in findings["wrong"].tried
    assert findings["wrong"].happened.endswith("wrong answers were accepted.")
    assert [clue.cause for clue in findings["wrong"].clues] == ["endings/invented"]
    assert findings["cut-off"].grade is Grade.PASS


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("", "no promise is broken, and none is made"),
        (", review_below=0.5, confidence='samples:2'", "labels alone tell"),
        (", max_error=0.1", "only its audits and labels can tell"),
    ],
    ids=["nothing", "doubt", "audits"],
)
def test_a_classifier_is_not_refused_for_what_no_check_can_tell(
    tmp_path: Path, declared: str, said: str
) -> None:
    """Every classifier would get a no-go that its team can do nothing about, or one that says nothing would get a pass."""
    app = (HEAD + UNCHECKED).replace("    quote: str\n", "").replace("LARGE])", f"LARGE]{declared})")
    with stand(tmp_path, app) as bench:
        bare = bench.options.copy()
        moods = [{"small": {"mood": mood}, "large": {"mood": mood}} for mood in ("glad", "sad")]
        rows = [{**row, "answers": moods[place % 2]} for place, row in enumerate(answers(notes(12)))]
        bare["answers"] = rows
        findings, _ = drive(QUALITY, replace(bench, options=bare))
    assert findings["wrong"].grade is Grade.NOT_TESTED
    assert said in findings["wrong"].happened
    assert "max_error=" in findings["wrong"].advice


def test_a_function_that_mends_what_was_cut_off_is_found(tmp_path: Path) -> None:
    """Half an answer would go out as a whole one."""
    with stand(tmp_path, REPAIRS) as bench:
        findings, _ = drive(QUALITY, bench)
    assert findings["cut-off"].grade is Grade.FAIL


def test_without_recorded_answers_words_from_nowhere_are_tried(tmp_path: Path) -> None:
    """A team without recordings could not see that nothing is checked."""
    with stand(tmp_path, GOOD) as bench:
        bare = bench.options.copy()
        del bare["answers"]
        findings, _ = drive(QUALITY, replace(bench, options=bare))
        assert findings["wrong"].grade is Grade.PASS
        unsaid = replace(
            bench, options=bare, labels={sample.key: {"mood": "glad"} for sample in bench.samples}
        )
        assert drive(QUALITY, unsaid)[0]["labels"].grade is Grade.NOT_TESTED


@pytest.mark.parametrize(
    ("wrong", "number", "promised", "grade"),
    [
        (0, 200, 0.05, Grade.PASS),
        (40, 200, 0.05, Grade.FAIL),
        (0, 12, 0.05, Grade.NOT_TESTED),
        (0, 200, None, Grade.NOT_TESTED),
    ],
)
def test_labels_are_held_against_the_promise_and_no_further_than_they_reach(
    tmp_path: Path, wrong: int, number: int, promised: float | None, grade: Grade
) -> None:
    """Twelve right answers would prove one in twenty; or too many wrong ones would pass."""
    with stand(tmp_path, GOOD) as bench:
        labels = {str(n): "glad" if n >= wrong else "sad" for n in range(number)}
        (step,) = bench.declared.steps
        declared = replace(bench.declared, steps=(replace(step, max_error=promised),))
        found = judged(
            replace(bench, labels=labels, declared=declared),
            {key: {"mood": "glad"} for key in labels},
            number,
        )
    assert found.grade is grade
    assert found.times == number


def test_answers_that_were_made_up_are_not_held_against_labels(tmp_path: Path) -> None:
    """An app with labels for all records and recorded answers for some would get a no-go for the simulator's stand-ins."""
    (tmp_path / "app.py").write_text((HEAD + UNCHECKED).replace("LARGE])", "LARGE], max_error=0.4)"))
    records, rows = notes(12), answers(notes(12))
    sad = {"small": {"mood": "sad", "quote": "x"}}
    written: dict[str, list[dict[str, object]]] = {
        "in": [{**one} for one in records],
        "answers": [{**row, "answers": sad} for row in rows[::2]],
        "labels": [{"key": one["id"], "label": {"mood": "sad"}} for one in records],
    }
    for name, lines in written.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    with open_bench(
        str(tmp_path / "app.py"),
        str(tmp_path / "in.jsonl"),
        seed=5,
        minutes=1.0,
        answers=[tmp_path / "answers.jsonl"],
        labels=tmp_path / "labels.jsonl",
    ) as bench:
        findings, _ = drive(QUALITY, bench)
    assert findings["labels"].happened.startswith("6 of 6 labelled accepted answers are right")


def test_what_counts_as_right() -> None:
    """A label of one field would never be met, or a label of two fields by one of them."""
    assert is_right({"mood": "glad"}, "glad")
    assert is_right({"mood": "glad", "quote": "x"}, {"mood": "glad"})
    assert not is_right({"mood": "glad", "quote": "x"}, {"mood": "glad", "quote": "y"})
    assert not is_right({"mood": "glad", "quote": "x"}, "glad")
    assert not is_right({"mood": "glad"}, {})
    assert is_right(3, 3)


def test_labels_come_from_a_file_and_a_bad_line_is_told(tmp_path: Path) -> None:
    """A misspelt column would mean that nothing was labelled."""
    place = tmp_path / "labels.jsonl"
    place.write_text(json.dumps({"key": "a", "label": {"mood": "sad"}}) + "\n")
    assert read_labels(place) == {"a": {"mood": "sad"}}
    table = tmp_path / "labels.csv"
    table.write_text('key,label\na,sad\nb,"{""mood"": ""glad""}"\n')
    assert read_labels(table) == {"a": "sad", "b": {"mood": "glad"}}
    place.write_text('{"key": "a", "right": "sad"}\n')
    with pytest.raises(WrongUse, match="line 1: there is no `label`"):
        read_labels(place)


def test_what_people_called_wrong_without_another_answer_counts(tmp_path: Path) -> None:
    """An app would be held against its right answers alone, and pass: a rejected one names no other that would be right."""
    place = tmp_path / "tried.db"
    glad = '{"mood":"glad"}'
    store = open_ledger(str(place), DEFAULTS)
    for label in (
        Label("tried", "mood", "n1", "ruling by ann", glad),
        Label("tried", "mood", "n2", "ruling by ann", correct=False, judged=glad),
        Label("tried", "mood", "n3", "ruling by ann", correct=False, judged='{"mood":"sad"}'),
        Label("tried", "mood", "n4", "feedback", correct=True, judged=glad),
    ):
        store.write_now(partial(put_label, label=label))
    store.close()
    labels = ledger_labels(str(place), "tried")
    with stand(tmp_path, GOOD) as bench:
        found = judged(
            replace(bench, labels=labels), {key: {"mood": "glad"} for key in ("n1", "n2", "n3", "n4")}, 4
        )
    assert found.times == 3, "of n3 nobody knows: another answer was called wrong"
    assert found.happened.startswith("2 of 3 labelled accepted answers are right")
    assert found.evidence == ("n2: {'mood': 'glad'}, which a person called wrong",)


def test_labels_are_those_of_the_ledger_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names the ledger by the environment, as in a container, would be held against no label."""
    place = tmp_path / "elsewhere.db"
    store = open_ledger(str(place), DEFAULTS)
    store.write_now(
        partial(put_label, label=Label("tried", "mood", "n1", "ruling by ann", '{"mood":"glad"}'))
    )
    store.close()
    monkeypatch.setenv("ROADWORTHY_LEDGER", str(place))
    with stand(tmp_path, GOOD) as bench:
        declared = replace(bench.declared, app="tried")
        assert labels_of(declared, bench.options, None) == {"n1": {"mood": "glad"}}
