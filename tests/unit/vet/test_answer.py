"""Which answer a request gets, asked of the simulator directly: what it does needs no socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from roadworthy.vet.exchange import Request, Response
from roadworthy.vet.simulator import Simulator

TEXT = "Where is my card? It said 5 days."
ANSWER = {"queue": "shipping", "urgency": 3}
ROWS = [{"id": "T-1", "text": TEXT, "answers": {"gpt-4": ANSWER, "gpt-3.5": "shipping"}}]
SCHEMA = {
    "type": "object",
    "properties": {
        "queue": {"type": "string", "enum": ["billing", "shipping"]},
        "urgency": {"type": "integer", "minimum": 1},
        "quote": {"type": "string"},
    },
}


def send(simulator: Simulator, text: str = TEXT, *, number: int = 0, **more: object) -> Response:
    """The response to a question; `number` makes its body another one."""
    said = {
        "model": "gpt-4",
        "messages": [{"role": "system", "content": str(number)}, {"role": "user", "content": text}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}},
        **more,
    }
    return simulator.handle(Request(b"POST", b"/v1/chat/completions", b"", json.dumps(said).encode()))


def choice(response: Response) -> Any:
    """The one choice of a response."""
    return json.loads(response.body)["choices"][0]


def test_turns_follow_the_different_bodies_of_a_question() -> None:
    """A re-ask would get the answer that it was meant to mend."""
    cut = {"$reply": {"content": '{"queue": "ship', "finish_reason": "length"}}
    rows = [{"id": "T-1", "text": TEXT, "answers": {"gpt-4": {"$turns": [cut, ANSWER]}}}]
    simulator = Simulator(answers=rows)
    finishes = [choice(send(simulator, number=number))["finish_reason"] for number in (0, 0, 1, 0, 2)]
    assert finishes == ["length", "length", "stop", "length", "stop"]
    assert [row.turn for row in simulator.requests()] == [0, 0, 1, 0, 2]


def test_a_reply_is_kept_word_for_word() -> None:
    """A recorded refusal would be replayed as an answer."""
    reply = {"content": None, "refusal": "I cannot."}
    simulator = Simulator(answers=[{"text": TEXT, "answers": {"gpt-4": {"$reply": reply}}}])
    assert choice(send(simulator))["message"] == {"role": "assistant", **reply}


def test_the_output_cap_cuts_and_says_so() -> None:
    """A client whose cap is too small would never see a truncated answer, or pay for more than it allowed."""
    for older in (False, True):
        simulator = Simulator(answers=ROWS)
        cut = choice(send(simulator, max_tokens=5) if older else send(simulator, max_completion_tokens=5))
        assert (cut["finish_reason"], len(cut["message"]["content"])) == ("length", 16)
        assert simulator.bill().total.output_tokens == 5


def test_an_unrecorded_question_gets_an_answer_that_its_schema_allows() -> None:
    """An app without a recording could not be run at all."""
    said = choice(send(Simulator(), "nobody recorded this"))["message"]["content"]
    assert json.loads(said) == {"queue": "billing", "urgency": 1, "quote": "text"}
    said = choice(send(Simulator(default_answer="so it is"), "nobody recorded this"))["message"]["content"]
    assert said == "so it is"


def test_a_request_may_be_answered_as_another_model_did() -> None:
    """Recorded answers of one model could not stand in for a ladder of others, or would be billed at its price."""
    simulator = Simulator(answers=ROWS, aliases={"gpt-5-nano": "gpt-4"}, prices={"gpt-4": "1,1"})
    response = send(simulator, model="gpt-5-nano")
    assert json.loads(choice(response)["message"]["content"]) == ANSWER
    assert json.loads(response.body)["model"] == "gpt-5-nano"
    assert simulator.bill().models["gpt-5-nano"].cost_usd is None
    assert simulator.bill().total.cost_usd is None, "an unknown price is never zero"


def test_a_bare_label_is_wrapped_when_asked() -> None:
    """A set of recorded labels could not answer an app that wants JSON."""
    assert choice(send(Simulator(answers=ROWS), model="gpt-3.5"))["message"]["content"] == "shipping"
    wrapped = choice(send(Simulator(answers=ROWS, wrap="queue"), model="gpt-3.5"))["message"]["content"]
    assert wrapped == '{"queue":"shipping"}'


def test_log_probabilities_average_to_the_recorded_one() -> None:
    """Confidence from tokens could not be tested against a known value."""
    reply = {"content": "shipping", "token_probability": 0.5}
    simulator = Simulator(answers=[{"text": TEXT, "answers": {"gpt-4": {"$reply": reply}}}])
    tokens = choice(send(simulator, logprobs=True))["logprobs"]["content"]
    assert "".join(token["token"] for token in tokens) == "shipping"
    assert all(abs(token["logprob"] - -0.6931471805599453) < 1e-12 for token in tokens)


def test_a_stream_brings_the_log_probabilities_of_its_words() -> None:
    """An app that streams and asks people by the tokens' probability would have all its answers wait for a person."""
    simulator = Simulator(answers=ROWS, seed=3)
    whole = choice(send(simulator, logprobs=True))
    events = send(simulator, logprobs=True, stream=True).body.split(b"\n\n")
    chunks = [json.loads(event.removeprefix(b"data: ")) for event in events if event.startswith(b"data: {")]
    found = [one["choices"][0] for one in chunks if one["choices"]]
    tokens = [token["token"] for one in found if one["logprobs"] for token in one["logprobs"]["content"]]
    assert tokens == [token["token"] for token in whole["logprobs"]["content"]]
    assert "".join(one["delta"].get("content") or "" for one in found) == whole["message"]["content"]


