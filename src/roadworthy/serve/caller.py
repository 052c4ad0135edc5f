"""Who calls, and what they may do. Every route names its role; one that names none does not start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final, Literal, TypeAlias, get_args

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from roadworthy._errors import WrongUse
from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.keep.access import Access, every_access, find_access, hash_of
from roadworthy.keep.ledger import Ledger
from roadworthy.serve.problem import Problem

Role: TypeAlias = Literal["submit", "review", "operate", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
OPEN: Final = frozenset({"/healthz", "/readyz", "/login", "/logout", "/static/{name}"})
"""What anyone may ask: whether the service is up, the page that asks for a key, to end their own visit, and how pages look."""

_BEARER: Final = "bearer "


@quick(frozen=True, slots=True)
class Caller:
    """Who calls: by the key they showed, or, where there are no keys, whoever sits at this machine.

    Attributes:
        name: kept with their rulings.
        namespace: whose records they see; "" for the app's own.
    """

    name: str
    roles: frozenset[str]
    namespace: str = ""


LOCAL: Final = Caller("local", frozenset(ROLES))


class Doorkeeper:
    """Tells callers apart by their keys.

    What the ledger says of keys is believed for `serve_keys_s`: a look into it costs more than all else that is done to
    let a caller in.

    Args:
        store: where the keys are.
        app: the app's name.
        settings: `serve_keys_s`.
        clock: monotonic seconds.
    """

    def __init__(
        self, store: Ledger, app: str, settings: Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._app = app
        self._lasts_s = settings.serve_keys_s
        self._clock = clock
        self._until = float("-inf")
        self._keys: list[Access] = []
        self._known: dict[bytes, Caller] = {}

    @property
    def has_keys(self) -> bool:
        """Whether any key was ever given out and still stands."""
        return any(one.revoked_at is None for one in self._all())

    @property
    def ever_had_keys(self) -> bool:
        """Whether a key was ever given out: revoking the last one must not open the door to everybody."""
        return bool(self._all())

    def caller(self, request: Request) -> Caller:
        """Who sent this request.

        Raises:
            Problem: 401 where a key is needed and none that is good was shown.
        """
        if not self.ever_had_keys:
            return LOCAL
        given = request.headers.get("authorization", "")
        key = given[len(_BEARER) :].strip() if given.lower().startswith(_BEARER) else ""
        key = key or request.headers.get("x-api-key", "")
        caller = self.caller_of(key)
        if caller is None:
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "No key that is known was shown. Send `Authorization: Bearer KEY`; `roadworthy keys` makes one.",
                {"WWW-Authenticate": "Bearer"},
            )
        return caller

    def caller_of(self, key: str) -> Caller | None:
        """Who holds a key; None where it is not good."""
        return self.caller_by(hash_of(key)) if key else None

    def caller_by(self, digest: bytes) -> Caller | None:
        """Who holds the key with this hash; None where it is not good any more."""
        self._all()  # forgets what was believed for long enough
        known = self._known.get(digest)
        if known is None:
            found = self._store.read(lambda tx: find_access(tx, self._app, digest))
            if found is None:
                return None  # not remembered: whoever guesses keys would fill the memory
            known = self._known[digest] = Caller(found.name, frozenset(found.roles), found.namespace)
        return known

    def _all(self) -> list[Access]:
        now = self._clock()
        if now >= self._until:
            self._keys = self._store.read(lambda tx: every_access(tx, self._app))
            self._known, self._until = {}, now + self._lasts_s
        return self._keys


class Needs:
    """A dependency of a route: the caller, once they are known to have the role. `admin` has every role."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request) -> Caller:
        """The caller, for the framework."""
        return self.caller_of(request)

    def caller_of(self, request: Request) -> Caller:
        """The caller.

        Raises:
            Problem: 401 for nobody known, 403 for somebody who may not.
        """
        keeper: Doorkeeper = request.app.state.keeper
        caller = keeper.caller(request)
        if not caller.roles & {self.role, "admin"}:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                f"{caller.name} may not do this: it takes the role `{self.role}`. "
                f"`roadworthy keys APP add NAME --role {self.role}` makes a key that may.",
            )
        return caller


MaySubmit, MayReview, MayOperate = Needs("submit"), Needs("review"), Needs("operate")


def role_of(route: BaseRoute) -> Role | None:
    """The role that a route takes; None where it names none."""
    if not isinstance(route, APIRoute):
        return None
    needs = [one.call for one in route.dependant.dependencies if isinstance(one.call, Needs)]
    return needs[0].role if needs else None


def undeclared(http: FastAPI) -> Iterator[str]:
    """Paths of routes that name no role and are not open to all."""
    for route in http.routes:
        path = getattr(route, "path", "")
        if role_of(route) is None and path not in OPEN:
            yield path or repr(route)


def refuse_undeclared(http: FastAPI) -> None:
    """Whoever adds a route says who may call it.

    Raises:
        WrongUse: a route names no role.
    """
    if found := list(undeclared(http)):
        raise WrongUse(f"These routes name no role: {', '.join(found)}. Give each one a `Needs(...)`.")
