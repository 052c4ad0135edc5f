"""The pages of the console that look: Today, Runs, Records, Quality, Cost, Versions."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from roadworthy.keep.transaction import as_int
from roadworthy.observe.certified import claims
from roadworthy.observe.report import Report
from roadworthy.observe.story import stories
from roadworthy.observe.visible import visible
from roadworthy.serve.body import read_form
from roadworthy.serve.console import view
from roadworthy.serve.console.session import COOKIE, LASTS_S, Away, SeesAll, Visit, Visits
from roadworthy.serve.problem import Problem
from roadworthy.serve.service import Service

if TYPE_CHECKING:
    from jinja2 import Environment

STATIC: Final = {"console.css": "text/css; charset=utf-8", "desk.js": "text/javascript; charset=utf-8"}
_KEY_CHARS_MAX: Final = 2_000
_OUTCOMES: Final = ("", "accepted", "rejected", "failed", "waiting", "pending")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - with the first page

    made = Environment(
        loader=PackageLoader("roadworthy.serve.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["plain"] = _plain
    made.filters["pretty"] = _pretty
    return made


def page(
    name: str, service: Service, visit: Visit | None, status: int = HTTPStatus.OK, **shown: Any
) -> HTMLResponse:
    """One page; whatever a record or a model said in it is text."""
    template = _environment().get_template(f"{name}.html.j2")
    text = template.render(app=service.runtime.plan.name, visit=visit, here=name, **shown)
    return HTMLResponse(text, status)


def add_pages(http: FastAPI, service: Service, visits: Visits) -> None:
    """The routes of the console."""
    http.state.visits = visits
    http.add_exception_handler(Away, _to_login)
    _add_login(http, service, visits)
    _add_lists(http, service)
    _add_figures(http, service)


def _add_login(http: FastAPI, service: Service, visits: Visits) -> None:
    @http.get("/login", include_in_schema=False)
    async def ask() -> Response:
        return page("login", service, None, wrong=False)

    @http.post("/login", include_in_schema=False)
    async def enter(request: Request) -> Response:
        form = await read_form(request, visits.settings)
        cookie = visits.begin(form.get("key", "").strip())
        if cookie is None:
            return page("login", service, None, HTTPStatus.UNAUTHORIZED, wrong=True)
        response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, cookie, int(LASTS_S), httponly=True, samesite="strict", secure=secure)
        return response

    @http.get("/static/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        if name not in STATIC:
            raise Problem(HTTPStatus.NOT_FOUND, "There is nothing of this name.")
        found = files("roadworthy.serve.console").joinpath("static").joinpath(name).read_bytes()
        return Response(found, media_type=STATIC[name], headers={"Cache-Control": "max-age=3600"})


def _add_lists(http: FastAPI, service: Service) -> None:
    runtime = service.runtime
    app = runtime.plan.name

    @http.get("/", include_in_schema=False)
    async def today(visit: Annotated[Visit, Depends(SeesAll)]) -> Response:
        store = runtime.store
        return page(
            "today",
            service,
            visit,
            money=store.read(lambda tx: view.money(tx, app, runtime.period())),
            standing=store.read(lambda tx: view.standing(tx, app)),
            queue=store.read(lambda tx: view.queue_length(tx, app)),
            claims=store.read(lambda tx: claims(tx, app, runtime.plan.promises, runtime.settings)),
            runs=store.read(lambda tx: view.runs(tx, app))[:5],
            in_work=service.in_work,
            lanes=[
                (lane.name, lane.closed or ("does not answer" if lane.down else "")) for lane in runtime.lanes
            ],
        )

    @http.get("/runs", include_in_schema=False)
    async def runs(visit: Annotated[Visit, Depends(SeesAll)]) -> Response:
        return page("runs", service, visit, runs=runtime.store.read(lambda tx: view.runs(tx, app)))

    @http.get("/records", include_in_schema=False)
    async def records(
        visit: Annotated[Visit, Depends(SeesAll)],
        key: Annotated[str, Query(max_length=_KEY_CHARS_MAX)] = "",
        outcome: str = "",
        entry: str = "",
        before: Annotated[int, Query(ge=0, lt=2**63)] = 2**62,
    ) -> Response:
        found = runtime.store.read(
            lambda tx: view.records(tx, app, key=key, outcome=outcome, entry=entry, before=before)
        )
        return page(
            "records",
            service,
            visit,
            records=found,
            key=key,
            outcome=outcome,
            entry=entry,
            outcomes=_OUTCOMES,
            entries=["", *service.entries],
        )

    @http.get("/records/{key:path}", include_in_schema=False)
    async def record(key: str, visit: Annotated[Visit, Depends(SeesAll)]) -> Response:
        found = runtime.store.read(lambda tx: stories(tx, app, key))
        if not found:
            raise Problem(HTTPStatus.NOT_FOUND, "No record has this key.")
        return page("record", service, visit, story=found[0], older=found[1:])


def _add_figures(http: FastAPI, service: Service) -> None:
    runtime = service.runtime
    app = runtime.plan.name

    @http.get("/quality", include_in_schema=False)
    async def quality(visit: Annotated[Visit, Depends(SeesAll)]) -> Response:
        found = runtime.store.read(lambda tx: claims(tx, app, runtime.plan.promises, runtime.settings))
        jobs = runtime.store.read(lambda tx: tx.rows("jobs", app=app))
        newest = as_int(jobs[0][0]) if jobs else None
        report = (
            None if newest is None else runtime.store.read(lambda tx: Report.of_job(tx, app, newest, found))
        )
        return page("quality", service, visit, claims=found, report=report)

    @http.get("/cost", include_in_schema=False)
    async def cost(visit: Annotated[Visit, Depends(SeesAll)]) -> Response:
        days = runtime.store.read(lambda tx: view.cost_by_day(tx, app))
        return page(
            "cost",
            service,
            visit,
            money=runtime.store.read(lambda tx: view.money(tx, app, runtime.period())),
            steps=runtime.store.read(lambda tx: view.cost_by_step(tx, app)),
            days=days,
            most=max((amount for _, _, amount in days), default=0) or 1,
            reused=sum(
                int(run.did.get("reused", 0)) for run in runtime.store.read(lambda tx: view.runs(tx, app))
            ),
        )

    @http.get("/versions", include_in_schema=False)
    async def versions(visit: Annotated[Visit, Depends(SeesAll)]) -> Response:
        return page(
            "versions", service, visit, versions=runtime.store.read(lambda tx: view.versions(tx, app))
        )


async def _to_login(_request: Request, _away: Exception) -> Response:
    return RedirectResponse("/login", HTTPStatus.SEE_OTHER)


def _plain(value: object) -> str:
    """Text with everything that cannot be seen, or that turns text around, written out."""
    return visible("" if value is None else str(value))


def _pretty(value: object) -> str:
    """JSON text on several lines; what is no JSON, as it is."""
    try:
        found = orjson.loads(value) if isinstance(value, str | bytes) else value
        return visible(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    except (orjson.JSONDecodeError, TypeError):
        return _plain(value)