def test_every_dialect_that_has_log_probabilities_gives_them_where_they_are_asked_for() -> None:
    """Confidence from tokens could be tested with OpenAI's chat alone, and would be missing from other apps' road tests."""
    reply = {"content": "shipping", "token_probability": 0.5}
    simulator = Simulator(answers=[{"text": TEXT, "answers": {"gpt-4": {"$reply": reply}}}])

    def asked(path: bytes, said: Mapping[str, object]) -> dict[str, Any]:
        answered: dict[str, Any] = json.loads(
            simulator.handle(Request(b"POST", path, b"", json.dumps(said).encode())).body
        )
        return answered

    plain: dict[str, object] = {"model": "gpt-4", "input": [{"role": "user", "content": TEXT}]}
    (part,) = asked(b"/v1/responses", plain)["output"][0]["content"]
    assert part["logprobs"] == []
    (part,) = asked(b"/v1/responses", {**plain, "include": ["message.output_text.logprobs"]})["output"][0][
        "content"
    ]
    assert "".join(token["token"] for token in part["logprobs"]) == "shipping"
    assert {round(token["logprob"], 6) for token in part["logprobs"]} == {-0.693147}
    contents = {"contents": [{"role": "user", "parts": [{"text": TEXT}]}]}
    place = b"/v1beta/models/gpt-4:generateContent"
    assert "avgLogprobs" not in asked(place, {**contents})["candidates"][0]
    wanted = {**contents, "generationConfig": {"responseLogprobs": True}}
    assert round(asked(place, wanted)["candidates"][0]["avgLogprobs"], 6) == -0.693147


def test_log_probabilities_are_the_same_each_time() -> None:
    """A threshold on confidence would decide differently on the same bytes."""
    simulator = Simulator(answers=ROWS, seed=3)
    first, again = (choice(send(simulator, logprobs=True))["logprobs"]["content"] for _ in range(2))
    assert first == again
    assert len({token["logprob"] for token in first}) > 1


def test_the_last_message_of_the_user_decides() -> None:
    """An example in an earlier message would be taken for the question."""
    simulator = Simulator(
        answers=[*ROWS, {"id": "T-2", "text": "Another ticket", "answers": {"gpt-4": "other"}}]
    )
    messages = [
        {"role": "user", "content": "Another ticket"},
        {"role": "assistant", "content": "other"},
        {"role": "user", "content": [{"type": "text", "text": "Sort:"}, {"type": "text", "text": TEXT}]},
    ]
    assert json.loads(choice(send(simulator, messages=messages))["message"]["content"]) == ANSWER
    assert simulator.requests()[0].question == "T-1"


def test_an_escaped_record_finds_its_answer() -> None:
    """A client that sends its record as JSON would get made-up answers."""
    text = 'He said "no" \u2014\nthen é left'
    simulator = Simulator(answers=[{"id": "q", "text": text, "answers": {"gpt-4": "x"}}])
    for form in (text, json.dumps({"body": text}), json.dumps({"body": text}, ensure_ascii=False)):
        send(simulator, form)
    assert [row.question for row in simulator.requests()] == ["q", "q", "q"]


def test_content_faults_do_not_depend_on_who_asked_before() -> None:
    """After a crash the same request would be answered differently, and what was paid for could not be compared."""
    bodies = range(200)
    whole, resumed = (Simulator(answers=ROWS, seed=5, faults="fenced=0.3,empty=0.3") for _ in range(2))
    first = [choice(send(whole, number=number))["message"] for number in bodies]
    second = [choice(send(resumed, number=number))["message"] for number in reversed(bodies)]
    assert first == second[::-1]
    assert (
        90 < sum(message["content"] != json.dumps(ANSWER, separators=(",", ":")) for message in first) < 150
    )


def test_the_models_are_listed() -> None:
    """A client that asks which models there are would find none."""
    simulator = Simulator(answers=ROWS, aliases={"small": "gpt-4"})
    listed = json.loads(simulator.handle(Request(b"GET", b"/v1/models", b"", b"")).body)
    assert [model["id"] for model in listed["data"]] == ["gpt-3.5", "gpt-4", "small"]
    assert simulator.handle(Request(b"GET", b"/v1/models/gpt-3.5", b"", b"")).status == 200
    assert simulator.handle(Request(b"GET", b"/v1/models/none", b"", b"")).status == 404
