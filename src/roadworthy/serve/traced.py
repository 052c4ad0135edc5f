"""Requests told as events: where a caller's own trace goes on, and what a log and the metrics count."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from roadworthy._events import Listener, RequestBegan, RequestEnded
from roadworthy.serve.head import header

_UNTOLD = frozenset({"/healthz", "/readyz", "/metrics"})
PATTERN = "roadworthy.pattern"
"""Where a scope names the pattern of a route that the framework did not find."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


class Traced:
    """ASGI middleware. Work that a request begins goes on under the request's span, whenever that ends.

    A path holds a record's key and a query what somebody looks for, so the route's pattern stands for both.

    Args:
        tell: hears of each request but those of machines that look every few seconds.
    """

    def __init__(self, inner: ASGIApp, tell: Listener) -> None:
        self._inner = inner
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through and tell of it."""
        if scope["type"] != "http" or scope["path"] in _UNTOLD or scope["path"].startswith("/static/"):
            await self._inner(scope, receive, send)
            return
        status, began = 500, time.monotonic()

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        self._tell(RequestBegan(method, header(scope, b"traceparent") or ""))
        try:
            await self._inner(scope, receive, told)
        finally:
            self._tell(RequestEnded(status, _route(scope), time.monotonic() - began))


def _route(scope: Scope) -> str:
    """The pattern of the route that answered; "" where none did."""
    return str(scope.get(PATTERN) or getattr(scope.get("route"), "path", ""))
