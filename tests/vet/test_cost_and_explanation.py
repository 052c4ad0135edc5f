"""The stages cost and explanation, on apps that pass and on apps that do not."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pytest
from tests.acceptance.bench import APP, RECORDED, messages
from tests.vet.stands import FUNCTION, GOOD, HEAD, UNCHECKED, drive, stand

from roadworthy.vet.bill import LoggedRequest
from roadworthy.vet.road.bench import Bench
from roadworthy.vet.road.budget import BUDGET
from roadworthy.vet.road.cost import COST, SCALES, Seen, bought_again, dots, table
from roadworthy.vet.road.declared import DeclaredModel
from roadworthy.vet.road.explanation import EXPLANATION, disagreements, holes_in
from roadworthy.vet.road.finding import Finding, Grade
from roadworthy.vet.road.opening import open_bench
from roadworthy.vet.road.picture import Bars, Dots, Figure, Table
from roadworthy.vet.road.priced import Priced, held
from roadworthy.vet.road.trial import Attempt, Ran

DEMO = Path(str(files("roadworthy.vet.demo")))

ASIDE = (
    HEAD
    + UNCHECKED
    + '''
@mood.check
def asks_aside(answer: Mood, note: Note) -> None:
    """A second opinion that nobody counts."""
    provider("Is this right? " + note.text)
'''
)

NESTED = HEAD + "ask = provider\n" + FUNCTION


def one(findings: Mapping[str, Finding]) -> dict[str, Grade]:
    """Grades by name."""
    return {name: finding.grade for name, finding in findings.items()}


def priced_by(bench: Bench) -> tuple[dict[str, Grade], Table]:
    """What the forecast and the second run are graded, over the two stages that share them; and the table of costs."""
    findings, pictures = drive(BUDGET, bench)
    more, tables = drive(COST, bench)
    assert [type(picture) for picture in pictures] == [Bars]
    table = next(picture for picture in tables if isinstance(picture, Table))
    (dots,) = (picture for picture in tables if isinstance(picture, Dots))
    assert all(len(row.dots) == len(SCALES) for row in dots.rows)
    assert sum(isinstance(picture, Figure) for picture in tables) == 2
    return one({"forecast": findings["forecast"], **more}), table


def test_the_demo_costs_what_was_forecast_and_the_table_has_every_way(tmp_path: Path) -> None:
    """A person who pays would decide by figures that the run does not keep."""
    app, inbox = str(DEMO / "triage.py"), str(DEMO / "inbox.jsonl")
    with open_bench(app, inbox, seed=1, minutes=1.0, answers=[DEMO / "answers.jsonl"]) as bench:
        grades, picture = priced_by(bench)
    assert grades == {"forecast": Grade.PASS, "again": Grade.PASS}
    names = [row[0] for row in picture.rows]
    assert len(names) == 7
    assert any("no ladder: openai:gpt-5" in name for name in names)
    assert picture.head[1].startswith("1x")
    dear, own = (_likely(picture, place) for place in (2, 0))
    assert dear > own, "the dearest model for all costs more than the ladder"
    assert "Prompt caching" in picture.note or any("cached" in name for name in names)


def test_real_messages_cost_what_was_forecast(tmp_path: Path) -> None:
    """The interval would hold for the demo alone."""
    if not RECORDED.exists():
        pytest.skip(f"{RECORDED} is not here")
    inbox = messages(tmp_path)
    shared = {"ROADWORTHY_SHARED_DATA": str(RECORDED.parents[1])}
    with open_bench(
        str(APP), str(inbox), seed=1, minutes=3.0, answers=[_wrapped(tmp_path)], passed=shared
    ) as bench:
        grades, _ = priced_by(bench)
    assert grades == {"forecast": Grade.PASS, "again": Grade.PASS}


def _wrapped(folder: Path) -> Path:
    """The recorded intents as the app's answers."""
    place = folder / "answers.jsonl"
    with gzip.open(RECORDED, "rt", encoding="utf-8") as rows, place.open("w") as out:
        for row in map(json.loads, rows):
            answers = {model: {"intent": said} for model, said in row["answers"].items()}
            out.write(json.dumps({"id": row["id"], "text": row["text"], "answers": answers}) + "\n")
    return place


def test_a_third_app_costs_what_was_forecast_and_few_records_are_not_tested(tmp_path: Path) -> None:
    """An app in which nothing goes up the ladder would cost less than the least that was forecast."""
    with stand(tmp_path, GOOD, count=40) as bench:
        grades, _ = priced_by(bench)
        assert grades == {"forecast": Grade.PASS, "again": Grade.PASS}
    with stand(tmp_path, GOOD, count=12) as bench:
        assert one(drive(COST, bench)[0]) == {"again": Grade.NOT_TESTED}
        assert drive(BUDGET, bench)[0]["forecast"].grade is Grade.NOT_TESTED


