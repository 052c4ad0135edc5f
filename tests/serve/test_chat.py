"""The door for any OpenAI client."""

import json
from typing import Any

import pytest
from tests.serve.counter import Counter, Said

TOOL = {"type": "function", "function": {"name": "final_result", "parameters": {"type": "object"}}}


PICTURED = [
    {"type": "text", "text": "what a day"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
]


def ask(counter: Counter, content: str, **more: Any) -> Said:
    """One chat completion."""
    messages = [{"role": "system", "content": "be kind"}, {"role": "user", "content": content}]
    return counter.call("POST", "/v1/chat/completions", {"model": "feel", "messages": messages, **more})


def test_a_step_is_a_model(shared: Counter) -> None:
    """A client would not find the step, or get another answer than the ledger's."""
    assert [one["id"] for one in shared.call("GET", "/v1/models").json["data"]] == ["feel", "twice"]
    said = ask(shared, json.dumps({"id": "c1", "text": "what a day"}))
    assert said.status == 200, said.body
    choice = said.json["choices"][0]
    assert (json.loads(choice["message"]["content"])["mood"], choice["finish_reason"]) == ("glad", "stop")
    assert said.json["roadworthy"]["key"] == "c1"
    assert said.json["usage"]["total_tokens"] > 0
    assert shared.call("GET", "/v1/records/c1").json["value"]["mood"] == "glad"


def test_a_plain_message_fills_the_only_text_field(shared: Counter) -> None:
    """A client that sends text would have to know the record's type, or pay twice for the same text."""
    first, again = ask(shared, "oh no"), ask(shared, "oh no")
    assert json.loads(first.json["choices"][0]["message"]["content"])["mood"] == "sad"
    assert first.json["id"] == again.json["id"]
    parts = [{"type": "text", "text": "oh no"}]
    messages = [{"role": "user", "content": parts}]
    listed = shared.call("POST", "/v1/chat/completions", {"model": "feel", "messages": messages})
    assert listed.json["id"] == first.json["id"]


def test_what_is_not_accepted_does_not_leave(shared: Counter) -> None:
    """A doubtful answer would reach a user as if it were one."""
    said = ask(shared, "hm")
    assert (said.status, said.json["error"]["code"]) == (422, "waiting_review")
    assert "sad" not in said.body.decode()


@pytest.mark.fault("E9")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"model": "nothing", "messages": [{"role": "user", "content": "x"}]}, 404),
        ({"model": "feel", "messages": []}, 400),
        ({"model": "feel", "messages": [{"role": "system", "content": "x"}]}, 400),
        ({"model": "feel", "messages": [{"role": "user", "content": "x"}], "n": 2}, 400),
        ({"model": "feel", "messages": [{"role": "user", "content": '{"id": "c9"}'}]}, 422),
        ([], 400),
        (
            {"model": "feel", "messages": [{"role": "user", "content": "x"}], "api_base": "http://a.invalid"},
            400,
        ),
        ({"model": "feel", "messages": [{"role": "user", "content": "x"}], "api_key": "sk-other"}, 400),
        ({"model": "feel", "messages": [{"role": "user", "content": PICTURED}]}, 422),
    ],
    ids=[
        *("no such model", "no messages", "no user", "two answers", "not a record", "a list"),
        *("another address", "another key", "a picture beside the text"),
    ],
)
def test_a_wrong_request_is_told_as_openai_tells_it(shared: Counter, body: object, status: int) -> None:
    """A client would meet an error that its SDK cannot read."""
    said = shared.call("POST", "/v1/chat/completions", body)
    assert said.status == status, said.body
    assert said.json["error"]["message"]
    assert said.json["error"]["type"] == "invalid_request_error"


def test_a_stream_is_one_burst_once_accepted(shared: Counter) -> None:
    """A client that streams would hang, or read something that was not accepted."""
    said = ask(shared, "what a day", stream=True, stream_options={"include_usage": True})
    assert said.headers["content-type"].startswith("text/event-stream")
    events = [line.removeprefix("data: ") for line in said.body.decode().split("\n\n") if line]
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])
    assert json.loads(text)["mood"] == "glad"
    assert chunks[1]["choices"][0]["finish_reason"] == "stop"
    assert set(chunks[2]["usage"]) == {"prompt_tokens", "completion_tokens", "total_tokens"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_answer_by_a_tool_call_where_the_client_wants_it_so(shared: Counter, stream: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Clients that take structured answers by tool calls would not understand this one."""
    said = ask(shared, "what a day", tools=[TOOL], tool_choice="required", stream=stream)
    if stream:
        first = json.loads(said.body.decode().split("\n\n")[0].removeprefix("data: "))
        call = first["choices"][0]["delta"]["tool_calls"][0]
    else:
        call = said.json["choices"][0]["message"]["tool_calls"][0]
    assert call["function"]["name"] == "final_result"
    assert json.loads(call["function"]["arguments"])["mood"] == "glad"


def test_a_token_with_another_message_is_not_tried_again(shared: Counter) -> None:
    """A client would try again and again what can never be taken, or get the answer to another question."""
    path, first = (
        "/v1/chat/completions",
        {"model": "feel", "messages": [{"role": "user", "content": "what a day"}]},
    )
    other = {"model": "feel", "messages": [{"role": "user", "content": "oh no"}]}
    assert shared.call("POST", path, first, Idempotency_Key="chat-1").status == 200
    assert shared.call("POST", path, first, Idempotency_Key="chat-1").status == 200
    refused = shared.call("POST", path, other, Idempotency_Key="chat-1")
    assert (refused.status, refused.headers["x-should-retry"]) == (409, "false")
    assert refused.json["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"model": "feel", "messages": []}, "messages is empty"),
        ({"model": "feel"}, "messages is missing"),
        ({"messages": [{"role": "user", "content": "x"}]}, "model is missing"),
        ({"model": "feel", "messages": [{"content": "x"}]}, "messages.0.role is missing"),
        ({"model": 7, "messages": [{"role": "user", "content": "x"}]}, "model: "),
        ([], "is no JSON object"),
    ],
)
def test_a_wrong_request_is_told_without_the_words_of_a_library(
    shared: Counter, body: object, told: str
) -> None:
    """A caller would read of our classes, and of a page that says nothing about chat completions."""
    said = shared.call("POST", "/v1/chat/completions", body)
    message = said.json["error"]["message"]
    assert (said.status, told in message) == (400, True), message
    assert "_Asked" not in message
    assert "pydantic" not in message
    assert "Send " in message, "what to do"


def test_a_client_can_look_one_model_up(shared: Counter) -> None:
    """A client that looks its model up before it asks, as OpenAI's can, would take the step for missing."""
    listed = shared.call("GET", "/v1/models").json["data"]
    assert [shared.call("GET", f"/v1/models/{one['id']}").json for one in listed] == listed
    missing = shared.call("GET", "/v1/models/nobody")
    assert missing.status == 404
    assert "feel" in missing.json["detail"]
