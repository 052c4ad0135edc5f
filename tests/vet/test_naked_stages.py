"""The road test of a plain function: a careless one fails for what it lacks, a careful one passes, none is judged unseen."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

from roadworthy._errors import WrongUse
from roadworthy.vet.kind import Kind
from roadworthy.vet.naked.drive import NAKED_STAGES, open_stand
from roadworthy.vet.naked.endings import find_silent
from roadworthy.vet.naked.stand import Stand
from roadworthy.vet.naked.target import names_function
from roadworthy.vet.road.command import vet
from roadworthy.vet.road.finding import Finding, Grade
from roadworthy.vet.road.stage import choose, drive

POC = """
import json, os, sqlite3, time, urllib.request

def ask(text, retries=0, cap=None, timeout=1):
    body = {"model": "gpt-5-nano", "messages": [{"role": "user", "content": text}]}
    if cap:
        body["max_completion_tokens"] = cap
    for turn in range(retries + 1):
        request = urllib.request.Request(
            os.environ["OPENAI_BASE_URL"] + "/chat/completions", json.dumps(body).encode(),
            {"authorization": "Bearer " + os.environ["OPENAI_API_KEY"]})
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return json.load(answer)["choices"][0]["message"]["content"]
        except (OSError, ValueError, KeyError):
            if turn == retries:
                raise

def careless(ticket: str) -> str:
    return ask(ticket)

def nested(ticket: str) -> dict:
    for turn in range(3):
        try:
            return json.loads(ask(ticket, retries=2))
        except ValueError:
            if turn == 2:
                raise

def telling(ticket: str) -> str:
    print("asked about", ticket)
    return ask(ticket)

HEARD = []

def talkative(ticket: str) -> str:
    HEARD.append(ticket)
    return ask(" ".join(HEARD))

def careful(ticket: dict) -> dict:
    text = ticket.get("text")
    if not isinstance(text, str) or not 0 < len(text.strip()) < 20_000:
        raise ValueError("no usable text")
    kept = sqlite3.connect("kept.db", timeout=30)
    kept.execute("create table if not exists reply (asked text primary key, said text)")
    found = kept.execute("select said from reply where asked = ?", (text,)).fetchone()
    if found:
        return json.loads(found[0])
    said = ask(text, retries=2, cap=200)
    answer = json.loads(said)
    if not isinstance(answer, dict) or answer.get("queue") not in ("billing", "other"):
        raise ValueError("not a valid answer")
    kept.execute("insert or replace into reply values (?, ?)", (text, said))
    kept.commit()
    return answer

def dated(ticket: str) -> str:
    return ask(f"{ticket} (asked at {time.time_ns()})")

def once(text: str) -> str:
    kept = sqlite3.connect("kept.db", timeout=30)
    kept.execute("create table if not exists reply (asked text primary key, said text)")
    with kept:
        kept.execute("begin immediate")
        found = kept.execute("select said from reply where asked = ?", (text,)).fetchone()
        said = found[0] if found else ask(text)
        kept.execute("insert or replace into reply values (?, ?)", (text, said))
    return said

def twofold(ticket: str) -> list:
    return [once(ticket), once("Check this: " + ticket)]

def filling(ticket: str) -> str:
    return ask(ticket.replace("{queue}", "billing or other"))

def noting(ticket: str) -> str:
    said = ask(ticket)
    with open("log.jsonl", "a") as log:
        log.write(json.dumps({"asked": ticket, "said": said}) + "\\n")
    return said

def silent(ticket: str) -> None:
    return None

def patient(ticket: str) -> str:
    return ask(ticket, timeout=600)
"""
Open = Callable[[str], Stand]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A proof of concept, an input and recorded answers."""
    (tmp_path / "poc.py").write_text(POC)
    texts = [f"Message number {number}: I was charged twice." for number in range(10)]
    rows = [{"id": str(number), "text": text} for number, text in enumerate(texts)]
    said = {"gpt-5-nano": {"queue": "billing"}}
    (tmp_path / "inbox.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "answers.jsonl").write_text(
        "".join(json.dumps({**row, "answers": said}) + "\n" for row in rows)
    )
    return tmp_path


