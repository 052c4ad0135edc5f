"""Errors over HTTP: problem details, RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A request that is refused, with what to do about it.

    Args:
        status: the HTTP status.
        detail: what happened, the value, what to do next.
        headers: such as Retry-After.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


def answer(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response that tells a problem."""
    said = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(said, status, dict(headers or {}), MEDIA_TYPE)


async def on_problem(_request: Request, problem: Exception) -> Response:
    """Tell a `Problem`."""
    assert isinstance(problem, Problem)
    return answer(problem.status, problem.detail, problem.headers)


async def on_invalid(_request: Request, error: Exception) -> Response:
    """Tell what is wrong with a path or a query; the value itself is not said back."""
    assert isinstance(error, RequestValidationError)
    places = "; ".join(
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()[:5]
    )
    return answer(HTTPStatus.UNPROCESSABLE_ENTITY, f"The request does not fit: {places}.")
