"""A bug in a team's code is told with its place, wherever it comes up."""

import json
from pathlib import Path

import pytest
from tests.acceptance import small
from tests.acceptance.small import call, notes

TWICE = """
@app.workflow
async def twice(note: Note) -> Mood:
    found = await feel(note)
    return {"glad": found}[note.text]
"""
APP = small.APP + TWICE

ENDS = APP.replace("import App, ", "import App, Failed, Rejected, ").replace(
    "    found = await feel(note)\n", """
    match note.text:
        case "reject":
            raise Rejected(note.id, "not for us")
        case "fail":
            raise Failed(note.id, "nobody can tell")
        case "wait":
            await app.approval("Shall we?", Mood(mood="glad"))
    found = await feel(note)
""")  # fmt: skip


@pytest.fixture
def folder(folder: Path) -> Path:
    """An app whose workflow trips over what a record says, and three records."""
    (folder / "app.py").write_text(APP)
    (folder / "in.jsonl").write_text(notes("sad", "sad", "sad"))
    return folder


def test_a_plan_tells_of_a_bug_once(folder: Path) -> None:
    """A look at the input would call every record answered, and say nothing of why."""
    assert call(folder, "run", "app.py:feel", "in.jsonl", "--job", "x").returncode == 0
    ran = call(folder, "run", "app.py", "in.jsonl", "--job", "x", "--json")
    assert json.loads(ran.stdout)["failed"] == 3
    told = call(folder, "plan", "app.py", "in.jsonl", "--job", "x").stderr
    assert told.count("would fail: KeyError at app.py, line 26, in twice") == 1, told


def test_a_plan_calls_answered_only_what_has_an_answer(folder: Path) -> None:
    """An app that fails on every record would look finished and free, with status 0, and a release gate would let it by."""
    (folder / "app.py").write_text(ENDS)
    texts = ["sad", "glad", "reject", "reject", "fail", "wait", "wait", "wait", "glad"]
    (folder / "in.jsonl").write_text(notes(*texts))
    names = ("records", "answered", "would_fail", "would_be_rejected", "would_wait", "to_ask")

    def planned() -> tuple[int, ...]:
        found = json.loads(call(folder, "plan", "app.py", "in.jsonl", "--json").stdout)
        return tuple(found[name] for name in names)

    assert planned() == (9, 0, 1, 2, 3, 3), "on a fresh ledger the model is still to be asked of three"
    said = call(folder, "plan", "app.py", "in.jsonl").stdout
    assert "0 answered already, 3 to ask, 1 would fail, 2 would be rejected, 3 would wait" in said
    assert call(folder, "run", "app.py", "in.jsonl").returncode == 1
    assert planned() == (9, 2, 2, 2, 3, 0), "the one that trips over its text fails after the model was paid"


def test_a_plan_of_a_prompt_that_always_breaks_says_so(folder: Path) -> None:
    """A mistake in the first line of a prompt would be planned as 'all answered already, 0 to ask'."""
    (folder / "app.py").write_text(APP.replace('"Glad or sad?"', '{}["nope"]'))
    said = call(folder, "plan", "app.py:feel", "in.jsonl").stdout
    assert "0 answered already, 0 to ask, 3 would fail" in said


