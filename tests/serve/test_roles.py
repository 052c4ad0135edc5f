"""Every route and every role, from the service's own table of routes: nobody has to remember to add a new one here."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from tests.serve.conftest import Build
from tests.serve.counter import APP, Counter

from roadworthy._errors import WrongUse
from roadworthy.observe.metrics import Metrics
from roadworthy.run.load import load
from roadworthy.serve.caller import OPEN, ROLES, Doorkeeper, Role, refuse_undeclared, role_of
from roadworthy.serve.command import watched
from roadworthy.serve.console.session import FORM_FIELD, Sees
from roadworthy.serve.http import build_routes
from roadworthy.serve.service import Service

NOTE = {"id": "n1", "text": "what a day"}
VALUES = {
    "{step}": "feel",
    "{key:any}": "n1",
    "{job_id}": "1",
    "{number}": "1",
    "{gate}": "1",
    "{name}": "console.css",
}
"""What stands in a path for its `{...}`; a new kind of place takes its value here, or the test says so."""


@dataclass(frozen=True)
class Known:
    """One route of the table."""

    method: str
    path: str
    role: Role | None
    page: bool

    @property
    def place(self) -> str:
        """A path that can be asked for."""
        path = self.path
        for name, value in VALUES.items():
            path = path.replace(name, value)
        assert "{" not in path, f"{self.path}: say in VALUES what stands for it"
        return path


def routes(http: FastAPI) -> Iterator[Known]:
    """The table of an app."""
    for route in http.routes:
        assert isinstance(route, APIRoute), route
        page = any(isinstance(one.call, Sees) for one in route.dependant.dependencies)
        for method in sorted(route.methods or ()):
            yield Known(method, route.path, role_of(route), page)


async def _table(folder: Path) -> list[Known]:
    file = folder / "shop.py"
    file.write_text(APP.format(settings={}))
    app = load(str(file)).app
    runtime = app.start()
    try:
        service = Service(runtime, {entry.name: entry for entry in [*app.plan.steps, *app.plan.workflows]})
        keeper = Doorkeeper(runtime.store, app.name, runtime.settings)
        metrics = Metrics(watched(app, runtime), runtime.clock.monotonic, runtime.clock.now)
        return list(routes(build_routes(service, keeper, metrics)))
    finally:
        await runtime.close()


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Known]:
    """Every route that the service has."""
    folder = tmp_path / "table"
    folder.mkdir()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("ROADWORTHY_LEDGER", str(folder / "shop.db"))
    return asyncio.run(_table(folder))


def _ask(counter: Counter, known: Known, key: str, cookie: str = "") -> int:
    if known.method == "GET":
        return counter.call("GET", known.place, None, key=key, Cookie=cookie).status
    if known.page:
        form, kind = f"{FORM_FIELD}=wrong".encode(), "application/x-www-form-urlencoded"
        return counter.call("POST", known.place, raw=form, Cookie=cookie, Content_Type=kind).status
    return counter.call("POST", known.place, {}, key=key).status


def _cookie(counter: Counter, key: str) -> str:
    said = counter.call(
        "POST", "/login", raw=f"key={key}".encode(), Content_Type="application/x-www-form-urlencoded"
    )
    return said.headers.get("set-cookie", "").partition(";")[0]


@pytest.mark.fault("E11")
def test_every_route_and_every_role(file_build: Build, table: list[Known]) -> None:
    """A key would open a door that it was not made for, or a door would stand open to nobody's key."""
    counter = file_build({"what a day": "glad"}, "later")
    keys = {role: counter.new_key(role, "--role", role) for role in ROLES}
    revoked = counter.new_key("gone", "--role", "admin")
    counter.command("keys", "shop.py", "revoke", "gone")
    foreign = counter.new_key("foreign", "--role", "admin", "--namespace", "elsewhere")
    counter.start()
    assert counter.call("POST", "/v1/records/feel", NOTE, key=keys["submit"]).status == 200
    cookies = {role: _cookie(counter, key) for role, key in keys.items()}
    assert all(cookies.values())
    assert not _cookie(counter, revoked)
    assert not _cookie(counter, foreign), "the console shows all namespaces"
    wrong = []
    for known in table:
        if known.role is None:
            assert known.path in OPEN, known
            continue
        for nobody in ("", "rw_wrong", revoked):
            status = _ask(counter, known, nobody)
            if status != (303 if known.page else 401):
                wrong.append((known, "nobody", status))
        for role, key in keys.items():
            status = _ask(counter, known, "" if known.page else key, cookies[role] if known.page else "")
            allowed = role in {known.role, "admin"}
            # A form without its token is refused whoever sends it; that is looked at in the tests of the console.
            refused = status == 403 and not (known.page and known.method == "POST" and allowed)
            if refused == allowed or status >= 500 or status == 401:
                wrong.append((known, role, status))
        if not known.page:
            status = _ask(counter, known, foreign)
            if "n1" in known.place and status not in {404, 422}:
                wrong.append((known, "another namespace", status))
    assert wrong == []


def test_the_table_is_whole(table: list[Known]) -> None:
    """The test above would pass because it looked at nothing."""
    places = {(known.method, known.path): known.role for known in table}
    assert places["POST", "/v1/records/{step}"] == "submit"
    assert places["POST", "/v1/records/{key:any}/feedback"] == "review"
    assert places["GET", "/metrics"] == "operate"
    assert places["GET", "/desk"] == "review"
    assert {role for role in places.values() if role} == {"submit", "review", "operate"}


@pytest.mark.fault("E11")
def test_a_route_without_a_role_does_not_start() -> None:
    """A new route would be open to everybody by mistake."""
    bare = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @bare.get("/secret")
    async def secret() -> str:
        return "x"

    assert role_of(bare.routes[-1]) is None
    with pytest.raises(WrongUse, match="/secret"):
        refuse_undeclared(bare)


@pytest.mark.fault("E11")
def test_no_header_makes_a_caller_more_than_the_key_does(file_build: Build) -> None:
    """A caller could name a role, a namespace or another user and be believed."""
    counter = file_build({"what a day": "glad"}, "later")
    key = counter.new_key("ann", "--role", "submit", "--namespace", "ours")
    counter.start()
    said = {"role": "admin", "roles": ["admin"], "namespace": "", "allowed_routes": ["*"]}
    names = dict.fromkeys(("X_Role", "X_Roles", "X_Forwarded_User", "X_Namespace", "X_User"), "admin")
    for method, path in (("GET", "/metrics"), ("POST", "/v1/jobs/1/cancel")):
        body = said if method == "POST" else None
        assert counter.call(method, f"{path}?role=admin", body, key=key, **names).status == 403, path  # type: ignore[arg-type] # headers are text
