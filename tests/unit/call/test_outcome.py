"""The classifier in its corners: every code and status of its tables, and what an outcome carries beside its ending."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy._secret import Secret
from roadworthy.call.reply import Ending, Exchange, Outcome, Usage
from roadworthy.call.wire.anthropic import AnthropicMessages
from roadworthy.call.wire.error import as_name, one_line
from roadworthy.call.wire.gemini import GeminiContent
from roadworthy.call.wire.openai_chat import OpenAIChat
from roadworthy.call.wire.openai_responses import OpenAIResponses
from roadworthy.call.wire.stream import Stream
from roadworthy.call.wire.wire import Wire

E = Ending
JSON = {"content-type": "application/json"}
CODES = {
    E.QUOTA: "insufficient_quota credit_balance_exhausted billing_hard_limit billing_hard_limit_reached "
    "billing_not_active billing_error enforced_spend_limit_reached contract_spend_limit_reached "
    "linked_organization_spend_limit_reached linked_organization_billing_unavailable user_profile_not_billable "
    "BILLING_DISABLED ServiceQuotaExceededException",
    E.TOO_LONG: "context_length_exceeded string_above_max_length request_too_large "
    "request_body_too_large_after_decoding",
    E.FILTERED: "content_filter content_policy_violation ResponsibleAIPolicyViolation invalid_prompt bio_policy "
    "misalignment_policy_violation image_content_policy_violation",
    E.AUTH: "invalid_api_key authentication_error account_deactivated permission_error organization_on_hold "
    "PERMISSION_DENIED UNAUTHENTICATED API_KEY_INVALID CONSUMER_SUSPENDED SERVICE_DISABLED AccessDeniedException "
    "UnrecognizedClientException ExpiredTokenException InvalidSignatureException IncompleteSignatureException "
    "MissingAuthenticationTokenException",
    E.GONE: "model_not_found model_deprecated DeploymentNotFound NOT_FOUND ResourceNotFoundException",
    E.THROTTLED: "rate_limit_exceeded rate_limit_error slow_down ramp_limit_exceeded RESOURCE_EXHAUSTED "
    "ThrottlingException",
    E.TRANSIENT: "overloaded_error api_error server_is_overloaded timeout_error ModelNotReadyException "
    "ModelTimeoutException ModelErrorException ModelStreamErrorException InternalServerException "
    "ServiceUnavailableException vector_store_timeout",
}
STATUSES = {
    E.GONE: (301, 308, 404, 410),
    E.AUTH: (401, 403),
    E.QUOTA: (402,),
    E.TOO_LONG: (413,),
    E.THROTTLED: (429,),
    E.TRANSIENT: (300, 302, 303, 307, 408, 409, 424, 425, 499, 500, 503, 599),
    E.BAD_REQUEST: (400, 405, 406, 411, 415, 422, 426, 431, 498),
}


def read(wire: Wire, status: int, said: object, headers: dict[str, str] = JSON) -> Outcome:
    """What a wire format makes of a body."""
    body = said if isinstance(said, bytes) else orjson.dumps(said)
    return wire.read(Exchange(status, headers, body), 0.0)


@pytest.mark.parametrize(
    ("ending", "code"), [(e, code) for e, codes in CODES.items() for code in codes.split()]
)
def test_each_code_is_believed_before_its_status(ending: Ending, code: str) -> None:
    """A code of one provider would be read as a bad request: a spend limit asked again, a dead key kept in use."""
    status = 400 if ending is not E.BAD_REQUEST else 500
    assert read(OpenAIChat(), status, {"error": {"code": code}}).ending is ending


@pytest.mark.parametrize(
    ("ending", "status"), [(e, status) for e, found in STATUSES.items() for status in found]
)
def test_each_status_is_read_where_no_code_tells(ending: Ending, status: int) -> None:
    """A gateway that sends a bare status would have the request given up, or asked again for ever."""
    assert read(OpenAIChat(), status, {}).ending is ending


@pytest.mark.parametrize("field", ["code", "type", "status", "error_code", "reason", "__type"])
@pytest.mark.parametrize("place", ["", "innererror", "details"])
def test_a_code_is_found_wherever_a_provider_puts_it(field: str, place: str) -> None:
    """A throttled request would be given up because its code stands one level deeper, or behind a namespace."""
    code = {field: "com.amazonaws#ThrottlingException:http://x/"}
    error = {"message": "no", **({place: code} if place else code)}
    assert read(OpenAIChat(), 400, {"error": error}).ending is E.THROTTLED


@pytest.mark.parametrize("metadata", [{"flagged_input": "x"}, {"reasons": ["y"]}])
def test_a_flagged_input_is_filtered_by_either_sign(metadata: dict[str, Any]) -> None:
    """One record that a moderator dislikes would close the lane as if the key were wrong."""
    assert read(OpenAIChat(), 403, {"error": {"code": 403, "metadata": metadata}}).ending is E.FILTERED
    assert read(OpenAIChat(), 403, {"error": {"code": 403, "metadata": {}}}).ending is E.AUTH
    assert read(OpenAIChat(), 400, {"error": {"code": 400, "metadata": metadata}}).ending is E.BAD_REQUEST


NO_CREDIT = {
    "type": "error",
    "error": {
        "type": "invalid_request_error",
        "message": "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.",
    },
}
TOO_LARGE = {
    "message": "Request too large for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30000, Requested 30601.",
    "type": "tokens",
    "code": "rate_limit_exceeded",
}


def test_an_account_without_credit_is_no_bad_request() -> None:
    """Every record of a run would go to a person because an account ran dry, instead of waiting until it is filled."""
    assert read(AnthropicMessages(), 400, NO_CREDIT).ending is E.QUOTA
    quoted = {
        "type": "invalid_request_error",
        "message": 'messages: "Your credit balance is too low" is no role',
    }
    assert read(AnthropicMessages(), 400, {"error": quoted}).ending is E.BAD_REQUEST


def test_a_request_that_no_minute_has_room_for_is_too_long() -> None:
    """One long record would be sent for ever, and slow its lane down for all others each time."""
    assert read(OpenAIChat(), 429, {"error": TOO_LARGE}).ending is E.TOO_LONG
    reached = TOO_LARGE | {
        "message": "Rate limit reached for gpt-4o: Limit 30000, Used 29000, Requested 2000."
    }
    assert read(OpenAIChat(), 429, {"error": reached}).ending is E.THROTTLED
    assert read(OpenAIChat(), 413, {"error": reached}).ending is E.TOO_LONG, "as Groq says it"


def test_a_code_inside_a_success_is_a_status_only_in_its_range() -> None:
    """A server's own numbering would be taken for HTTP's."""
    for code, ending in ((399, E.TRANSIENT), (400, E.BAD_REQUEST), (499, E.TRANSIENT), (401, E.AUTH)):
        assert read(OpenAIChat(), 200, {"error": {"code": code, "message": "no"}}).ending is ending
    assert "HTTP 500" in read(OpenAIChat(), 200, {"error": {"code": 600, "message": "no"}}).detail


def test_a_line_for_a_person_holds_the_words_and_nothing_else() -> None:
    """`roadworthy why` would show an object's inside, or where it came from would be missing."""
    assert read(OpenAIChat(), 400, {"error": {"code": "x", "message": {"a": 1}}}).detail == "HTTP 400 x"
    assert read(OpenAIChat(), 400, {"error": {"code": "x", "message": "no"}}).detail == "HTTP 400 x: no"
    assert (
        read(OpenAIChat(), 200, {"error": {"code": 400, "message": "no"}}).detail
        == "inside a 200: HTTP 400 400: no"
    )
    assert one_line("sk-abcdef") == one_line("sk-abcdef123456") == one_line("Bearer abcdef123456") == "***"


