"""Errors over HTTP: problem details, RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

MEDIA_TYPE = "application/problem+json"
BROKEN = "Something is wrong with the service itself; whoever runs it finds what in its output. The record is not lost."
"""All that a caller is told of a bug: what an exception says may quote a record, a path or a query."""


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


class Told(BaseModel):
    """What a problem looks like over HTTP: RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


def answer(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response that tells a problem."""
    said = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(said, status, dict(headers or {}), MEDIA_TYPE)


async def on_problem(_request: Request, problem: Exception) -> Response:
    """Tell a `Problem`."""
    assert isinstance(problem, Problem)
    return answer(problem.status, problem.detail, problem.headers)


async def tell(request: Request, problem: Problem) -> Response:
    """Tell a `Problem` the way the app tells them: to a person as a page."""
    said: Response = await request.app.exception_handlers[Problem](request, problem)
    return said


async def on_invalid(request: Request, error: Exception) -> Response:
    """Tell what is wrong with a path or a query; the value itself is not said back."""
    assert isinstance(error, RequestValidationError)
    places = "; ".join(
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()[:5]
    )
    problem = Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"The request does not fit: {places}.")
    return await tell(request, problem)


async def on_ledger(request: Request, _error: Exception) -> Response:
    """What the error says names files; the caller is told no more than that waiting helps."""
    detail = "The ledger cannot be used just now. Send it again."
    return await tell(request, Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "5"}))


async def on_gone(_request: Request, _error: Exception) -> Response:
    """The caller hung up before its request was whole; nobody reads this."""
    return answer(HTTPStatus.BAD_REQUEST, "The request did not come whole.")


async def on_bug(_request: Request, _error: Exception) -> Response:
    """Anything else is a bug of ours."""
    return answer(HTTPStatus.INTERNAL_SERVER_ERROR, BROKEN)
