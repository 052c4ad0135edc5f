"""Rows B1 to B5, B7 to B15 and B20: answers that are cut, empty, refused, or not what was asked for."""

import json
import random
from typing import Any

import pytest
from pydantic import BaseModel
from tests.faults.bench import GOOD, LARGE, PRICES, SMALL, Bench, Note, go, notes, recorded
from tests.faults.odd import Asked, OddProvider, completion, response, says

from roadworthy import Fault, Model
from roadworthy.vet.simulator import Simulator

REVIEW = {"N-0": ("waiting", "review")}


class Names(BaseModel):
    """A list that could be shorter and still be valid."""

    names: list[str]


class Figures(BaseModel):
    """Numbers without bounds of their own."""

    amount: float
    count: int


class Body(BaseModel):
    """Free text."""

    body: str


def cut(content: str | None, **more: Any) -> dict[str, Any]:
    """A reply that was cut off at the cap."""
    return {"$reply": {"content": content, "finish_reason": "length", **more}}


async def asked(bench: Bench, entry: Any, answers: list[Any], **options: Any) -> list[tuple[str, str]]:
    """Run one record against recorded answers: (model, hash of the body) of each request."""
    async with Simulator(prices=PRICES, answers=answers, **options) as sim:
        bench.provider(sim.url)
        await bench.run(entry, notes(1))
        return [(row.model, row.body) for row in sim.requests()]


@pytest.mark.fault("B1")
def test_a_cut_answer_is_asked_for_with_more_room_and_never_the_same_again(bench: Bench) -> None:
    """The same request would be cut at the same place, and paid for each time."""
    turns = {"$turns": [cut('{"topic": "bill'), GOOD]}
    found = go(asked(bench, bench.topics(), recorded(turns)))
    assert len(set(found)) == len(found) == 2
    assert bench.outcomes() == {"N-0": ("accepted", "")}
    caps = [row[0] for row in bench.ask("SELECT output_cap FROM attempt ORDER BY id")]
    assert caps[1] == 2 * caps[0]


@pytest.mark.fault("B1")
@pytest.mark.parametrize("own_cap", [False, True])
def test_an_answer_that_is_always_cut_goes_up_the_ladder_to_a_person(bench: Bench, *, own_cap: bool) -> None:
    """A question that needs more room than there is would be asked for ever."""
    ladder = [Model(m.name, price=m.price, max_output_tokens=64) if own_cap else m for m in (SMALL, LARGE)]
    answers = recorded(cut('{"topic": "bill'), models=("small", "large"))
    found = go(asked(bench, bench.topics(*ladder), answers))
    assert [model for model, _ in found] == (["small", "large"] if own_cap else ["small"] * 2 + ["large"] * 2)
    assert len(set(found)) == len(found)
    assert bench.outcomes() == REVIEW


@pytest.mark.fault("B2")
@pytest.mark.parametrize("kept", range(4))
def test_a_cut_list_is_never_taken_for_a_shorter_one(bench: Bench, kept: int) -> None:
    """Half an answer would look like a whole one, and nobody would see what is missing."""
    whole = json.dumps({"names": ["ann", "bob", "cy", "di"][:kept]})
    go(asked(bench, bench.step(Names), recorded(cut(whole))))
    assert bench.outcomes() == REVIEW
    assert bench.ask("SELECT value FROM record") == [(None,)]
    assert bench.ask("SELECT suggestion FROM review") == [(None,)], "nor is a person shown it as an answer"


@pytest.mark.fault("B3")
def test_room_that_reasoning_used_up_is_a_cut_and_not_an_empty_answer(bench: Bench) -> None:
    """A model that thought too long would be asked the same again instead of being given room."""
    go(asked(bench, bench.topics(), recorded({"$turns": [cut(None), GOOD]})))
    assert [ending for _, ending, *_ in bench.attempts()] == ["truncated", "ok"]
    assert bench.outcomes() == {"N-0": ("accepted", "")}


@pytest.mark.fault("B3")
@pytest.mark.parametrize("said", [None, "<think>\nThe customer asks for"])
def test_a_model_that_said_nothing_for_its_reasoning_is_given_room_to_reason(
    bench: Bench, said: str | None
) -> None:
    """Twice 64 tokens is no room either: each record would be paid for twice and go to a person."""
    go(asked(bench, bench.topics(), recorded({"$turns": [cut(said), GOOD]})))
    caps = [row[0] for row in bench.ask("SELECT output_cap FROM attempt ORDER BY id")]
    assert caps[0] < 100
    assert caps[1:] == [64 * caps[0]]


@pytest.mark.fault("B3")
def test_room_to_reason_ends_where_models_do(bench: Bench) -> None:
    """A cap beyond what a model can say would be refused, or money held for it that nothing can cost."""
    go(asked(bench, bench.step(Names), recorded({"$turns": [cut(None), GOOD]})))
    caps = [row[0] for row in bench.ask("SELECT output_cap FROM attempt ORDER BY id")]
    assert caps[:2] == [1_024, 16_384]


