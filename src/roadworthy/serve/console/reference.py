"""The page of the API, written from its OpenAPI description: every route, who may call it, what goes in and comes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import orjson
from fastapi import Depends, FastAPI, Response
from fastapi.routing import APIRoute

from roadworthy._quick import quick
from roadworthy.serve.caller import role_of
from roadworthy.serve.console.pages import page
from roadworthy.serve.console.session import SeesDocs, Visit
from roadworthy.serve.service import Service

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_DEPTH_MAX: Final = 6


@quick(frozen=True, slots=True)
class Given:
    """Something that a request carries beside its body."""

    name: str
    where: str
    kind: str
    required: bool
    told: str


@quick(frozen=True, slots=True)
class Answered:
    """One way a request is answered."""

    status: str
    told: str
    kinds: tuple[str, ...]
    schema: str


@quick(frozen=True, slots=True)
class Route:
    """One route.

    Attributes:
        role: who may call it; "" for anyone.
        bodies: (media type, schema as JSON).
    """

    method: str
    path: str
    role: str
    title: str
    told: str
    given: tuple[Given, ...]
    bodies: tuple[tuple[str, str], ...]
    answers: tuple[Answered, ...]

    @property
    def anchor(self) -> str:
        """What a link names it by."""
        return "".join(char if char.isalnum() else "-" for char in f"{self.method}{self.path}").strip("-")


def add_reference(http: FastAPI, service: Service) -> None:
    """The route of the page."""

    @http.get("/docs", include_in_schema=False)
    async def reference(visit: Annotated[Visit, Depends(SeesDocs)]) -> Response:
        groups: dict[str, list[Route]] = {}
        for group, route in routes(http):
            groups.setdefault(group, []).append(route)
        entries = sorted(service.entries)
        return page("docs", service, visit, groups=groups, entries=entries, version=http.version)


def routes(http: FastAPI) -> Iterator[tuple[str, Route]]:
    """Every documented route, with its group."""
    described = http.openapi()
    roles = {
        (method.lower(), route.path_format): role_of(route) or ""
        for route in http.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    for path, methods in described["paths"].items():
        for method in _METHODS:
            if method in methods:
                said = methods[method]
                yield (said.get("tags") or ["other"])[0], _route(described, roles, method, path, said)


def _route(
    described: Mapping[str, Any],
    roles: Mapping[tuple[str, str], str],
    method: str,
    path: str,
    said: Mapping[str, Any],
) -> Route:
    return Route(
        method=method.upper(),
        path=path,
        role=roles.get((method, path), ""),
        title=said.get("description", said.get("summary", "")).partition("\n")[0],
        told=said.get("description", "").partition("\n")[2].strip(),
        given=tuple(
            Given(
                one["name"],
                one["in"],
                _kind(one.get("schema", {})),
                bool(one.get("required")),
                one.get("description", ""),
            )
            for one in said.get("parameters", [])
        ),
        bodies=tuple(_contents(described, said.get("requestBody", {}))),
        answers=tuple(
            Answered(
                status,
                one.get("description", ""),
                tuple(kind for kind, _ in _contents(described, one)),
                next((schema for _, schema in _contents(described, one)), ""),
            )
            for status, one in said.get("responses", {}).items()
        ),
    )


def _contents(described: Mapping[str, Any], said: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (kind, _json(_whole(described, one.get("schema", {}), 0)))
        for kind, one in said.get("content", {}).items()
    ]


def _json(schema: object) -> str:
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode() if schema else ""


def _whole(described: Mapping[str, Any], schema: object, depth: int) -> object:
    """A schema with what it refers to in its place."""
    if isinstance(schema, list):
        return [_whole(described, one, depth) for one in schema]
    if not isinstance(schema, dict):
        return schema
    name = schema.get("$ref")
    if isinstance(name, str) and depth < _DEPTH_MAX:
        found: Any = described
        for part in name.removeprefix("#/").split("/"):
            found = found[part]
        return _whole(described, found, depth + 1)
    return {key: _whole(described, value, depth) for key, value in schema.items()}


def _kind(schema: Mapping[str, Any]) -> str:
    """The type of a parameter, in a word or two."""
    kinds = [
        str(one["type"]) for one in schema.get("anyOf", [schema]) if one.get("type") not in {None, "null"}
    ]
    limits = [
        f"{sign} {schema[name]}"
        for name, sign in (("minimum", "≥"), ("maximum", "≤"), ("maxLength", "length ≤"))
        if name in schema
    ]
    return ", ".join([" or ".join(kinds) or "any", *limits])
