"""The head of a request, as ASGI brings it: names in small letters, values as they were sent."""

from __future__ import annotations

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of this name (in small letters), None where there is none."""
    for given, value in scope["headers"]:
        if given == name:
            text: str = value.decode("latin-1")
            return text
    return None


def headers(scope: Scope, name: bytes) -> str:
    """Every header of this name that is a list, as one; "" where there is none."""
    return ",".join(value.decode("latin-1") for given, value in scope["headers"] if given == name)