@pytest.mark.fault("B3")
def test_a_model_that_writes_blanks_to_its_cap_is_given_twice_the_room_alone(bench: Bench) -> None:
    """A model that falls into writing line breaks for ever would be paid for 64 times as many of them."""
    go(asked(bench, bench.topics(), recorded({"$turns": [cut("\n\n\n\n"), GOOD]})))
    caps = [row[0] for row in bench.ask("SELECT output_cap FROM attempt ORDER BY id")]
    assert caps[1] == 2 * caps[0]


@pytest.mark.fault("B4")
@pytest.mark.parametrize("content", ["", " \n\t ", None])
def test_an_empty_answer_is_asked_for_once_more_then_goes_up(bench: Bench, content: str | None) -> None:
    """Nothing would be taken for an answer, or be asked for until the budget is gone."""
    answers = recorded({"$reply": {"content": content}})
    answers[0]["answers"]["large"] = GOOD
    found = go(asked(bench, bench.topics(SMALL, LARGE), answers))
    assert [model for model, _ in found] == ["small", "small", "large"]
    assert len(set(found)) == 3
    assert bench.outcomes() == {"N-0": ("accepted", "")}


@pytest.mark.fault("B4")
def test_a_completion_without_choices_is_an_empty_answer(bench: Bench) -> None:
    """The first of no choices would be read, and the program would end."""

    async def scenario() -> None:
        nothing = response(b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":0}}')
        async with OddProvider(lambda asked: nothing if asked.number == 1 else says(GOOD)) as odd:
            bench.provider(odd.url)
            ran = await bench.run(bench.topics(), notes(1))
            assert (ran.status, ran.summary.accepted, len(odd.asked)) == (0, 1, 2)

    go(scenario())


@pytest.mark.fault("B5")
@pytest.mark.parametrize("ladder", [1, 2])
def test_a_refusal_is_not_argued_with(bench: Bench, ladder: int) -> None:
    """A model that said no would be asked again and paid again; or its words would be taken for the answer."""
    answers = recorded({"$reply": {"content": None, "refusal": "I cannot help with that."}})
    answers[0]["answers"]["large"] = GOOD
    found = go(asked(bench, bench.topics(*(SMALL, LARGE)[:ladder]), answers))
    assert [model for model, _ in found] == ["small", "large"][:ladder]
    assert bench.outcomes() == (REVIEW if ladder == 1 else {"N-0": ("accepted", "")})
    assert bench.ask("SELECT ending, text FROM reply")[0] == ("refused", "I cannot help with that.")


@pytest.mark.fault("B5")
def test_a_refusal_that_only_the_finish_reason_tells_is_one(bench: Bench) -> None:
    """A refusal without words would be an empty answer, and be asked again."""

    async def scenario() -> None:
        async with OddProvider(lambda _: completion('{"content":""}', finish='"refusal"')) as odd:
            bench.provider(odd.url)
            await bench.run(bench.topics(), notes(1))
            assert (len(odd.asked), bench.attempts()[0][1]) == (1, "refused")
            assert bench.outcomes() == REVIEW

    go(scenario())


FILTERED = '{"index":0,"message":{"content":""},"finish_reason":"content_filter","content_filter_results":%s}'
FOUND = '{"hate":{"filtered":true,"severity":"high"},"violence":{"filtered":false}}'
HELD_BACK = f'{{"choices":[{FILTERED % FOUND}],"usage":{{"prompt_tokens":9,"completion_tokens":0}}}}'.encode()
INPUT = b'{"error":{"message":"The prompt triggered the policy on self_harm.","code":"content_filter"}}'


@pytest.mark.fault("B7")
@pytest.mark.parametrize(
    ("raw", "category"),
    [(response(HELD_BACK), "hate"), (response(INPUT, status="400 Bad Request"), "self_harm")],
    ids=["answer", "question"],
)
def test_what_a_filter_holds_back_is_for_a_person(bench: Bench, raw: bytes, category: str) -> None:
    """A filter would be asked again until it lets something through, or nobody would know what it objected to."""

    async def scenario() -> None:
        async with OddProvider(lambda _: raw) as odd:
            bench.provider(odd.url)
            await bench.run(bench.topics(), notes(1))
            assert len(odd.asked) == 1
            assert bench.outcomes() == REVIEW
            assert bench.ask("SELECT ending FROM attempt") == [("filtered",)]
            assert category in bench.ask("SELECT detail FROM attempt")[0][0]

    go(scenario())


def tool_calls(*names: str) -> bytes:
    """A message of tool calls instead of an answer."""
    calls = [
        {"id": f"t{n}", "type": "function", "function": {"name": name, "arguments": json.dumps(GOOD)}}
        for n, name in enumerate(names)
    ]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    return completion(json.dumps(message), finish='"tool_calls"')


@pytest.mark.fault("B8")
@pytest.mark.parametrize("heals", [True, False])
@pytest.mark.parametrize(
    "raw",
    [
        tool_calls("delete_everything"),
        tool_calls("Topic", "Topic"),
        says(f"<tool_call>{json.dumps({'name': 'Topic', 'arguments': GOOD})}</tool_call>"),
        completion(json.dumps({"content": json.dumps(GOOD), "tool_calls": [{"id": "t"}]})),
    ],
    ids=["unknown", "two", "in the text", "beside an answer"],
)
def test_a_tool_call_is_no_answer(bench: Bench, raw: bytes, *, heals: bool) -> None:
    """Arguments for a tool that nobody has would be taken for what was asked, or the tool be looked for."""

    async def scenario() -> None:
        def reply(asked: Asked) -> bytes:
            return says(GOOD) if heals and asked.number == 2 else raw

        async with OddProvider(reply) as odd:
            bench.provider(odd.url)
            await bench.run(bench.topics(), notes(1))
            assert len(odd.asked) == 2, "one re-ask, no more"
            first, second = (json.dumps(asked.body["messages"]) for asked in odd.asked)
            assert len(second) > len(first)
            assert "delete_everything" not in second, "the model is not shown its own slip"
            assert bench.outcomes() == ({"N-0": ("accepted", "")} if heals else REVIEW)

    go(scenario())


@pytest.mark.fault("B9")
@pytest.mark.parametrize(
    "wrong",
    [{"topic": "billing"}, {"topic": "billing", "urgency": "2"}, {"topic": "weather", "urgency": 2}, [GOOD]],
    ids=["missing", "wrong type", "not listed", "a list"],
)
def test_an_answer_against_the_schema_is_mended_once_then_goes_up_then_to_a_person(
    bench: Bench, wrong: object
) -> None:
    """A model that cannot keep to a schema would be asked without end, or its answer be taken as it is."""
    answers = recorded(wrong, models=("small", "large"))
    found = go(asked(bench, bench.topics(SMALL, LARGE), answers))
    assert [model for model, _ in found] == ["small", "small", "large", "large"]
    assert len(set(found)) == 4
    assert bench.outcomes() == REVIEW


@pytest.mark.fault("B10")
def test_a_field_that_nobody_asked_for_is_never_kept(bench: Bench) -> None:
    """What was never validated would reach whoever reads the answer."""
    extra = {**GOOD, "admin": True}
    found = go(asked(bench, bench.topics(), recorded({"$turns": [extra, GOOD]})))
    assert len(found) == 2
    assert json.loads(bench.ask("SELECT value FROM record")[0][0]) == GOOD
    assert "admin" in bench.ask("SELECT words FROM attempt ORDER BY id")[1][0], "it is told what to leave out"


NOT_JSON = {
    "B11 a key twice": '{"topic": "billing", "topic": "shipping", "urgency": 2}',
    "B15 prose before": f"Sure! Here it is: {json.dumps(GOOD)}",
    "B15 prose after": f"{json.dumps(GOOD)} I hope this helps.",
    "B15 two answers": f"{json.dumps({**GOOD, 'topic': 'shipping'})}\n{json.dumps(GOOD)}",
    "B13 a fence with prose": f"```json\n{json.dumps(GOOD)}\n```\nDone.",
    "B14 encoded three times": json.dumps(json.dumps(json.dumps(GOOD))),
    "B12 NaN": '{"topic": "billing", "urgency": NaN}',
    "B12 too many digits": '{"topic": "billing", "urgency": ' + "9" * 5_000 + "}",
    "B12 a number as text": '{"topic": "billing", "urgency": "2"}',
    "B12 minus zero": '{"topic": "billing", "urgency": -0}',
    "B12 above its bound": '{"topic": "billing", "urgency": 100000000000000000000}',
}


@pytest.mark.parametrize(
    "content",
    [pytest.param(said, id=name) for name, said in NOT_JSON.items()],
)
@pytest.mark.fault("B11", "B12", "B13", "B14", "B15")
def test_what_could_be_read_in_two_ways_is_not_read_at_all(bench: Bench, content: str) -> None:
    """The last key, the last brace or the nearest number would be picked, and nobody would know that it was a choice."""
    found = go(
        asked(
            bench,
            bench.topics(Model("openai:small", price=SMALL.price, max_output_tokens=9_000)),
            recorded(content),
        )
    )
    assert len(set(found)) == len(found) == 2, "one re-ask"
    assert bench.outcomes() == REVIEW
    assert bench.ask("SELECT value FROM record") == [(None,)]


@pytest.mark.fault("B12")
@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", '"1.5"', "true"])
def test_a_number_that_is_none_is_never_accepted(bench: Bench, amount: str) -> None:
    """Sums over accepted answers would come to nothing."""
    go(asked(bench, bench.step(Figures), recorded(f'{{"amount": {amount}, "count": 1}}')))
    assert bench.outcomes() == REVIEW


@pytest.mark.fault("B12")
@pytest.mark.parametrize(("amount", "count"), [("-0.0", 2**53 + 1), ("1e-7", 10**30), ("1e308", -(10**30))])
def test_a_number_that_is_one_keeps_every_digit(bench: Bench, amount: str, count: int) -> None:
    """A large number would come back as its neighbour. No bound but the schema's own: `Field(le=...)` sets one."""

    async def scenario() -> None:
        answers = recorded(f'{{"amount": {amount}, "count": {count}}}')
        async with Simulator(prices=PRICES, answers=answers) as sim:
            bench.provider(sim.url)
            out = bench.folder / "out.jsonl"
            ran = await bench.run(bench.step(Figures), notes(1), output=out)
            assert ran.summary.accepted == 1
            row = json.loads(out.read_text())
            assert (repr(row["value"]["amount"]), row["value"]["count"]) == (repr(float(amount)), count)

    go(scenario())


@pytest.mark.fault("B13")
def test_a_fence_round_the_whole_answer_is_taken_off_and_one_inside_is_left_alone(bench: Bench) -> None:
    """Answers in a code fence would be paid twice, or answers about code lose a part of themselves."""
    parts = ["```", "```json", "`", "\n", "{", "}", '"', "\\", "a", " ", "é"]
    chance = random.Random(13)
    bodies = ["".join(chance.choices(parts, k=chance.randrange(12))) for _ in range(150)]
    rows = notes(len(bodies))
    answers = []
    for number, (row, body) in enumerate(zip(rows, bodies, strict=True)):
        content = json.dumps({"body": body})
        fenced = (content, f"```json\n{content}\n```", f"```\n{content}\n```", f"\n```JSON\n{content}\n```\n")
        said = {"$reply": {"content": fenced[number % 4]}}
        answers.append({"text": f"{row['text']}.", "answers": {"small": said}})
        row["text"] += "."

    async def scenario() -> None:
        async with Simulator(prices=PRICES, answers=answers) as sim:
            bench.provider(sim.url)
            ran = await bench.run(bench.step(Body), rows)
            assert (ran.summary.accepted, len(sim.requests())) == (150, 150)

    go(scenario())
    kept: dict[str, str] = dict(bench.ask("SELECT key, value FROM record"))
    assert [json.loads(kept[row["id"]])["body"] for row in rows] == bodies
    mended: dict[str, str] = dict(bench.ask("SELECT key, coalesce(mended, '') FROM record"))
    assert [("fence" in mended[row["id"]]) for row in rows] == [number % 4 > 0 for number in range(150)]


@pytest.mark.fault("B14")
def test_an_object_that_came_as_text_is_decoded_once(bench: Bench) -> None:
    """A common slip would be paid for twice."""
    found = go(asked(bench, bench.topics(), recorded(json.dumps(json.dumps(GOOD)))))
    assert len(found) == 1
    assert bench.ask("SELECT outcome, mended FROM record") == [("accepted", "double_encoding")]


class Quoted(BaseModel):
    """An answer that must be found in the record."""

    quote: str


@pytest.mark.fault("B20")
def test_what_the_record_does_not_hold_is_never_shipped(bench: Bench) -> None:
    """Answers that a model made up would be accepted. A third of the small model's are; the large one's are right.

    What no check can see is for the certificate, which bounds it.
    """
    rows = notes(90)
    answers = []
    for number, row in enumerate(rows):
        row["text"] = f"{row['text']}, yours"
        right = {"quote": f"number {number}, yours"}
        wrong = {"quote": f"number {number + 1}, yours"}
        answers.append(
            {"text": row["text"], "answers": {"small": wrong if number % 3 == 0 else right, "large": right}}
        )

    async def scenario() -> None:
        async with Simulator(prices=PRICES, answers=answers) as sim:
            bench.provider(sim.url)
            step = bench.step(Quoted, SMALL, LARGE)

            @step.check
            def quote_is_in_the_note(answer: Quoted, note: Note) -> None:
                if answer.quote not in note.text:
                    raise Fault("`quote` must be copied from the note")

            ran = await bench.run(step, rows)
            assert (ran.summary.accepted, ran.summary.escalated) == (90, 30)
            asked = [row.model for row in sim.requests()]
            assert (asked.count("small"), asked.count("large")) == (60 + 2 * 30, 30)

    go(scenario())
    for key, value in bench.ask("SELECT key, value FROM record"):
        assert json.loads(value) == {"quote": f"number {key.removeprefix('N-')}, yours"}
