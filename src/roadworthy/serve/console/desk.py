"""The review desk: one question at a time, its source beside the suggested answer, one key a ruling."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote

import orjson
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import RedirectResponse

from roadworthy.keep.reviews import Waiter, open_reviews
from roadworthy.keep.rulings import GATE, undo
from roadworthy.observe.visible import visible
from roadworthy.run.choice import possible
from roadworthy.serve.body import read_form
from roadworthy.serve.console import proving, view
from roadworthy.serve.console.page import pretty
from roadworthy.serve.console.pages import look_at, page
from roadworthy.serve.console.session import LASTS_S, NAME_CHARS_MAX, NAME_COOKIE, SeesReviews, Visit, Visits
from roadworthy.serve.console.trace import source_of
from roadworthy.serve.problem import Problem
from roadworthy.serve.ruling import find_waiter, rule_on, state_anew
from roadworthy.serve.service import Service

_NOTE_CHARS_MAX: Final = 2_000
_NEXT: Final = 8
_CHOICES: Final = (
    ("a", "Only A is right", "a"),
    ("b", "Only B is right", "b"),
    ("both", "Both are right", "2"),
    ("neither", "Neither is right", "0"),
)


def add_desk(http: FastAPI, service: Service, visits: Visits) -> None:
    """The routes of the review desk."""
    runtime = service.runtime
    app = runtime.plan.name

    @http.get("/desk", include_in_schema=False)
    async def desk(
        visit: Annotated[Visit, Depends(SeesReviews)],
        after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
        said: Annotated[str, Query(max_length=500)] = "",
    ) -> Response:
        waiting = runtime.store.read(lambda tx: open_reviews(tx, app, after, _NEXT, visit.caller.name))
        return _shown(service, visit, waiting, after, said)

    @http.post("/desk/undo", include_in_schema=False)
    async def take_back(visit: Annotated[Visit, Depends(SeesReviews)]) -> Response:
        taken = await runtime.store.write(lambda tx: undo(tx, app, visit.caller.name))
        if taken is None:
            return _next(0, "You have no ruling to take back.")
        await state_anew(service)
        await service.judge_again(taken[0])
        return _next(taken[0] - 1, f"The ruling on {visible(taken[1])} is taken back.")

    @http.post("/desk/name", include_in_schema=False)
    async def name(request: Request, _visit: Annotated[Visit, Depends(SeesReviews)]) -> Response:
        if visits.has_keys:
            raise Problem(HTTPStatus.FORBIDDEN, "Who you are is said by your key.")
        given = (await read_form(request, runtime.settings)).get("name", "")[:NAME_CHARS_MAX].strip()
        response = _next(0, f"You rule as {visible(given) or 'local'}.")
        response.set_cookie(NAME_COOKIE, quote(given), int(LASTS_S), httponly=True, samesite="strict")
        return response

    @http.post("/desk/{number}", include_in_schema=False)
    async def decide(
        number: int, request: Request, visit: Annotated[Visit, Depends(SeesReviews)]
    ) -> Response:
        return await _decide(service, visit, number, await read_form(request, runtime.settings))


async def _decide(service: Service, visit: Visit, number: int, form: Mapping[str, str]) -> Response:
    """One ruling, then the next question; a ruling that does not fit shows the same one again."""
    ruling, note = form.get("ruling", ""), form.get("note", "")[:_NOTE_CHARS_MAX]
    if ruling == "skip":
        return _next(number)
    waiter = find_waiter(service, number, visit.caller.name) if 0 < number < 2**63 else None
    if waiter is None:
        return _next(number, "Somebody else has ruled on it meanwhile.")
    answer = form.get("answer", "").strip() if ruling == "wrong" else None
    try:
        if answer is not None:
            orjson.loads(answer)
        await rule_on(service, waiter, ruling, answer, visit.caller.name, note)
    except orjson.JSONDecodeError as error:
        said = f"The right answer is not JSON: {error}"
        return _shown(service, visit, [waiter], number - 1, said, answer, note)
    except Problem as problem:
        given = pretty(waiter.suggestion or "") if answer is None else answer
        return _shown(service, visit, [waiter], number - 1, problem.detail, given, note)
    return _next(number, f"{visible(waiter.key)}: {ruling}.")


def _next(after: int, said: str = "") -> RedirectResponse:
    return RedirectResponse(f"/desk?after={after}&said={quote(said[:400])}", HTTPStatus.SEE_OTHER)


def _shown(
    service: Service,
    visit: Visit,
    waiting: list[Waiter],
    after: int,
    said: str,
    answer: str | None = None,
    note: str = "",
) -> Response:
    look = look_at(service)
    waiter = waiting[0] if waiting else None
    return page(
        "desk",
        service,
        visit,
        HTTPStatus.UNPROCESSABLE_ENTITY if answer is not None else HTTPStatus.OK,
        waiter=waiter,
        following=waiting[1:],
        after=after,
        said=said,
        answer=answer,
        note=note,
        named=visit.caller.name,
        nameable=visit.until == float("inf"),
        queue=look.read(lambda tx: view.queue_length(tx, look.app)),
        proved=proving.proved(look),
        **(_question(waiter) if waiter is not None else {}),
    )


def _question(waiter: Waiter) -> dict[str, Any]:
    """One question: its source with what the answer quotes marked, and what can be answered."""
    suggestion = None if waiter.suggestion is None else orjson.loads(waiter.suggestion)
    body: Any = None if waiter.body is None else orjson.loads(waiter.body)
    fitting = possible(waiter) if waiter.kind == GATE else []
    return {
        "fields": [] if body is None else source_of(body, suggestion),
        "pair": _side_by_side(suggestion) if waiter.kind == GATE else None,
        "suggestion": suggestion,
        "choices": [choice for choice in _CHOICES if choice[0] in fitting],
    }


def _side_by_side(shown: Mapping[str, Any] | None) -> dict[str, list[tuple[str, bool]] | None]:
    """Both answers, line by line, each with whether the other one does not have it; None for no answer."""
    given = shown or {}
    said = {
        name: None if given.get(name) is None else pretty(orjson.dumps(given[name])).splitlines()
        for name in ("a", "b")
    }
    whole = {name: {line.rstrip(",") for line in lines or ()} for name, lines in said.items()}

    def of(name: str, other: str) -> list[tuple[str, bool]] | None:
        lines, theirs = said[name], whole[other]
        return (
            None
            if lines is None
            else [(one, bool(theirs) and one.rstrip(",") not in theirs) for one in lines]
        )

    return {"a": of("a", "b"), "b": of("b", "a")}