def test_a_run_after_a_bug_is_mended_simply_goes_on(folder: Path) -> None:
    """Whoever mended a bug would be told that nothing was answered and yet too much would be asked again."""
    (folder / "app.py").write_text(APP.replace('"Glad or sad?"', '{}["nope"]'))
    assert json.loads(call(folder, "run", "app.py:feel", "in.jsonl", "--json").stdout)["failed"] == 3
    (folder / "app.py").write_text(APP)
    again = call(folder, "run", "app.py:feel", "in.jsonl", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["accepted"] == 3


def test_a_bug_that_is_mended_does_not_let_paid_answers_be_asked_again(folder: Path) -> None:
    """Records that never were asked would thin out the share of answers that an edit asks again, or count as such."""
    (folder / "app.py").write_text(APP.replace("return Prompt(", "assert note.id != '0'\n    return Prompt("))
    assert json.loads(call(folder, "run", "app.py:feel", "in.jsonl", "--json").stdout)["accepted"] == 2
    (folder / "app.py").write_text(APP.replace("Glad or sad?", "Sad or glad?"))
    again = call(folder, "run", "app.py:feel", "in.jsonl")
    assert again.returncode == 2
    assert "2 of 2 answered records would be asked again, for at most 0.0020 USD" in again.stderr


def test_answers_that_another_job_paid_are_guarded_as_answers(folder: Path) -> None:
    """An edit would be told of as '3 of 0 answered records' where each answer was known before the job began."""
    assert call(folder, "run", "app.py:feel", "in.jsonl", "--job", "first").returncode == 0
    second = call(folder, "run", "app.py:feel", "in.jsonl", "--job", "second", "--json")
    assert json.loads(second.stdout)["attempts"] == 0
    (folder / "app.py").write_text(APP.replace("Glad or sad?", "Sad or glad?"))
    again = call(folder, "run", "app.py:feel", "in.jsonl", "--job", "second")
    assert again.returncode == 2
    assert "3 of 3 answered records would be asked again" in again.stderr


def test_a_file_that_cannot_be_loaded_says_where(folder: Path) -> None:
    """Whoever wrote the file would look for the line that broke."""
    (folder / "words.py").write_text("\n\nWORDS = {}['missing']\n")
    (folder / "app.py").write_text("import words\n" + APP)
    done = call(folder, "plan", "app.py", "in.jsonl")
    assert done.returncode == 2
    assert "cannot be loaded: KeyError at words.py, line 3, in <module>: 'missing'" in done.stderr


def test_a_function_that_returns_no_prompt_is_told_of_with_its_place(folder: Path) -> None:
    """Whoever forgot `Prompt` would read of an AttributeError in a file of ours, and look for it there."""
    (folder / "app.py").write_text(APP.replace('Prompt("Glad or sad?", note.text)', "note.text"))
    said = call(folder, "run", "app.py:feel", "in.jsonl", "--json")
    assert json.loads(said.stdout)["attempts"] == 0
    reason = call(folder, "why", "app.py:feel", "0").stdout
    assert "WrongUse: feel() at app.py, line 19, returned a value of the type str" in reason, reason
    assert "entry.py" not in reason
    assert "would fail: WrongUse: feel() at app.py" in call(folder, "plan", "app.py:feel", "in.jsonl").stderr


@pytest.mark.parametrize("name", ["app.py", "words.py"])
@pytest.mark.parametrize("target", ["app.py", "app:app"])
def test_a_syntax_error_says_in_which_line(folder: Path, name: str, target: str) -> None:
    """Whoever forgot a bracket would be sent to the inside of Python's import, or read a traceback of ours."""
    (folder / "app.py").write_text("import words\n" + APP)
    (folder / "words.py").write_text("")
    (folder / name).write_text("\n\ndef f(:\n")
    done = call(folder, "plan", target, "in.jsonl")
    assert done.returncode == 2, done.stderr
    told = f"{target.split(':', maxsplit=1)[0]} cannot be loaded: SyntaxError at {name}, line 3: invalid syntax.\n"
    assert done.stderr == f"roadworthy: {told}"


@pytest.mark.parametrize("words", ['"openai:gpt-5-nano"', "Function(model, usd_per_call='0.001')"])
def test_one_model_is_no_list_of_models(folder: Path, words: str) -> None:
    """Whoever left the brackets out would read that there is no model 'o', or a TypeError of ours."""
    (folder / "app.py").write_text(APP.replace('[Function(model, usd_per_call="0.001")]', words))
    done = call(folder, "plan", "app.py", "in.jsonl")
    assert done.returncode == 2, done.stderr
    assert "is one model, and models takes a list of them, cheapest first: models=[" in done.stderr
    (folder / "app.py").write_text(
        APP.replace(
            "@app.step(",
            "from roadworthy.check.judge import Judge\n@app.step(judge=Judge('Right?', models='openai:x'), ",
        )
    )
    assert "models=['openai:x']" in call(folder, "plan", "app.py", "in.jsonl").stderr


@pytest.mark.parametrize("name", ["labels", "deep/labels", "labels.txtt"])
def test_a_file_that_is_missing_is_missing_whatever_its_name_ends_with(folder: Path, name: str) -> None:
    """Whoever mistyped a name would be told of endings, and rename a file that is not there."""
    assert call(folder, "run", "app.py:feel", "in.jsonl").returncode == 0
    for words in (("label", "app.py:feel", name), ("run", "app.py:feel", name)):
        done = call(folder, *words)
        assert done.returncode == 2, done.stderr
        assert done.stderr == f"roadworthy: {name} does not exist (looked in {folder}). Check the name.\n"


@pytest.mark.parametrize(
    ("app", "words", "told"),
    [
        (APP, ("app.py:feel", "nope.jsonl"), "nope.jsonl does not exist. Check the name."),
        (APP, ("app.py:fell", "in.jsonl"), "The app 'small' has no entry 'fell'."),
        (
            APP.replace("def feel(note: Note)", "def feel()"),
            ("app.py:feel", "in.jsonl"),
            "feel() at app.py, line 19, takes ().",
        ),
    ],
    ids=["input", "entry", "parameters"],
)
def test_a_road_test_tells_of_wrong_use_as_every_command_does(
    folder: Path, app: str, words: tuple[str, str], told: str
) -> None:
    """A name that was mistyped would read as a fault of the app, found in a folder that is gone by then."""
    (folder / "app.py").write_text(app)
    done = call(folder, "vet", *words)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    for word in ("roadworthy-vet-", "cannot be tested", "WrongUse"):
        assert word not in done.stderr