def test_a_name_that_becomes_secret_is_no_name_any_more() -> None:
    """A key that a provider says back as its model's name would be kept, because the name was looked at before."""
    name = "once-a-name-now-a-password"
    assert as_name(name) == as_name(name) == name
    held = Secret(name)
    assert as_name(name) == as_name(held.reveal()) == "***"


PIECES = ("sk", "gsk", "AIza", "KEY", "hf", "nvapi", "-", "_", "\u017f", "\u212a", "0123456", "é", "~")


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_what_is_looked_at_quickly_reads_the_same(text: str) -> None:
    """A key in what looks like a plain name would be shown, or a name would be cut that is none."""
    assert one_line(text) == one_line(f" {text}")


@pytest.mark.parametrize(
    ("status", "kind", "body", "ending"),
    [
        (403, "text/plain", b"\n <!doctype html><p>no</p>", E.TRANSIENT),
        (403, "Text/HTML", b"no", E.TRANSIENT),
        (403, "text/plain", b"no", E.AUTH),
        (400, "text/html", b'{"detail":"no"}', E.BAD_REQUEST),
        (301, "text/html", b"<p>moved</p>", E.GONE),
        (429, "text/html", b"<p>slow</p>", E.THROTTLED),
        (
            300,
            "application/json",
            b'{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}',
            E.TRANSIENT,
        ),
    ],
)
def test_a_page_is_told_by_its_type_or_its_first_letter(
    status: int, kind: str, body: bytes, ending: Ending
) -> None:
    """A gateway's page would close the lane, or a provider's answer pass for a page."""
    assert read(OpenAIChat(), status, body, {"content-type": kind}).ending is ending


