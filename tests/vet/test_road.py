"""The road test of an app, end to end: the frame around its stages."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import orjson
import pytest

from roadworthy._errors import WrongUse
from roadworthy.vet.road.bench import Bench
from roadworthy.vet.road.command import vet
from roadworthy.vet.road.opening import NotAnApp, open_bench
from roadworthy.vet.road.report import Report, read_report
from roadworthy.vet.road.stages import STAGES

DEMO = Path(str(files("roadworthy.vet.demo")))
APP, INBOX, ANSWERS = (str(DEMO / name) for name in ("triage.py", "inbox.jsonl", "answers.jsonl"))


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """The demo on the bench."""
    with open_bench(APP, INBOX, seed=3, minutes=0.5, answers=[Path(ANSWERS)]) as bench:
        yield bench


def drive(folder: Path, *words: str) -> tuple[int, Report]:
    """Give the command; its status and its report."""
    place = folder / "report.json"
    with pytest.raises(SystemExit) as ended:
        vet.main([*words, "--json", str(place)], standalone_mode=False)
    return int(str(ended.value.code)), read_report(orjson.loads(place.read_bytes()))


def test_the_child_tells_what_the_app_declares(bench: Bench) -> None:
    """Stages would test another ladder, cap or input than the app's own."""
    told = bench.declared
    assert (told.app, told.entry, told.budget_usd, told.budget_period) == ("triage", "triage", "1", "total")
    assert told.prices == {"gpt-5-nano": "0.05,0.4", "gpt-5": "1.25,10"}
    assert told.steps[0].checks == ("quote_is_in_the_ticket", "policy_exists")
    assert len({sample.key for sample in bench.samples}) == len(bench.samples) > 300


def test_a_trial_runs_on_a_ledger_and_a_provider_of_its_own(bench: Bench) -> None:
    """What one trial did would show in the next, or in the team's own ledger."""
    lines = [sample.line for sample in bench.take(4)]
    for _ in range(2):
        with bench.trial(lines) as trial:
            ran = trial.run()
            assert (ran.status, ran.count("records"), ran.is_whole) == (0, 4, True)
            assert len(ran.requests) == len(trial.attempts()) == ran.summary["attempts"]
            assert trial.contradictions() == ()
            assert ran.billed_usd > 0
    assert not list(DEMO.glob("*.db*"))


def test_nothing_but_the_simulated_provider_can_be_reached(tmp_path: Path) -> None:
    """A road test would call the real provider, with whatever key the code finds."""
    (tmp_path / "away.py").write_text(
        "import socket\nfrom roadworthy import App, Function, Prompt\napp = App('away')\n"
        "def ask(text: str) -> dict[str, str]:\n"
        "    return {'said': str(socket.create_connection(('192.0.2.1', 443), 2))}\n"
        "@app.step(models=[Function(ask, usd_per_call='0')])\n"
        "def step(record: dict[str, str]) -> Prompt[dict[str, str]]:\n    return Prompt('Say.', record['text'])\n"
    )
    (tmp_path / "in.jsonl").write_text('{"id": "1", "text": "a"}\n')
    with (
        open_bench(str(tmp_path / "away.py"), str(tmp_path / "in.jsonl"), seed=1, minutes=1) as away,
        away.trial([away.samples[0].line]) as trial,
    ):
        assert set(trial.run().blocked) == {"192.0.2.1"}


def test_an_app_that_names_a_place_of_its_own_is_led_to_the_simulated_provider(tmp_path: Path) -> None:
    """`NAME@https://host` would be out of the test's reach."""
    (tmp_path / "own.py").write_text(
        "from roadworthy import App, Model, Price, Prompt\napp = App('own')\n"
        "M = Model('qwen@https://llm.example.com/v1', price=Price(input='1', output='2'))\n"
        "@app.step(models=[M])\n"
        "def step(record: dict[str, str]) -> Prompt[list[str]]:\n    return Prompt('Say.', record['text'])\n"
    )
    (tmp_path / "in.jsonl").write_text('{"id": "1", "text": "a"}\n')
    with (
        open_bench(str(tmp_path / "own.py"), str(tmp_path / "in.jsonl"), seed=1, minutes=1) as own,
        own.trial([own.samples[0].line]) as trial,
    ):
        ran = trial.run()
        assert (ran.count("accepted"), [row.model for row in ran.requests]) == (1, ["qwen"])


def test_the_teams_own_ledger_teaches_answers_and_is_not_touched(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app that ran before would be tested with made-up answers, or its ledger would be written to."""
    lines = [sample.line for sample in bench.take(25)]
    ledger = tmp_path / "team.db"
    with bench.trial(lines, {"latency_ms": 30}) as trial:
        before = trial.run()
        ledger.write_bytes(trial.ledger.read_bytes())
    monkeypatch.setenv("ROADWORTHY_LEDGER", str(ledger))
    content = ledger.read_bytes()
    with open_bench(APP, INBOX, seed=3, minutes=1) as taught:
        assert {sample.key for sample in taught.take(25)} == {sample.key for sample in bench.take(25)}
        assert taught.learned.models["gpt-5-nano"].latency_ms >= 30
        with taught.trial(lines) as trial:
            after = trial.run()
    assert after.values() == before.values() != {}
    assert ledger.read_bytes() == content


def test_a_plain_function_is_told_from_an_app(tmp_path: Path) -> None:
    """`vet poc.py:function` would end with a message about apps, and the road test of functions would not begin."""
    (tmp_path / "poc.py").write_text("def triage(text: str) -> str:\n    return text\n")
    with pytest.raises(NotAnApp) as error, open_bench(f"{tmp_path}/poc.py:triage", INBOX, seed=1, minutes=1):
        pass
    assert error.value.function == "triage"


def test_an_app_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    """The user would see that the test failed, and not what to mend."""
    (tmp_path / "app.py").write_text("import nowhere\n")
    with (
        pytest.raises(WrongUse, match="No module named 'nowhere'"),
        open_bench(str(tmp_path / "app.py"), INBOX, seed=1, minutes=1),
    ):
        pass


def test_the_command_writes_every_report_and_compares(tmp_path: Path) -> None:
    """CI would gate on nothing, and nobody would see what got worse."""
    words = (APP, INBOX, "--answers", ANSWERS, "--minutes", "0.3", "--only", "budget")
    html, junit = tmp_path / "r.html", tmp_path / "r.xml"
    status, report = drive(tmp_path, *words, "--html", str(html), "--junit", str(junit))
    assert (status, report.is_go, [stage.name for stage in report.stages]) == (0, True, ["budget"])
    assert "<svg" in html.read_text()
    assert 'failures="0"' in junit.read_text()
    again, second = drive(tmp_path, *words, "--compare", str(tmp_path / "report.json"))
    assert again == 0
    assert second.without_times() == report.without_times()


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_the_demo_is_a_go_and_the_same_seed_gives_the_same_report(tmp_path: Path) -> None:
    """Nobody could tell a change of the app from chance, or the shipped example would not hold what it shows."""
    words = (APP, INBOX, "--answers", ANSWERS, "--minutes", "1", "--seed", "5")
    status, first = drive(tmp_path, *words)
    assert (status, first.reasons) == (0, ())
    assert {stage.name for stage in first.stages} == {stage.name for stage in STAGES}
    _, second = drive(tmp_path, *words)
    assert second.without_times() == first.without_times()
