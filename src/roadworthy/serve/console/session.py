"""Who sits before a browser: a key is shown once, then a cookie stands for it until the service ends or a day is over.

The cookie holds a random number and nothing else, and is kept from scripts and from other sites (HttpOnly,
SameSite=Strict). Each form carries a second number that another site cannot know.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

from fastapi import Request

from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.keep.access import hash_of
from roadworthy.serve.body import read_form
from roadworthy.serve.caller import LOCAL, Caller, Doorkeeper, Needs, Role
from roadworthy.serve.problem import Problem

COOKIE: Final = "roadworthy"
NAME_COOKIE: Final = "roadworthy-name"
NAME_CHARS_MAX: Final = 60
FORM_FIELD: Final = "token"
LASTS_S: Final = 86_400.0
_MOST: Final = 1_000


@quick(frozen=True, slots=True)
class Visit:
    """One person's visit.

    Attributes:
        token: what their forms carry.
        until: monotonic seconds.
        digest: the hash of their key. A name may come again with another key, which lets its holder do less.
    """

    caller: Caller
    token: str
    until: float
    digest: bytes = b""


class Visits:
    """Every visit that lasts, in this process alone.

    Args:
        keeper: tells keys apart.
        clock: monotonic seconds.
        settings: the limits of a form.
    """

    def __init__(self, keeper: Doorkeeper, clock: Callable[[], float], settings: Settings) -> None:
        self.settings = settings
        self._keeper = keeper
        self._clock = clock
        self._visits: dict[str, Visit] = {}
        self._local = Visit(LOCAL, secrets.token_urlsafe(32), float("inf"))

    def begin(self, key: str) -> str | None:
        """A cookie for the holder of a key; None where the key is not good or belongs to a namespace."""
        caller = self._keeper.caller_of(key)
        if caller is None or caller.namespace:
            return None
        now = self._clock()
        self._visits = {name: visit for name, visit in self._visits.items() if visit.until > now}
        while len(self._visits) >= _MOST:
            self._visits.pop(next(iter(self._visits)))
        cookie = secrets.token_urlsafe(32)
        self._visits[cookie] = Visit(caller, secrets.token_urlsafe(32), now + LASTS_S, hash_of(key))
        return cookie

    @property
    def has_keys(self) -> bool:
        """Whether people are known by their keys; else they say who they are."""
        return self._keeper.ever_had_keys

    def end(self, request: Request) -> None:
        """Forget a visit."""
        self._visits.pop(request.cookies.get(COOKIE, ""), None)

    def of(self, request: Request) -> Visit | None:
        """Whose visit a request belongs to; a key that was revoked since lets nobody in.

        Where there are no keys, everyone is `local` or the name they gave, as with `review --as`.
        """
        if not self._keeper.ever_had_keys:
            name = unquote(request.cookies.get(NAME_COOKIE, ""))[:NAME_CHARS_MAX].strip()
            return replace(self._local, caller=replace(LOCAL, name=name)) if name else self._local
        return self.visit_of(request.cookies.get(COOKIE, ""))

    def visit_of(self, cookie: str) -> Visit | None:
        """The visit that a cookie stands for."""
        visit = self._visits.get(cookie)
        if visit is None or visit.until <= self._clock() or self._keeper.caller_by(visit.digest) is None:
            return None
        return visit


class Away(Exception):
    """Nobody is known to sit there: they are sent to the page that asks for a key."""


class Sees(Needs):
    """A dependency of a page: the visit, once its caller is known to have the role."""

    def __init__(self, role: Role) -> None:
        super().__init__(role)

    async def __call__(self, request: Request) -> Visit:  # type: ignore[override] # a page is told more of its caller
        """The visit.

        Raises:
            Away: nobody is known.
            Problem: 403 for somebody who may not, or a form that another site wrote.
        """
        visits: Visits = request.app.state.visits
        visit = visits.of(request)
        if visit is None:
            raise Away
        if not visit.caller.roles & {self.role, "admin"}:
            raise Problem(HTTPStatus.FORBIDDEN, f"This page takes the role `{self.role}`.")
        if request.method == "POST":
            form = await read_form(request, visits.settings)
            if not hmac.compare_digest(form.get(FORM_FIELD, "").encode(), visit.token.encode()):
                raise Problem(
                    HTTPStatus.FORBIDDEN,
                    "The form is too old, or another site wrote it. Load the page again.",
                )
        return visit


SeesReviews, SeesAll, SeesDocs = Sees("review"), Sees("operate"), Sees("submit")