@pytest.fixture
def stand(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Puts one of the functions on the stand."""
    monkeypatch.setenv("ROADWORTHY_VET_CALL_S", "10")
    with ExitStack() as stack:

        def one(name: str) -> Stand:
            return stack.enter_context(
                open_stand(
                    f"{folder / 'poc.py'}:{name}",
                    str(folder / "inbox.jsonl"),
                    seed=1,
                    minutes=1,
                    answers=[folder / "answers.jsonl"],
                )
            )

        yield one


class Told:
    """Hears nothing."""

    def begins(self, stage: str, number: int, total: int) -> None:
        """Not noted."""

    def found(self, stage: str, finding: Finding) -> None:
        """Not noted."""

    def ends(self, result: object) -> None:
        """Not noted."""


def graded(stand: Stand, stage: str) -> dict[str, Grade]:
    """What one stage found."""
    [result] = drive(choose(NAKED_STAGES, [stage]), [stand], Told())
    assert "stage" not in {finding.name for finding in result.findings}, result.findings
    return {finding.name: finding.grade for finding in result.findings}


def test_one_call_meets_one_fault(stand: Open) -> None:
    """A finding would blame the function for what the provider did twice, or never did."""
    careless = stand("careless")
    once = careless.tried(Kind.SERVER_ERROR)
    assert (once.met, len(once.rows), once.call.error) == (1, 1, "HTTPError")
    tried = stand("nested").tried(Kind.SERVER_ERROR, lasting=True)
    assert (tried.met, len(tried.rows)) == (3, 3)


def test_spoiled_answers_that_pass_are_found(stand: Open) -> None:
    """A function that hands on whatever comes would be called safe."""
    careless = graded(stand("careless"), "answers")
    assert careless["malformed-kept-out"] is Grade.FAIL
    assert careless["wrong-enum-kept-out"] is Grade.FAIL
    careful = graded(stand("careful"), "answers")
    assert {grade for name, grade in careful.items() if name.endswith("kept-out")} == {Grade.PASS}
    assert careful["malformed-mended"] is Grade.FAIL  # it says so, and asks no second time


def test_a_provider_that_says_nothing_is_held_against_a_deadline(
    stand: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commonest way to lose a day, a call that never comes back, would not be graded."""
    monkeypatch.setenv("ROADWORTHY_VET_SILENCE_S", "4")
    for name, grade in (("careless", Grade.PASS), ("patient", Grade.FAIL)):
        found = {finding.name: finding for finding in find_silent(stand(name))}
        assert found["hang"].grade is grade, found
    assert "less than 4 s" in found["hang"].promise
    assert "deadline" in found["hang"].advice
    assert found["trickle"].grade is Grade.FAIL


def test_input_that_cannot_be_used_costs_nothing(stand: Open) -> None:
    """A function that pays for empty and giant records would pass."""
    careless, careful = graded(stand("careless"), "intake"), graded(stand("careful"), "intake")
    for name in ("empty", "blank", "giant"):
        assert (careless[name], careful[name]) == (Grade.FAIL, Grade.PASS)
    assert careful["template"] is Grade.PASS


def test_a_record_that_is_filled_in_is_found(stand: Open) -> None:
    """A function that puts its own words where a record holds a template's mark would pass, since an answer came."""
    assert graded(stand("filling"), "intake")["template"] is Grade.FAIL


def test_what_is_kept_is_not_paid_for_twice(stand: Open) -> None:
    """Work that a crash loses would not be found, or a function that keeps its work would be blamed."""
    assert graded(stand("careless"), "crash") == {"paid-again": Grade.FAIL, "goes-on": Grade.PASS}
    assert graded(stand("careful"), "crash") == {"paid-again": Grade.PASS, "goes-on": Grade.PASS}


def test_a_request_with_the_time_in_it_is_paid_for_again_all_the_same(stand: Open) -> None:
    """A function that keeps nothing would pass where no two of its requests are alike, as with the time in each."""
    assert graded(stand("dated"), "crash")["paid-again"] is Grade.FAIL


def test_a_record_that_takes_two_requests_is_not_paid_for_twice(stand: Open) -> None:
    """A function that keeps both answers of a record would be blamed for having two."""
    twofold = graded(stand("twofold"), "budget")
    assert (twofold["duplicate"], twofold["duplicate-at-once"]) == (Grade.PASS, Grade.PASS)
    assert graded(stand("careless"), "budget")["duplicate"] is Grade.FAIL


def test_what_is_written_to_a_file_that_was_there_is_found(stand: Open, folder: Path) -> None:
    """A function with a log that has begun already would be told that it keeps nothing."""
    (folder / "log.jsonl").write_text("{}\n")
    assert graded(stand("noting"), "explanation") == {"story": Grade.PASS}


def test_nested_retries_and_missing_caps_are_found(stand: Open) -> None:
    """A record that may cost nine requests would look as cheap as one that costs three."""
    nested = graded(stand("nested"), "budget")
    assert (nested["tries"], nested["nested"], nested["output-cap"]) == (Grade.PASS, Grade.FAIL, Grade.FAIL)
    careful = graded(stand("careful"), "budget")
    assert (careful["nested"], careful["output-cap"], careful["duplicate"]) == (Grade.PASS,) * 3
    assert careful["cap"] is Grade.NOT_TESTED


def test_words_that_stray_are_found(stand: Open) -> None:
    """One customer's words in another one's request, or in a log, would go unseen."""
    assert graded(stand("talkative"), "leakage")["apart"] is Grade.FAIL
    assert graded(stand("telling"), "leakage")["logs"] is Grade.FAIL
    careless = graded(stand("careless"), "leakage")
    assert (careless["apart"], careless["logs"], careless["calls-home"]) == (Grade.PASS,) * 3
    assert careless["injection"] is Grade.NOT_TESTED


def test_an_answer_must_leave_a_trace(stand: Open) -> None:
    """A function that keeps nothing would be said to explain itself."""
    assert graded(stand("careless"), "explanation") == {"story": Grade.FAIL}
    assert graded(stand("careful"), "explanation") == {"story": Grade.PASS}


def test_a_function_without_answers_passes_nothing_unseen(stand: Open) -> None:
    """A function that does nothing would keep every promise."""
    silent = stand("silent")
    for stage in ("answers", "crash", "explanation"):
        assert Grade.PASS not in graded(silent, stage).values()


def test_the_command_says_no_go_and_writes_the_same_report(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`vet` would refuse a plain function, or call a careless one ready."""
    monkeypatch.chdir(folder)
    words = [
        "poc.py:careless",
        "inbox.jsonl",
        "--answers",
        "answers.jsonl",
        "--only",
        "crash",
        "--json",
        "r.json",
    ]
    done = CliRunner().invoke(vet, [*words, "--python", sys.executable])
    assert done.exit_code == 1, done.output
    said = json.loads((folder / "r.json").read_text())
    assert (said["verdict"], said["subject"], said["counts"]["fail"]) == ("no-go", "poc.py:careless", 1)
    assert "--python" in said["command"]


def test_what_cannot_be_used_is_said_before_anything_is_tried(folder: Path) -> None:
    """A slip would end in a traceback, or in a report about nothing."""
    given = (str(folder / "inbox.jsonl"),)
    with (
        pytest.raises(WrongUse, match="no such program"),
        open_stand(f"{folder / 'poc.py'}:careless", *given, seed=1, minutes=1, python="no-such-python"),
    ):
        pass
    with (
        pytest.raises(WrongUse, match="nothing_here"),
        open_stand(f"{folder / 'poc.py'}:nothing_here", *given, seed=1, minutes=1),
    ):
        pass


@pytest.mark.parametrize(
    ("source", "is_function"),
    [
        ("def it(x): ...", True),
        ("async def it(x): ...", True),
        ("it = chain.invoke", True),
        ("@app.step(models=[])\ndef it(x): ...", False),
        ("@app.workflow\nasync def it(x): ...", False),
        ("it = App('a')", False),
        ("from other import it", False),
        ("it = 1", False),
        ("def other(x): ...", False),
        ("def it(x", False),
    ],
    ids=["def", "async", "bound", "step", "workflow", "app", "imported", "constant", "missing", "broken"],
)
def test_a_function_is_told_from_an_app_without_running_it(
    tmp_path: Path, source: str, *, is_function: bool
) -> None:
    """An app would be tested as a function, or a function refused as an app."""
    (tmp_path / "poc.py").write_text(source)
    assert names_function(f"{tmp_path / 'poc.py'}:it") is is_function
    assert not names_function(str(tmp_path / "poc.py"))