def test_an_error_that_reports_usage_keeps_it() -> None:
    """What a failed request was billed would be free in the ledger."""
    said = {"error": {"code": 502, "message": "no"}, "usage": {"prompt_tokens": 10, "completion_tokens": 5}}
    assert read(OpenAIChat(), 200, said).usage == Usage(10, 5)
    assert read(OpenAIChat(), 502, said).usage == Usage(10, 5)


@pytest.mark.parametrize(
    ("finish", "ending"),
    [
        *((word, E.OK) for word in ("stop", "end_turn", "eos", "eos_token", "stop_sequence", "STOP")),
        *((word, E.TRUNCATED) for word in ("length", "max_tokens", "max_output_tokens", "model_length")),
        ("model_context_window_exceeded", E.TRUNCATED),
        *((word, E.FILTERED) for word in ("sensitive", "content_filtered", "guardrail_intervened")),
        *((word, E.FILTERED) for word in ("content_filter", "safety", "recitation", "blocklist")),
        *((word, E.FILTERED) for word in ("prohibited_content", "spii")),
        *((word, E.EMPTY) for word in ("tool_calls", "function_call", "tool_use")),
        ("refusal", E.REFUSED),
        ("floobarp", E.UNKNOWN),
    ],
)
def test_each_finish_reason_of_chat_completions_has_its_ending(finish: str, ending: Ending) -> None:
    """One gateway's word for a cut answer would let half of it pass, or its word for the end have it paid again."""
    said = {"choices": [{"message": {"content": "x"}, "finish_reason": finish}]}
    assert read(OpenAIChat(), 200, said).ending is ending


@pytest.mark.parametrize(
    ("finish", "ending"),
    [
        *(
            (word, E.FILTERED)
            for word in ("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT")
        ),
        *((word, E.FILTERED) for word in ("SPII", "MODEL_ARMOR")),
        *(
            (word, E.EMPTY)
            for word in ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS")
        ),
    ],
)
def test_each_finish_reason_of_gemini_has_its_ending(finish: str, ending: Ending) -> None:
    """What Google holds back would be tried again and again, each try billed."""
    said = {"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": finish}]}
    assert read(GeminiContent("v1/"), 200, said).ending is ending


CHAT_USED = {"prompt_tokens": 1, "completion_tokens": 1}
UNFINISHED: list[tuple[Wire, dict[str, Any]]] = [
    (OpenAIChat(), {"choices": [{"message": {"content": "x"}}], "usage": CHAT_USED}),
    (OpenAIResponses(), {"status": "in_progress", "usage": {"input_tokens": 1, "output_tokens": 1}}),
    (AnthropicMessages(), {"stop_reason": "pause_turn", "usage": {"input_tokens": 1, "output_tokens": 1}}),
    (
        GeminiContent("v1/"),
        {"candidates": [{"finishReason": "OTHER"}], "usageMetadata": {"promptTokenCount": 1}},
    ),
]


@pytest.mark.parametrize(("wire", "said"), UNFINISHED)
def test_an_unfinished_answer_costs_what_it_reports_else_its_reservation(
    wire: Wire, said: dict[str, Any]
) -> None:
    """An answer without its end would be charged at the worst case beside a known price, or be free without one."""
    assert read(wire, 200, said).ending is E.TRANSIENT
    without = {name: value for name, value in said.items() if name not in {"usage", "usageMetadata"}}
    assert read(wire, 200, without).ending is E.UNKNOWN


