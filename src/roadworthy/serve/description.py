"""The service as its OpenAPI page has it: what FastAPI reads off the routes, and what only the app knows.

A route that reads its body itself, within limits, shows FastAPI nothing of it; so bodies, problems, keys and the names of
the app's steps are written in here.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute

from roadworthy.serve.caller import role_of
from roadworthy.serve.problem import MEDIA_TYPE, Told
from roadworthy.serve.records import KEY
from roadworthy.serve.service import Service
from roadworthy.serve.standing import Feedback, Standing

Described = dict[str, Any]
_JSON: Final = "application/json"
_KEYS: Final[list[Described]] = [{"key": []}, {"header": []}]
_ANY: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
_WITH_ROLE: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_WITH_BODY: Final = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)
_TABLES: Final = ("application/x-ndjson", "application/jsonl", "text/csv", "text/tab-separated-values")
_KINDS: Final = {"/v1/jobs/{job_id}/rows": "application/x-ndjson", "/metrics": "text/plain"}


def describe(http: FastAPI, service: Service) -> None:
    """Make the page; FastAPI keeps it, and whoever shows it shows this one."""
    said = http.openapi()
    schemas: Described = said.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Told.model_json_schema()
    schemas["Feedback"] = Feedback.model_json_schema()
    schemas["Standing"] = Standing.model_json_schema(mode="serialization")
    schemas["Record"] = {"anyOf": list(_records(service, schemas))}
    said["components"]["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "`roadworthy keys` makes one."},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    for route in http.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                _finish(said["paths"][route.path_format][method.lower()], route, service)


def _finish(one: Described, route: APIRoute, service: Service) -> None:
    """What is missing of one operation."""
    body = _bodies(service).get(route.path)
    role = role_of(route)
    if body is not None:
        one["requestBody"] = {"required": True, "content": body}
    if role is not None:
        one["security"] = _KEYS
        one["description"] = f"{one.get('description', '')}\n\nRole: `{role}`.".strip()
    _finish_parameters(one, service)
    answers: Described = one["responses"]
    # A validation error of FastAPI's own is told as a problem like all others.
    if _JSON in answers.get("422", {}).get("content", {}) and route.path != "/v1/records/{step}":
        del answers["422"]
    codes = [*_ANY, *(_WITH_ROLE if role else ()), *(_WITH_BODY if body else ())]
    if role and (body or "{" in route.path):
        codes += [HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY]
    if kind := _KINDS.get(route.path):
        answers["200"]["content"] = {kind: {"schema": {"type": "string"}}}
    for code in [str(int(code)) for code in codes]:
        answers.setdefault(code, {"description": HTTPStatus(int(code)).phrase})
    for code, answer in answers.items():
        if int(code) >= HTTPStatus.BAD_REQUEST:
            _problem(answer, route.path)


def _finish_parameters(one: Described, service: Service) -> None:
    for given in one.get("parameters", ()):
        if given["name"] == "step":
            given["schema"]["enum"] = sorted(service.entries)
        kinds = [kind for kind in given["schema"].pop("anyOf", ()) if kind != {"type": "null"}]
        given["schema"].update(*kinds)  # what is left out is not null: a header has no such thing


def _problem(answer: Described, path: str) -> None:
    """Errors are problem details, at the door for OpenAI clients OpenAI's."""
    content: Described = answer.setdefault("content", {})
    if path == "/v1/chat/completions":
        content[_JSON] = {
            "schema": {
                "type": "object",
                "required": ["error"],
                "properties": {
                    "error": {"type": "object", "required": ["message", "type", "param", "code"]},
                },
            }
        }
    if path != "/readyz":
        content[MEDIA_TYPE] = {"schema": {"$ref": "#/components/schemas/Problem"}}


def _bodies(service: Service) -> dict[str, Described]:
    """The bodies of the routes that read theirs themselves, by path."""
    lines = {kind: {"schema": {"type": "string"}} for kind in _TABLES}
    return {
        "/v1/records/{step}": {_JSON: {"schema": {"$ref": "#/components/schemas/Record"}}},
        f"/v1/records/{KEY}/feedback": {_JSON: {"schema": {"$ref": "#/components/schemas/Feedback"}}},
        "/v1/jobs/{step}": lines
        | {_JSON: {"schema": {"type": "array", "items": {"type": "object"}, "minItems": 1}}},
        "/v1/chat/completions": {_JSON: {"schema": _chat(service)}},
    }


def _records(service: Service, schemas: Described) -> Iterator[Described]:
    """The record types of the app, each once; what they refer to goes where the page keeps such things."""
    seen: list[Described] = []
    for entry in service.entries.values():
        found = entry.record_schema.json_schema("#/components/schemas/{model}")
        for name, one in found.pop("$defs", {}).items():
            schemas.setdefault(name, one)
        if found not in seen:
            seen.append(found)
            yield found


def _chat(service: Service) -> Described:
    """What is read of a chat completion request."""
    return {
        "type": "object",
        "required": ["model", "messages"],
        "properties": {
            "model": {"type": "string", "enum": sorted(service.entries)},
            "messages": {
                "type": "array",
                "minItems": 1,
                "contains": {"properties": {"role": {"const": "user"}}, "required": ["role"]},
                "items": {
                    "type": "object",
                    "required": ["role", "content"],
                    "properties": {
                        "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
                        "content": {
                            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}],
                            "description": "The last one of the user is the record: as JSON, or its only text.",
                        },
                    },
                },
            },
            "stream": {"type": "boolean"},
            "tools": {"type": "array", "items": {"type": "object"}},
        },
    }
