"""Gemini generateContent: what a request says, and how an answer, an error and a stream look on the wire.

Source: https://ai.google.dev/api/generate-content, google.rpc.Status, and the official SDK's types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from statistics import fmean

import orjson

from roadworthy.vet.dialect import (
    BadRequest,
    ChatRequest,
    Envelope,
    asked_of,
    pieces,
    read_object,
    text_of,
    token_logprobs,
    whole_number,
)
from roadworthy.vet.recording import Answer

_FINISHES = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
_RETRY = re.compile(rb"retry-after: (\d+)\r\n")
_TYPE = "type.googleapis.com/google.rpc."


def read_request(body: bytes, model: str, *, stream: bool) -> ChatRequest:
    """The request in the body of a `POST .../models/MODEL:generateContent`.

    Raises:
        BadRequest: a field is missing or of the wrong type.
    """
    said = read_object(body)
    contents, system = said.get("contents"), said.get("systemInstruction")
    turns = [
        (str(row.get("role", "user")), text_of(row.get("parts")))
        for row in (contents if isinstance(contents, list) else [])
        if isinstance(row, Mapping)
    ]
    if not turns:
        raise BadRequest("* GenerateContentRequest.contents: contents is not specified", "contents")
    if isinstance(system, Mapping):
        turns.insert(0, ("system", text_of(system.get("parts"))))
    config = said.get("generationConfig")
    config = config if isinstance(config, Mapping) else {}
    schema = config.get("responseJsonSchema")
    return asked_of(
        model,
        turns,
        schema,
        whole_number(config, "maxOutputTokens"),
        json_wanted=config.get("responseMimeType") == "application/json",
        stream=stream,
        logprobs=config.get("responseLogprobs") is True,
    )


def whole(asked: ChatRequest, answer: Answer, envelope: Envelope) -> bytes:
    """The body of a `GenerateContentResponse`. This provider has no words for a refusal: it blocks the prompt."""
    said = _head(envelope, produced=envelope.usage[1] if envelope.usage else 0)
    if answer.refusal is not None:
        said["promptFeedback"] = {"blockReason": "PROHIBITED_CONTENT"}
    else:
        average = _average(asked, answer, envelope)
        said["candidates"] = [{**_candidate(answer.content or "", _FINISHES[answer.finish]), **average}]
    return orjson.dumps(said)


def events(asked: ChatRequest, answer: Answer, envelope: Envelope) -> Sequence[bytes]:
    """Responses that each hold a piece; the usage grows with them."""
    if answer.refusal is not None:
        return [b"data: %b\r\n\r\n" % whole(asked, answer, envelope)]
    texts = pieces(answer.content or "") or [""]
    out = []
    for number, text in enumerate(texts, 1):
        last = number == len(texts)
        produced = envelope.usage[1] if envelope.usage else 0
        said = _head(envelope, produced=produced if last else produced * number // len(texts))
        candidate = _candidate(text, _FINISHES[answer.finish] if last else None)
        said["candidates"] = [{**candidate, **(_average(asked, answer, envelope) if last else {})}]
        out.append(b"data: %b\r\n\r\n" % orjson.dumps(said))
    return out


def failed(status: int, error: Mapping[str, object], headers: bytes) -> tuple[bytes, bytes]:
    """An error in this dialect, and its header lines: how long to wait stands in the body."""
    details: list[dict[str, object]] = []
    if error.get("code") == "insufficient_quota":
        violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}
        details.append({"@type": f"{_TYPE}QuotaFailure", "violations": [violation]})
    elif found := _RETRY.search(headers):
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{found[1].decode()}s"})
    if status == 401:
        details.append({"@type": f"{_TYPE}ErrorInfo", "reason": "API_KEY_INVALID"})
    return orjson.dumps(_error(status, error, details)), _RETRY.sub(b"", headers)


def error_event(error: Mapping[str, object]) -> bytes:
    """An error inside a stream."""
    return b"data: %b\r\n\r\n" % orjson.dumps(_error(500, error, []))


def _error(
    status: int, error: Mapping[str, object], details: Sequence[Mapping[str, object]]
) -> dict[str, object]:
    inner = error.get("code")
    code = inner if status == 200 and isinstance(inner, int) else 500 if status == 200 else status
    named = {"code": code, "message": error.get("message"), "status": _STATUSES.get(code, "INTERNAL")}
    return {"error": {**named, "details": [*details]}}


def _head(envelope: Envelope, *, produced: int) -> dict[str, object]:
    said: dict[str, object] = {"modelVersion": envelope.model, "responseId": envelope.name}
    if envelope.usage is not None:
        given = envelope.usage[0]
        said["usageMetadata"] = {
            "promptTokenCount": given,
            "candidatesTokenCount": produced,
            "totalTokenCount": given + produced,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": given}],
        }
    return said


def _average(asked: ChatRequest, answer: Answer, envelope: Envelope) -> dict[str, float]:
    """The mean of the tokens' log-probabilities, where they are asked for."""
    tokens = token_logprobs(answer, envelope.chance) if asked.logprobs else []
    return {"avgLogprobs": fmean(float(str(one["logprob"])) for one in tokens)} if tokens else {}


def _candidate(text: str, finish: str | None) -> dict[str, object]:
    said: dict[str, object] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    return {**said, "finishReason": finish} if finish else said
