"""The service over HTTP: every route, behind one guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from roadworthy._errors import LedgerUnavailable
from roadworthy.observe.metrics import Metrics
from roadworthy.serve.caller import Caller, Doorkeeper, MaySubmit, refuse_undeclared
from roadworthy.serve.chat import add_chat
from roadworthy.serve.console.deciding import add_deciding
from roadworthy.serve.console.desk import add_desk
from roadworthy.serve.console.pages import add_pages
from roadworthy.serve.console.reference import add_reference
from roadworthy.serve.console.session import Visits
from roadworthy.serve.guard import Guard
from roadworthy.serve.health import add_health
from roadworthy.serve.jobs import add_jobs
from roadworthy.serve.problem import Problem, answer, on_invalid, on_problem
from roadworthy.serve.records import add_records
from roadworthy.serve.service import Service


def build_http(
    service: Service, keeper: Doorkeeper, metrics: Metrics, hosts: Collection[str] | None
) -> FastAPI:
    """The ASGI app.

    Args:
        hosts: names that the service is called by; None for any.
    """

    @asynccontextmanager
    async def living(_http: FastAPI) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            await service.drain()

    http = FastAPI(
        title=f"Roadworthy: {service.runtime.plan.name}",
        version=version("roadworthy"),
        lifespan=living,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        openapi_url=None,
    )
    http.state.keeper = keeper
    http.add_exception_handler(Problem, on_problem)
    http.add_exception_handler(RequestValidationError, on_invalid)
    http.add_exception_handler(HTTPException, _on_http)
    http.add_exception_handler(LedgerUnavailable, _on_ledger)
    add_records(http, service)
    add_jobs(http, service)
    add_chat(http, service)
    add_health(http, service, metrics)
    visits = Visits(keeper, service.runtime.clock.monotonic, service.runtime.settings)
    add_pages(http, service, visits)
    add_desk(http, service, visits)
    add_deciding(http, service)
    add_reference(http, service)

    @http.get("/openapi.json", include_in_schema=False)
    async def openapi(_caller: Annotated[Caller, Depends(MaySubmit)]) -> dict[str, Any]:
        return http.openapi()

    refuse_undeclared(http)
    http.add_middleware(Guard, hosts=hosts)
    return http


async def _on_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return answer(error.status_code, str(error.detail), error.headers)


async def _on_ledger(_request: Request, _error: Exception) -> Response:
    """What the error says names files; the caller is told no more than that waiting helps."""
    return JSONResponse(
        {
            "title": "Service Unavailable",
            "status": 503,
            "detail": "The ledger cannot be used just now. Send it again.",
        },
        HTTPStatus.SERVICE_UNAVAILABLE,
        {"Retry-After": "5"},
        "application/problem+json",
    )