def test_what_chat_completions_refuse_or_filter_says_why() -> None:
    """A person would see that an answer was held back, and not for what; or the model's own words would be lost."""
    filtered = {"hate": {"filtered": True}, "violence": {"filtered": False}, "odd": 1}
    choice = {
        "message": {"content": ""},
        "finish_reason": "content_filter",
        "content_filter_results": filtered,
    }
    assert read(OpenAIChat(), 200, {"choices": [choice]}).detail == "held back by the content filter: hate"
    del choice["content_filter_results"]
    assert read(OpenAIChat(), 200, {"choices": [choice]}).detail == "held back by the content filter"
    said = read(OpenAIChat(), 200, {"choices": [{"message": {"content": "No."}, "finish_reason": "refusal"}]})
    assert (said.text, said.detail) == ("No.", "the model refused")
    parts = [{"type": "refusal", "refusal": "I can"}, {"type": "refusal", "refusal": "not."}]
    said = read(OpenAIChat(), 200, {"choices": [{"message": {"content": parts}, "finish_reason": "stop"}]})
    assert (said.ending, said.text, said.detail) == (E.REFUSED, "I cannot.", "I cannot.")
    message = {"content": "half", "refusal": "I cannot."}
    assert (
        read(OpenAIChat(), 200, {"choices": [{"message": message, "finish_reason": "stop"}]}).text
        == "I cannot."
    )
    assert (
        read(OpenAIChat(), 200, {"choices": [{"message": {"content": "x"}, "finish_reason": 7}]}).finish == ""
    )


