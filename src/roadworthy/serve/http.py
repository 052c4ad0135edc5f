"""The service over HTTP: every route, behind one guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from roadworthy._errors import LedgerUnavailable
from roadworthy.observe.metrics import Metrics
from roadworthy.serve.caller import Caller, Doorkeeper, MaySubmit, refuse_undeclared
from roadworthy.serve.chat import add_chat, complete_chat
from roadworthy.serve.console.deciding import add_deciding
from roadworthy.serve.console.desk import add_desk
from roadworthy.serve.console.pages import add_pages
from roadworthy.serve.console.reference import add_reference
from roadworthy.serve.console.session import Visits
from roadworthy.serve.description import describe
from roadworthy.serve.guard import Guard
from roadworthy.serve.health import add_health
from roadworthy.serve.jobs import add_jobs
from roadworthy.serve.problem import Problem, on_bug, on_gone, on_invalid, on_ledger, on_problem, tell
from roadworthy.serve.records import add_records, take_record
from roadworthy.serve.service import Service
from roadworthy.serve.traced import Traced
from roadworthy.serve.wicket import Handler, Wicket


def build_http(
    service: Service, keeper: Doorkeeper, metrics: Metrics, hosts: Collection[str] | None
) -> ASGIApp:
    """The ASGI app: the guard, the wicket, and behind them every route.

    Args:
        hosts: names that the service is called by; None for any.
    """
    http = build_routes(service, keeper, metrics)
    # Whether callers come over TLS is a proxy's word, where one on this machine stands before the service.
    behind = ProxyHeadersMiddleware(http)  # type: ignore[arg-type] # uvicorn and starlette each have a type for ASGI
    handlers: dict[str, Handler] = {
        "/v1/records/{step}": partial(take_record, service),
        "/v1/chat/completions": lambda _, request, caller: complete_chat(service, request, caller),
    }
    wicket = Wicket(http, behind, handlers)  # type: ignore[arg-type] # as above
    return Guard(Traced(wicket, tell=service.runtime.tell), hosts=hosts)


def build_routes(service: Service, keeper: Doorkeeper, metrics: Metrics) -> FastAPI:
    """Every route, with its role; one that names none does not start."""

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
    http.add_exception_handler(LedgerUnavailable, on_ledger)
    http.add_exception_handler(ClientDisconnect, on_gone)
    http.add_exception_handler(Exception, on_bug)
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
    describe(http, service)
    return http


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers, detail = dict(error.headers or {}), str(error.detail)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
        detail = f"What is at this address takes {headers['Allow']} alone."
    elif error.status_code == HTTPStatus.NOT_FOUND:
        detail = "There is nothing at this address. /docs shows every route."
    return await tell(request, Problem(error.status_code, detail, headers))


def _methods(request: Request) -> set[str]:
    """The methods of every route that a path leads to; the framework names those of the first one alone."""
    matching = (route for route in request.app.routes if isinstance(route, APIRoute))
    found = [route.methods or set() for route in matching if route.path_regex.match(request.url.path)]
    methods = set().union(*found)
    return methods | {"HEAD"} if "GET" in methods else methods  # the guard makes one of the other
