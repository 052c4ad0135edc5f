"""Each wire format by itself: what a request says, and the codes of each provider by which an error is told."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import BaseModel, Field

from roadworthy.accept.record import Json
from roadworthy.ask.question import Message, Question
from roadworthy.ask.schema import compile_schema
from roadworthy.call.limits import read_limits
from roadworthy.call.model import Model
from roadworthy.call.reply import Ending, Exchange, Usage
from roadworthy.call.tokens import was_cut
from roadworthy.call.wire.anthropic import AnthropicMessages, VertexAnthropic
from roadworthy.call.wire.converse import BedrockConverse
from roadworthy.call.wire.gemini import GeminiContent
from roadworthy.call.wire.openai_chat import OpenAIChat
from roadworthy.call.wire.openai_embeddings import OpenAIEmbeddings
from roadworthy.call.wire.openai_responses import OpenAIResponses
from roadworthy.call.wire.wire import Terms, Wire, Wording

E = Ending


class Answer(BaseModel):
    """What must come out."""

    urgency: int = Field(ge=1, le=5)
    code: str = Field(pattern="^[A-Z]+$")


SCHEMA = compile_schema(Answer)
ASKED = Question("v", b"f", (Message("system", "Sort it."), Message("user", "Card lost.")))


def body(wire: Wire, model: Model, question: Question = ASKED, **more: Any) -> dict[str, Any]:
    """The request as the provider reads it."""
    again = more.pop("again", "")
    wording = Wording(wire, Terms("m", model, SCHEMA, **{"output_cap": 64, **more}))
    found: dict[str, Any] = orjson.loads(orjson.dumps(wording.body(question, again)))
    return found


def test_anthropic_is_asked_as_it_documents() -> None:
    """The provider would refuse the request, or ignore what its schema cannot say."""
    said = body(
        AnthropicMessages(),
        Model("anthropic:m", extra={"output_config": {"effort": "low"}}),
        again="Mend it.",
    )
    assert said["output_config"]["effort"] == "low"
    schema = said["output_config"]["format"]["schema"]
    assert schema["properties"] == {"urgency": {"type": "integer"}, "code": {"type": "string"}}
    assert said["system"] == (
        "Sort it.\n\nMore rules for the fields of the answer:\n- `urgency`: at most 5\n- `urgency`: at least 1\n"
        "- `code`: matches the regular expression ^[A-Z]+$"
    )
    assert said["messages"] == [{"role": "user", "content": "Card lost.\n\nMend it."}]
    assert (said["max_tokens"], said["model"]) == (64, "m")


def test_gemini_is_asked_as_it_documents() -> None:
    """The provider would refuse the request, or answer without a cap."""
    extra: dict[str, Json] = {"generationConfig": {"thinkingConfig": {"thinkingLevel": "low"}}}
    said = body(GeminiContent("v1/"), Model("gemini:m", temperature=0.5, extra=extra), logprobs=True)
    config = said["generationConfig"]
    assert config.pop("responseJsonSchema")["properties"]["urgency"] == {
        "minimum": 1,
        "maximum": 5,
        "type": "integer",
    }
    assert config == {
        "maxOutputTokens": 64,
        "responseMimeType": "application/json",
        "temperature": 0.5,
        "responseLogprobs": True,
        "thinkingConfig": {"thinkingLevel": "low"},
    }
    assert "regular expression" in said["systemInstruction"]["parts"][0]["text"]


def test_bedrock_is_asked_as_it_documents() -> None:
    """The provider would refuse the request."""
    said = body(BedrockConverse(), Model("bedrock:m", temperature=0.5))
    assert said["inferenceConfig"] == {"maxTokens": 64, "temperature": 0.5}
    inner = said["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert orjson.loads(inner["schema"])["required"] == ["urgency", "code"]


def test_vertex_is_told_the_version_in_the_body() -> None:
    """Vertex would refuse a request that names its model twice and its version nowhere."""
    said = body(VertexAnthropic(), Model("vertex:claude-m"))
    assert said["anthropic_version"] == "2026-10-21"
    assert "model" not in said
    old = body(VertexAnthropic(), Model("vertex:claude-m", temperature=0.1))
    assert old["anthropic_version"] == "vertex-2023-10-16"


def test_the_pinned_question_is_the_same_whatever_models_a_ladder_has() -> None:
    """Adding a model to a ladder would ask every record anew."""
    before = ASKED
    for wire, name in ((AnthropicMessages(), "anthropic:m"), (OpenAIChat(), "openai:m")):
        body(wire, Model(name))
    assert before == ASKED
    assert "urgency" not in body(OpenAIChat(), Model("openai:m"))["messages"][0]["content"]


def test_a_dialects_words_need_no_system_message() -> None:
    """A prompt without instructions would lose what the schema cannot say."""
    bare = Question("v", b"f", (Message("user", "Is it?"),))
    assert "at least 1" in body(AnthropicMessages(), Model("anthropic:m"), bare)["system"]
    said = body(OpenAIChat(), Model("openai:m", structured=False), bare)["messages"]
    assert [message["role"] for message in said] == ["system", "user"]
    assert "meets this JSON Schema" in said[0]["content"]


def google(code: int, status: str, *details: dict[str, Any]) -> dict[str, Any]:
    """An error of google.rpc."""
    return {"error": {"code": code, "message": "no", "status": status, "details": list(details)}}


def claude(kind: str, code: str = "") -> dict[str, Any]:
    """An error of Anthropic."""
    details = {"details": {"error_code": code}} if code else {}
    return {"type": "error", "error": {"type": kind, "message": "no", **details}, "request_id": "r"}


RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "59s"}
DAY = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
}
MINUTE = {**DAY, "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}]}
ERRORS: list[tuple[Wire, int, dict[str, Any], dict[str, str], Ending, float | None]] = [
    (AnthropicMessages(), 400, claude("invalid_request_error"), {}, E.BAD_REQUEST, None),
    (AnthropicMessages(), 401, claude("authentication_error"), {}, E.AUTH, None),
    (AnthropicMessages(), 402, claude("billing_error"), {}, E.QUOTA, None),
    (AnthropicMessages(), 403, claude("permission_error"), {}, E.AUTH, None),
    (AnthropicMessages(), 404, claude("not_found_error"), {}, E.GONE, None),
    (AnthropicMessages(), 413, claude("request_too_large"), {}, E.TOO_LONG, None),
    (AnthropicMessages(), 429, claude("rate_limit_error"), {"retry-after": "7"}, E.THROTTLED, 7),
    (AnthropicMessages(), 429, claude("rate_limit_error", "ramp_limit_exceeded"), {}, E.THROTTLED, None),
    (AnthropicMessages(), 429, claude("rate_limit_error", "enforced_spend_limit_reached"), {}, E.QUOTA, None),
    (AnthropicMessages(), 429, claude("rate_limit_error", "contract_spend_limit_reached"), {}, E.QUOTA, None),
    (AnthropicMessages(), 500, claude("api_error"), {}, E.TRANSIENT, None),
    (AnthropicMessages(), 504, claude("timeout_error"), {}, E.TRANSIENT, None),
    (AnthropicMessages(), 529, claude("overloaded_error"), {}, E.TRANSIENT, None),
    (AnthropicMessages(), 200, claude("overloaded_error"), {}, E.TRANSIENT, None),
    (AnthropicMessages(), 200, claude("invalid_request_error"), {}, E.BAD_REQUEST, None),
    (GeminiContent("v1/"), 400, google(400, "INVALID_ARGUMENT"), {}, E.BAD_REQUEST, None),
    (
        GeminiContent("v1/"),
        400,
        google(400, "INVALID_ARGUMENT", {"reason": "API_KEY_INVALID"}),
        {},
        E.AUTH,
        None,
    ),
    (GeminiContent("v1/"), 403, google(403, "PERMISSION_DENIED"), {}, E.AUTH, None),
    (GeminiContent("v1/"), 404, google(404, "NOT_FOUND"), {}, E.GONE, None),
    (GeminiContent("v1/"), 429, google(429, "RESOURCE_EXHAUSTED", RETRY), {}, E.THROTTLED, 59),
    (GeminiContent("v1/"), 429, google(429, "RESOURCE_EXHAUSTED", DAY, RETRY), {}, E.THROTTLED, 59),
    (GeminiContent("v1/"), 429, google(429, "RESOURCE_EXHAUSTED", DAY), {}, E.QUOTA, None),
    (GeminiContent("v1/"), 429, google(429, "RESOURCE_EXHAUSTED", MINUTE), {}, E.THROTTLED, None),
    (GeminiContent("v1/"), 500, google(500, "INTERNAL"), {}, E.TRANSIENT, None),
    (GeminiContent("v1/"), 503, google(503, "UNAVAILABLE"), {}, E.TRANSIENT, None),
    (GeminiContent("v1/"), 504, google(504, "DEADLINE_EXCEEDED"), {}, E.TRANSIENT, None),
    *(
        (
            BedrockConverse(),
            status,
            {"message": "no"},
            {"x-amzn-errortype": f"{kind}:http://x/"},
            ending,
            None,
        )
        for status, kind, ending in [
            (400, "ValidationException", E.BAD_REQUEST),
            (400, "ServiceQuotaExceededException", E.QUOTA),
            (403, "AccessDeniedException", E.AUTH),
            (403, "ExpiredTokenException", E.AUTH),
            (404, "ResourceNotFoundException", E.GONE),
            (408, "ModelTimeoutException", E.TRANSIENT),
            (424, "ModelErrorException", E.TRANSIENT),
            (429, "ThrottlingException", E.THROTTLED),
            (429, "ModelNotReadyException", E.TRANSIENT),
            (500, "InternalServerException", E.TRANSIENT),
            (503, "ServiceUnavailableException", E.TRANSIENT),
        ]
    ),
    (
        OpenAIChat(),
        400,
        {
            "error": {
                "code": "content_filter",
                "message": "no",
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }
        },
        {},
        E.FILTERED,
        None,
    ),
    (OpenAIChat(), 404, {"error": {"code": "DeploymentNotFound", "message": "no"}}, {}, E.GONE, None),
    *(
        (
            OpenAIResponses(),
            200,
            {"status": "failed", "error": {"code": code, "message": "no"}},
            {},
            ending,
            None,
        )
        for code, ending in [
            ("server_error", E.TRANSIENT),
            ("rate_limit_exceeded", E.THROTTLED),
            ("invalid_prompt", E.FILTERED),
            ("bio_policy", E.FILTERED),
        ]
    ),
    (OpenAIResponses(), 200, {"status": "failed", "error": None}, {}, E.TRANSIENT, None),
]


@pytest.mark.parametrize(("wire", "status", "said", "headers", "ending", "wait_s"), ERRORS)
def test_errors_are_told_by_status_and_code(
    wire: Wire,
    status: int,
    said: dict[str, Any],
    headers: dict[str, str],
    ending: Ending,
    wait_s: float | None,
) -> None:
    """A spend limit would be retried for ever, or a passing error close the lane."""
    outcome = wire.read(Exchange(status, headers, orjson.dumps(said)), 0.0)
    assert (outcome.ending, outcome.retry_after_s) == (ending, wait_s)


FINISHES = [
    *[
        (AnthropicMessages(), {"content": [{"type": "text", "text": "x"}], "stop_reason": stop}, ending)
        for stop, ending in [
            ("end_turn", E.OK),
            ("stop_sequence", E.OK),
            ("max_tokens", E.TRUNCATED),
            ("model_context_window_exceeded", E.TRUNCATED),
            ("refusal", E.REFUSED),
            ("tool_use", E.EMPTY),
            ("pause_turn", E.UNKNOWN),
            ("floobarp", E.UNKNOWN),
            (None, E.UNKNOWN),
        ]
    ],
    *[
        (
            GeminiContent("v1/"),
            {"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": f}]},
            ending,
        )
        for f, ending in [
            ("STOP", E.OK),
            ("MAX_TOKENS", E.TRUNCATED),
            ("SAFETY", E.FILTERED),
            ("RECITATION", E.FILTERED),
            ("SPII", E.FILTERED),
            ("MODEL_ARMOR", E.FILTERED),
            ("MALFORMED_FUNCTION_CALL", E.EMPTY),
            ("OTHER", E.UNKNOWN),
            ("MALFORMED_RESPONSE", E.UNKNOWN),
            (None, E.UNKNOWN),
        ]
    ],
    (GeminiContent("v1/"), {"promptFeedback": {"blockReason": "JAILBREAK"}}, E.FILTERED),
    (GeminiContent("v1/"), {}, E.EMPTY),
    (
        GeminiContent("v1/"),
        {"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}]}, "finishReason": "STOP"}]},
        E.EMPTY,
    ),
    *[
        (BedrockConverse(), {"output": {"message": {"content": [{"text": "x"}]}}, "stopReason": stop}, ending)
        for stop, ending in [
            ("end_turn", E.OK),
            ("max_tokens", E.TRUNCATED),
            ("guardrail_intervened", E.FILTERED),
            ("content_filtered", E.FILTERED),
            ("malformed_model_output", E.UNKNOWN),
        ]
    ],
    *[
        (
            OpenAIResponses(),
            {
                "status": status,
                "incomplete_details": {"reason": reason},
                "output": [{"type": "message", "content": [{"type": "output_text", "text": "x"}]}],
            },
            ending,
        )
        for status, reason, ending in [
            ("completed", None, E.OK),
            ("incomplete", "max_output_tokens", E.TRUNCATED),
            ("incomplete", "content_filter", E.FILTERED),
            ("incomplete", "steered", E.UNKNOWN),
            ("in_progress", None, E.UNKNOWN),
            ("cancelled", None, E.UNKNOWN),
        ]
    ],
    (OpenAIResponses(), {"status": "completed", "output": [{"type": "function_call"}]}, E.EMPTY),
    (
        OpenAIResponses(),
        {
            "status": "completed",
            "output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}],
        },
        E.REFUSED,
    ),
    *[
        (OpenAIChat("max_tokens"), {"choices": [{"message": message, "finish_reason": finish}]}, ending)
        for message, finish, ending in [
            ({"content": "x", "reasoning_content": "hm"}, "stop", E.OK),
            ({"content": None, "reasoning": "hm"}, "stop", E.EMPTY),
            ({"content": None, "reasoning_content": "hm"}, "length", E.TRUNCATED),
            ({"content": "x"}, "abort", E.UNKNOWN),
            ({"content": "x"}, "error", E.UNKNOWN),
        ]
    ],
]


@pytest.mark.parametrize(("wire", "said", "ending"), FINISHES)
def test_an_answer_is_whole_only_where_its_provider_says_so(
    wire: Wire, said: dict[str, Any], ending: Ending
) -> None:
    """What was cut, held back or refused would be taken for an answer, or a reason that is new for a good one."""
    outcome = wire.read(Exchange(200, {}, orjson.dumps(said)), 0.0)
    assert outcome.ending is ending
    if ending is E.OK:
        assert outcome.text == "x"


def test_anthropics_limits_are_learned_from_its_headers() -> None:
    """A lane would run into limits that every response told of."""
    headers = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-requests-reset": "2023-11-14T22:13:50Z",
        "anthropic-ratelimit-input-tokens-limit": "30000",
        "anthropic-ratelimit-input-tokens-remaining": "29000",
        "anthropic-ratelimit-input-tokens-reset": "soon",
    }
    found = read_limits(headers, 1_700_000_000.0)
    assert found is not None
    assert (found.requests, found.requests_left, found.requests_reset_s) == (50, 49, 30.0)
    assert (found.tokens, found.tokens_left, found.tokens_reset_s) == (30_000, 29_000, None)
    whole = read_limits({**headers, "anthropic-ratelimit-tokens-limit": "40000"}, 0.0)
    assert whole is not None
    assert whole.tokens == 40_000


@pytest.mark.parametrize(
    ("request_bytes", "tokens", "cut"),
    [
        (20_000, 5_000, False),
        (20_000, 2_048, True),
        (32_000, 2_050, True),
        (159_062, 16_386, True),
        (20_000, 3_200, False),
        (20_000, 4_096, False),
        (30_000, 4_096, True),
        (100_000, 4_090, True),
        (3_000, 10, False),
        (20_000, 0, False),
    ],
)
def test_a_prompt_that_was_cut_in_silence_is_noticed(request_bytes: int, tokens: int, *, cut: bool) -> None:
    """An answer to half a record would be accepted as one to all of it."""
    assert was_cut(request_bytes, Usage(input_tokens=tokens)) is cut
    assert not was_cut(request_bytes, None)


def test_an_embedder_is_asked_again_for_the_same_vectors() -> None:
    """Vectors that came broken would end a record with a message about a model that is named where it belongs."""
    asked = Question("v", b"f", (Message("user", '{"texts":["a"]}'),))
    wire = OpenAIEmbeddings()
    assert body(wire, Model("openai:m"), asked, again="Mend it.") == body(wire, Model("openai:m"), asked)