@pytest.mark.parametrize(
    ("actual", "grade"),
    [("1.5", Grade.PASS), ("2.4", Grade.NOT_TESTED), ("2.6", Grade.FAIL), ("0.4", Grade.FAIL)],
)
def test_a_cost_far_from_its_forecast_fails(actual: str, grade: Grade) -> None:
    """An app that costs three times what it was said to would pass; or one in twenty sound ones would not."""
    plan = {"spent_usd": "0.5", "cost_usd": {"low": "0.5", "likely": "1", "high": "1.5"}, "sampled": 50}
    ran = Ran(
        status=0,
        summary={"job_cost_usd": actual, "records": 150, "accepted": 150},
        rows=(),
        requests=(),
        said="",
        blocked=(),
        seconds=1.0,
    )
    found = Priced(count=150, plan=plan, ran=ran, again=ran, attempts=(), prefix=0.0, said="")
    assert held(found, "again").grade is grade


def test_a_run_that_asks_again_fails() -> None:
    """Every run of the same input would be paid anew."""
    ran = Ran(status=0, summary={}, rows=({"key": "a"},), requests=(), said="", blocked=(), seconds=1.0)
    assert bought_again(ran, ran, "again").grade is Grade.PASS
    assert bought_again(ran, replace(ran, requests=(request(1),)), "again").grade is Grade.FAIL


def _likely(picture: Table, row: int, column: int = 1) -> Decimal:
    return Decimal(picture.rows[row][column].split(" ")[0].replace(",", ""))


def attempt(number: int, **more: object) -> Attempt:
    """An attempt that the provider answered as its request of this number."""
    plain = Attempt(
        id=number,
        key=f"r{number}",
        step="s",
        model="openai:a",
        state="settled",
        ending="ok",
        reserved_usd=Decimal(1),
        cost_usd=Decimal("0.000001"),
        input_tokens=1_500,
        output_tokens=10,
        latency_s=0.1,
        provider_id=f"chatcmpl-{'ab' * 8}{number:08x}",
        detail="",
    )
    return replace(plain, **more)  # type: ignore[arg-type] # the names of its fields


def request(n: int, **more: object) -> LoggedRequest:
    """The provider's side of it."""
    plain = LoggedRequest(
        n=n, at=0.0, model="a", question=None, body="ab", turn=0, arrival=0, fault="", status=200, billed=True,
        input_tokens=1_500, output_tokens=10, cost_usd=Decimal("0.000001"), written=True,
    )  # fmt: skip
    return replace(plain, **more)  # type: ignore[arg-type] # the names of its fields


def test_the_ways_to_save_save_what_they_should() -> None:
    """Someone would choose a way to save by a figure that is made up."""
    ladder = tuple(
        DeclaredModel(name=f"openai:{name}", id=name, price=price, is_function=False, cached=cached)
        for name, price, cached in (("a", "1,2", "0.1"), ("b", "10,20", ""))
    )
    cost = Decimal(1_500 * 1 + 10 * 2).scaleb(-6)
    attempts = {f"r{n}": [attempt(n, cost_usd=cost)] for n in range(50)}
    seen = Seen(
        lines=100,
        repeated=0.5,
        attempts=attempts,
        reviews=5,
        review_usd=0.5,
        prefix_tokens=1_200.0,
        ladder=ladder,
    )
    picture = table(seen, "made up")
    own, all_lines, dearest, first, batch, cached, people, both = (_likely(picture, row) for row in range(8))
    assert float(all_lines) == pytest.approx(2 * float(own), rel=0.2)
    assert float(dearest) == pytest.approx(0.5 * 100 * float(cost) * 10, rel=0.05)
    assert float(first) == pytest.approx(50 * float(cost), rel=0.01)
    assert float(batch) == pytest.approx(float(own) / 2, rel=0.01)
    assert float(own - cached) == pytest.approx(50 * 1_200 * 0.9e-6, rel=0.05)
    assert people == Decimal("2.5000")
    assert float(both) == pytest.approx(float(own + people), rel=0.001)
    assert _likely(picture, 6, 3) == Decimal("250.00")
    short = table(replace(seen, prefix_tokens=500.0), "made up")
    assert "begin alike for about 500 tokens" in short.note
    assert "`run --batch` asks at these prices" in picture.note
    elsewhere = tuple(replace(model, name=f"azure:{model.id}") for model in ladder)
    told = table(replace(seen, ladder=elsewhere, prefix_tokens=500.0), "made up")
    assert "`run --batch` asks these models directly" in told.note
    gateway = tuple(replace(model, name=f"{model.name}@https://gateway.example/v1") for model in ladder)
    told = table(replace(seen, ladder=gateway, prefix_tokens=500.0), "made up")
    assert "`run --batch` asks these models directly" in told.note