def test_responses_carry_what_the_ledger_keeps() -> None:
    """A row would lack the model that answered, the reason, or the id that a support desk asks for."""
    logprobs = [{"logprob": -0.1}, {"logprob": -0.3}]
    commentary = {
        "type": "message",
        "phase": "commentary",
        "content": [{"type": "output_text", "text": "hm"}],
    }
    content = [
        {"type": "output_text", "text": "a", "logprobs": logprobs},
        {"type": "output_text", "text": "b"},
    ]
    said = {
        "id": "resp_1",
        "model": "m-1",
        "status": "completed",
        "output": [{"type": "reasoning"}, commentary, {"type": "message", "content": content}],
    }
    outcome = read(OpenAIResponses(), 200, said, {"x-request-id": "req_1"})
    assert (outcome.ending, outcome.text, outcome.finish) == (E.OK, "ab", "completed")
    assert (outcome.served_model, outcome.provider_id) == ("m-1", "resp_1")
    assert outcome.token_probability == pytest.approx(0.8187307)
    del said["id"]
    assert read(OpenAIResponses(), 200, said, {"x-request-id": "req_1"}).provider_id == "req_1"
    cut = {**said, "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    assert read(OpenAIResponses(), 200, cut).finish == "max_output_tokens"
    odd = {**said, "status": "incomplete", "incomplete_details": {"reason": ["x"]}}
    assert read(OpenAIResponses(), 200, odd).finish == "incomplete"


def test_responses_that_hold_no_answer_say_why() -> None:
    """A refusal's own words would be lost, or nobody could tell what came instead of an answer."""
    content = [{"type": "output_text", "text": "half"}, {"type": "refusal", "refusal": "No."}]
    refused = {"status": "completed", "output": [{"type": "message", "content": content}]}
    outcome = read(OpenAIResponses(), 200, refused)
    assert (outcome.ending, outcome.text, outcome.detail) == (E.REFUSED, "No.", "No.")
    calls = {
        "status": "completed",
        "output": [{"type": "reasoning"}, {"type": "web"}, {"type": "function_call"}],
    }
    assert read(OpenAIResponses(), 200, calls).detail == "function_call, web instead of an answer"
    bare = {"status": "completed", "output": [{"type": "reasoning"}, {"type": "message", "content": []}]}
    assert read(OpenAIResponses(), 200, bare).detail == "no text"
    silent = {"status": "failed", "error": None}
    assert read(OpenAIResponses(), 200, silent).detail.endswith("the response failed and does not say why")


def test_messages_carry_what_the_ledger_keeps() -> None:
    """A row would lack the model that answered, or a refusal its grounds."""
    said: dict[str, Any] = {
        "id": "msg_1",
        "model": "m-1",
        "content": [{"type": "thinking", "text": "hm"}, {"type": "text", "text": "x"}],
        "stop_reason": "end_turn",
    }
    outcome = read(AnthropicMessages(), 200, said, {"request-id": "req_1"})
    assert (outcome.text, outcome.finish, outcome.served_model, outcome.provider_id) == (
        "x",
        "end_turn",
        "m-1",
        "msg_1",
    )
    assert (
        read(AnthropicMessages(), 200, {**said, "id": None}, {"request-id": "req_1"}).provider_id == "req_1"
    )
    refused = {"stop_reason": "refusal", "content": []}
    assert read(AnthropicMessages(), 200, refused).ending is E.REFUSED
    assert read(AnthropicMessages(), 200, refused).detail == "the model refused"
    refused["stop_details"] = {"category": "cyber", "explanation": "no exploits"}  # type: ignore[assignment] # a body
    assert read(AnthropicMessages(), 200, refused).detail == "cyber: no exploits"
    assert read(AnthropicMessages(), 200, {"stop_reason": "max_tokens"}).ending is E.TRUNCATED
    assert (
        read(AnthropicMessages(), 200, {**said, "content": [{"type": "text", "text": " "}]}).ending is E.EMPTY
    )


def test_gemini_carries_what_the_ledger_keeps() -> None:
    """A row would lack the model that answered, or a blocked prompt the word for it."""
    parts = [{"text": "a", "thought": False}, {"text": "hm", "thought": True}, {"text": "b"}]
    said: dict[str, Any] = {
        "responseId": "r-1",
        "modelVersion": "m-1",
        "candidates": [{"content": {"parts": parts}, "finishReason": "STOP", "avgLogprobs": -0.2}],
    }
    outcome = read(GeminiContent("v1/"), 200, said, {"x-request-id": "req_1"})
    assert (outcome.text, outcome.finish, outcome.served_model, outcome.provider_id) == (
        "ab",
        "STOP",
        "m-1",
        "r-1",
    )
    assert outcome.token_probability == pytest.approx(0.8187307)
    del said["responseId"]
    assert read(GeminiContent("v1/"), 200, said, {"x-request-id": "req_1"}).provider_id == "req_1"
    blocked = read(GeminiContent("v1/"), 200, {"promptFeedback": {"blockReason": "SAFETY"}})
    assert (blocked.finish, blocked.detail) == ("SAFETY", "the prompt was blocked: SAFETY")
    said["candidates"][0]["content"] = {"parts": [{"text": " "}]}
    assert read(GeminiContent("v1/"), 200, said).ending is E.EMPTY


def streamed(lines: bytes, error: str = "", detail: str = "", **headers: str) -> Outcome:
    """What chat completions make of a stream."""
    wire = OpenAIChat()
    stream = Stream(wire.assembly(), 10_000)
    kind = {
        "content-type": "text/event-stream",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    assert stream.accepts(200, kind)
    stream.hear(lines)
    return wire.read_stream(Exchange(200, kind, b"", error, detail), stream, 0.0)


def test_a_stream_is_whole_by_its_mark_or_by_its_end_and_finish_reason() -> None:
    """A server that sends no last mark would never be believed, or a line cut right before it would be."""
    chunk = b'data: {"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n'
    assert streamed(chunk).ending is E.OK
    assert streamed(chunk, error="cut").ending is E.UNKNOWN
    assert streamed(chunk + b"data: [DONE]\n\n", error="cut").ending is E.OK
    assert streamed(chunk.replace(b'"stop"', b"null")).ending is E.UNKNOWN
    assert streamed(chunk + b"data: rubbish\n\n").ending is E.UNKNOWN


def test_a_broken_stream_says_how_it_broke() -> None:
    """Nobody could tell a provider that stopped in the middle from a line that was cut."""
    begun = b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'
    assert streamed(begun).detail == "the stream broke off: no terminal marker"
    assert streamed(begun, "reset").detail == "the stream broke off: reset"
    assert streamed(begun, "reset", "by peer").detail == "the stream broke off: by peer"
    assert (
        streamed(begun + b"data: x\n\n", "reset").detail == "the stream broke off: an event that is not JSON"
    )


def test_an_error_in_a_stream_keeps_the_wait_that_it_asks_for() -> None:
    """A throttled stream would be opened again at once; one that had begun would pass for free."""
    error = b'data: {"error":{"code":429,"message":"no"}}\n\n'
    found = streamed(error, retry_after="7", x_request_id="req_1")
    assert (found.ending, found.retry_after_s, found.provider_id) == (E.THROTTLED, 7, "req_1")
    begun = b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'
    assert streamed(begun + error, retry_after="7").ending is E.UNKNOWN
    assert streamed(begun + error.replace(b"429", b"401")).ending is E.AUTH
