"""The wicket: the small door within the large one, for the requests that come by the thousand.

A framework's way to a handler (its layers, its routing, its solving of dependencies) costs more than the handler. The two
routes that carry records are found here by their paths and answered by the very functions that the framework's routes
call, for the roles that those name. Everything else goes on to the framework.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, TypeAlias

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from roadworthy._errors import LedgerUnavailable
from roadworthy.serve.caller import Caller, Needs, Role, role_of
from roadworthy.serve.problem import BROKEN, Problem, answer, on_ledger
from roadworthy.serve.traced import PATTERN

Handler: TypeAlias = Callable[[str, Request, Caller], Awaitable[Response]]
"""Given what stands in the path for the last `{...}` ("" where there is none), the request, and who calls."""

_POST: Final = "POST"


class Wicket:
    """ASGI: the hot routes, and the framework behind them.

    Args:
        http: where the routes are declared.
        inner: where everything else goes; `http` itself, or `http` behind more layers.
        handlers: the handler of each hot path; such a path ends with its only `{...}`, or has none.
    """

    def __init__(self, http: FastAPI, inner: ASGIApp, handlers: dict[str, Handler]) -> None:
        self._http = http
        self._inner = inner
        roles = {getattr(route, "path", ""): role_of(route) for route in http.routes}
        self._exact: dict[str, tuple[str, Needs, Handler]] = {}
        self._under: dict[str, tuple[str, Needs, Handler]] = {}
        for path, handler in handlers.items():
            fixed, brace, _ = path.partition("{")
            (self._under if brace else self._exact)[fixed] = (path, Needs(_named(roles[path])), handler)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        found = self._find(scope) if scope["type"] == "http" and scope["method"] == _POST else None
        if found is None:
            await self._inner(scope, receive, send)
            return
        scope["app"] = self._http
        name, scope[PATTERN], needs, handler = found
        request = Request(scope, receive)
        try:
            response = await handler(name, request, needs.caller_of(request))
        except Problem as problem:
            response = answer(problem.status, problem.detail, problem.headers)
        except LedgerUnavailable as away:
            response = await on_ledger(request, away)
        except ClientDisconnect:
            return  # nobody is there to be answered
        except Exception:
            # The edge of the service: the caller is told that it broke, the log has the traceback.
            await answer(HTTPStatus.INTERNAL_SERVER_ERROR, BROKEN)(scope, receive, send)
            raise  # whoever runs the service is told; the caller is told no more than this
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> tuple[str, str, Needs, Handler] | None:
        path: str = scope["path"]
        exact = self._exact.get(path)
        if exact is not None:
            return "", *exact
        fixed, slash, name = path.rpartition("/")
        under = self._under.get(fixed + slash)
        return None if under is None or not name else (name, *under)


def _named(role: Role | None) -> Role:
    assert role is not None, "a route that names no role does not start"
    return role