def test_what_is_asked_beside_the_models_is_part_of_the_cost_and_of_no_way_to_save() -> None:
    """An app that buys vectors for its records would break the stage, or save on them what caching saves on prompts."""
    models = [("openai:a", "1,2", "0.1"), ("openai:b", "10,20", "")]
    ladder = tuple(
        DeclaredModel(name=name, id=name, price=price, is_function=False, cached=cached)
        for name, price, cached in models
    )
    cost = Decimal(1_500 * 1 + 10 * 2).scaleb(-6)
    vectors = attempt(0, model="function:embed", cost_usd=Decimal("0.001"), input_tokens=None)
    attempts = {f"r{n}": [vectors, attempt(n, cost_usd=cost)] for n in range(50)}
    seen = Seen(
        lines=50, repeated=0.0, attempts=attempts, reviews=0, review_usd=0.5, prefix_tokens=1_200.0, ladder=ladder
    )  # fmt: skip
    own, _, dearest, _, _, cached, *_ = (_likely(table(seen, "made up"), row) for row in range(8))
    assert float(own) == pytest.approx(50 * (float(cost) + 0.001), rel=0.05)
    assert float(dearest) == pytest.approx(50 * (float(cost) * 10 + 0.001), rel=0.05)
    assert float(own - cached) == pytest.approx(50 * 1_200 * 0.9e-6, rel=0.05)


def test_large_amounts_are_written_in_digits() -> None:
    """A person who pays would read 1.2e+02 USD."""
    model = DeclaredModel(name="openai:a", id="a", price="1,2", is_function=False)
    attempts = {f"r{n}": [attempt(n, cost_usd=Decimal("1.234"))] for n in range(50)}
    seen = Seen(
        lines=1_000, repeated=0.0, attempts=attempts, reviews=0, review_usd=0.5, prefix_tokens=0.0, ladder=(model,)
    )  # fmt: skip
    row = dots(seen).rows[0]
    assert [dot.text for dot in row.dots] == ["1,200", "12,000", "120,000"]


def test_a_good_app_is_explained_to_the_last_request(tmp_path: Path) -> None:
    """A sound app would be refused."""
    with stand(tmp_path, GOOD) as bench:
        findings, _ = drive(EXPLANATION, bench)
    assert one(findings) == {"story": Grade.PASS, "joined": Grade.PASS}
    assert findings["joined"].times >= 12


def test_requests_that_no_story_knows_are_found(tmp_path: Path) -> None:
    """Money would be spent that no report shows."""
    with stand(tmp_path, ASIDE) as bench:
        findings, _ = drive(EXPLANATION, bench)
    assert one(findings) == {"story": Grade.PASS, "joined": Grade.FAIL}
    assert any("have no attempt" in line for line in findings["joined"].measured)


def test_what_a_function_asks_is_not_said_to_be_known(tmp_path: Path) -> None:
    """What nobody can see would count as seen."""
    with stand(tmp_path, NESTED) as bench:
        findings, _ = drive(EXPLANATION, bench)
    assert findings["joined"].grade is Grade.NOT_TESTED


@pytest.mark.parametrize(
    ("attempts", "requests", "said"),
    [
        ([attempt(1)], [request(1)], []),
        ([attempt(1)], [request(1), request(2)], ["have no attempt", "no attempt knows of it"]),
        ([attempt(1, input_tokens=3)], [request(1)], ["the attempt has others"]),
        ([attempt(1, cost_usd=Decimal(2))], [request(1)], ["the attempt says 2"]),
        ([attempt(1, state="unsent")], [request(1, fault="reset", written=False)], ["have no attempt"]),
        (
            [attempt(1), attempt(2, provider_id="", state="unknown")],
            [request(1), request(2, fault="cut")],
            [],
        ),
    ],
)
def test_what_disagrees_is_told(
    attempts: list[Attempt], requests: list[LoggedRequest], said: list[str]
) -> None:
    """A ledger that says something else than the bill would pass."""
    found = list(disagreements(attempts, requests))
    assert len(found) == len(said)
    assert all(part in line for part, line in zip(said, found, strict=True))


def test_a_record_without_a_story_has_a_hole() -> None:
    """A record that nobody can explain would pass."""
    assert list(holes_in(None)) == ["there is no story"]
