"""The pages of the console that look: Today, Runs, Records, Quality, Cost, Versions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated, Any, Final

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from roadworthy._errors import LedgerUnavailable
from roadworthy.observe.story import stories
from roadworthy.run.output import csv_row, plain_text
from roadworthy.serve.body import read_form
from roadworthy.serve.console import contents, view
from roadworthy.serve.console.look import Look
from roadworthy.serve.console.page import places_for, render
from roadworthy.serve.console.session import COOKIE, LASTS_S, Away, SeesAll, Visit, Visits
from roadworthy.serve.console.view import Wanted
from roadworthy.serve.problem import Problem, on_problem
from roadworthy.serve.records import KEY
from roadworthy.serve.service import Service

_SCRIPT: Final = "text/javascript; charset=utf-8"
STATIC: Final = {
    "console.css": "text/css; charset=utf-8",
    "console.js": _SCRIPT,
    "htmx.js": _SCRIPT,
    "icon.svg": "image/svg+xml",
}
_KEY_CHARS_MAX: Final = 2_000
_WORDS_CHARS_MAX: Final = 200
_CSV_ROWS: Final = 10_000
_CSV_NAMES: Final = (
    "key", "step", "outcome", "waiting_for", "value", "confidence", "certified", "model", "attempts", "cost_usd",
    "reason", "changed_utc",
)  # fmt: skip


def look_at(service: Service) -> Look:
    """What the pages of a service are written from."""
    runtime = service.runtime
    return Look(runtime.plan, runtime.store, runtime.settings, runtime.period())


def page(
    name: str, service: Service, visit: Visit | None, status: int = HTTPStatus.OK, **shown: Any
) -> HTMLResponse:
    """One page; whatever a record or a model said in it is text. The menu holds what its reader may open."""
    places = [] if visit is None else places_for(visit.caller.roles)
    return HTMLResponse(
        render(name, app=service.runtime.plan.name, visit=visit, places=places, **shown), status
    )


def add_pages(http: FastAPI, service: Service, visits: Visits) -> None:
    """The routes of the console that look."""
    http.state.visits = visits
    http.add_exception_handler(Away, _to_login)
    http.add_exception_handler(Problem, _problems(service, visits))
    _add_login(http, service, visits)
    _add_lists(http, service)
    _add_records(http, service)
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
        response = RedirectResponse(_home(visits.visit_of(cookie)), HTTPStatus.SEE_OTHER)
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, cookie, int(LASTS_S), httponly=True, samesite="strict", secure=secure)
        return response

    @http.post("/logout", include_in_schema=False)
    async def leave(request: Request) -> Response:
        visits.end(request)
        response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    @http.get("/static/{name}", include_in_schema=False)
    async def asset(name: str) -> Response:
        if name not in STATIC:
            raise Problem(HTTPStatus.NOT_FOUND, "There is nothing of this name.")
        found = files("roadworthy.serve.console").joinpath("static").joinpath(name).read_bytes()
        return Response(found, media_type=STATIC[name], headers={"Cache-Control": "max-age=3600"})


def _add_lists(http: FastAPI, service: Service) -> None:
    @http.get("/", include_in_schema=False)
    async def today(visit: Annotated[Visit, Depends(SeesAll)]) -> Response:
        lanes = [
            (lane.name, lane.closed or ("does not answer" if lane.down else ""))
            for lane in service.runtime.lanes
        ]
        shown = contents.today(look_at(service))
        return page("today", service, visit, in_work=service.in_work, lanes=lanes, **shown)

    @http.get("/runs", include_in_schema=False)
    async def runs(visit: Annotated[Visit, Depends(SeesAll)]) -> Response:
        return page("runs", service, visit, **contents.runs(look_at(service)))


def _add_records(http: FastAPI, service: Service) -> None:
    @http.get("/records", include_in_schema=False)
    async def records(
        visit: Annotated[Visit, Depends(SeesAll)], wanted: Annotated[Wanted, Depends(_wanted)]
    ) -> Response:
        return page("records", service, visit, **contents.records(look_at(service), wanted))

    @http.get("/records.csv", include_in_schema=False)
    async def table(
        _visit: Annotated[Visit, Depends(SeesAll)], wanted: Annotated[Wanted, Depends(_wanted)]
    ) -> Response:
        look = look_at(service)
        found = look.read(lambda tx: view.records(tx, look.app, wanted, _CSV_ROWS))
        rows = [csv_row(_CSV_NAMES), *(csv_row(_cells(row)) for row in found)]
        named = {"Content-Disposition": 'attachment; filename="records.csv"'}
        return Response(b"".join(rows), media_type="text/csv; charset=utf-8", headers=named)

    @http.get(f"/records/{KEY}", include_in_schema=False)
    async def record(
        key: str,
        visit: Annotated[Visit, Depends(SeesAll)],
        number: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    ) -> Response:
        look = look_at(service)
        found = look.read(lambda tx: stories(tx, look.app, key))
        if not found:
            raise Problem(HTTPStatus.NOT_FOUND, "No record has this key.")
        return page("record", service, visit, **contents.record(look, found, number))


def _wanted(
    key: Annotated[str, Query(max_length=_KEY_CHARS_MAX)] = "",
    words: Annotated[str, Query(max_length=_WORDS_CHARS_MAX)] = "",
    outcome: Annotated[str, Query(max_length=20)] = "",
    waiting: Annotated[str, Query(max_length=20)] = "",
    entry: Annotated[str, Query(max_length=200)] = "",
    job: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    before: Annotated[int, Query(ge=0, lt=2**63)] = 2**62,
) -> Wanted:
    """Which records a query asks for."""
    return Wanted(key=key, words=words, outcome=outcome, waiting=waiting, entry=entry, job=job, before=before)


def _cells(row: view.RecordRow) -> list[str]:
    """One row of the table; text that a spreadsheet would run as a formula is made text."""
    cells = (
        row.key, row.entry, row.outcome, row.waiting_for, row.value, row.confidence, row.certified, row.model,
        row.attempts, f"{row.cost:f}", row.reason, row.changed,
    )  # fmt: skip
    return [plain_text(cell) for cell in cells]


def _add_figures(http: FastAPI, service: Service) -> None:
    @http.get("/quality", include_in_schema=False)
    async def quality(visit: Annotated[Visit, Depends(SeesAll)]) -> Response:
        return page("quality", service, visit, **contents.quality(look_at(service)))

    @http.get("/cost", include_in_schema=False)
    async def cost(visit: Annotated[Visit, Depends(SeesAll)]) -> Response:
        return page("cost", service, visit, **contents.cost(look_at(service)))

    @http.get("/versions", include_in_schema=False)
    async def versions(
        visit: Annotated[Visit, Depends(SeesAll)], said: Annotated[str, Query(max_length=500)] = ""
    ) -> Response:
        return page("versions", service, visit, said=said, **contents.versions(look_at(service)))


def _home(visit: Visit | None) -> str:
    """The first page that somebody may open: not everybody may see Today."""
    return places_for(visit.caller.roles)[0][0] if visit is not None else "/"


def _problems(service: Service, visits: Visits) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Tell a problem to a person as a page, to everybody else as `on_problem` does."""

    async def told(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)
        wanted = request.headers.get("accept", "")
        if request.url.path.startswith("/v1/") or "text/html" not in wanted:
            return await on_problem(request, problem)
        title, visit = HTTPStatus(problem.status).phrase, _visit(visits, request)
        found = page(
            "problem", service, visit, problem.status, title=title, detail=problem.detail, home=_home(visit)
        )
        found.headers.update(problem.headers)
        return found

    return told


def _visit(visits: Visits, request: Request) -> Visit | None:
    try:
        return visits.of(request)
    except LedgerUnavailable:  # a problem is told without it too
        return None


async def _to_login(request: Request, _away: Exception) -> Response:
    if "hx-request" in request.headers:  # a part of a page: what it is to be put into would be left empty
        return Response(None, HTTPStatus.NO_CONTENT, {"HX-Redirect": "/login"})
    return RedirectResponse("/login", HTTPStatus.SEE_OTHER)
