"""What every request passes before any route sees it, and what every response carries.

A page that somebody else wrote, open in a browser on this machine, must not reach a service on loopback. Its two ways
in are a name that is made to point here (DNS rebinding; the Host header tells) and a request across sites (the browser
says so itself: Sec-Fetch-Site, Origin).
"""

from __future__ import annotations

from collections.abc import Collection
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from roadworthy.serve.head import header
from roadworthy.serve.problem import answer

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with `no-referrer` a browser sends our own forms with `Origin: null`
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_RAW: Final = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]


class Guard:
    """ASGI middleware: the Host header, the site a request comes from, and the headers of every response.

    Args:
        hosts: names that the service is called by; None for any (a public bind behind a proxy, where keys are needed).
    """

    def __init__(self, inner: ASGIApp, hosts: Collection[str] | None) -> None:
        self._inner = inner
        self._hosts = None if hosts is None else frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"] = list(message.get("headers", ()))
                given = {name for name, _ in headers}
                headers += [header for header in _RAW if header[0] not in given]
            await send(message)

        refused = self._refusal(scope)
        if refused:
            await answer(HTTPStatus.FORBIDDEN, refused)(scope, receive, guarded)
            return
        if scope["method"] == "HEAD":
            # Every route that can be got; the connection, which knows what was asked, leaves the body out.
            scope = {**scope, "method": "GET"}
        await self._inner(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> str:
        """Why a request goes no further; "" where it does."""
        host = _name(header(scope, b"host") or "")
        if self._hosts is not None and host not in self._hosts:
            return "The Host header names no host of this service. Call it by the address it printed, or start it with --allow-host."
        if scope["method"] in _SAFE:
            return ""
        origin = header(scope, b"origin")
        if origin is not None and _site(origin) != host:
            return "The request comes from another site. Pages of other sites may not call this service."
        if (header(scope, b"sec-fetch-site") or "none") not in {"none", "same-origin"}:
            return "The request comes from another site, as the browser says. Pages of other sites may not call this service."
        return ""


def _site(origin: str) -> str | None:
    """The host of an origin; None where it is none."""
    try:
        return _name(urlsplit(origin).netloc)
    except ValueError:  # brackets that hold no address
        return None


def _name(host: str) -> str:
    """A host without its port, lower case; IPv6 without brackets."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
