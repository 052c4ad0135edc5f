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
from roadworthy.keep.rulings import undo
from roadworthy.observe.certified import claims
from roadworthy.observe.visible import visible
from roadworthy.serve.body import read_form
from roadworthy.serve.console import view
from roadworthy.serve.console.pages import page
from roadworthy.serve.console.session import SeesReviews, Visit
from roadworthy.serve.problem import Problem
from roadworthy.serve.ruling import find_waiter, rule_on
from roadworthy.serve.service import Service

_RULINGS: Final = ("right", "wrong", "reject")
_NOTE_CHARS_MAX: Final = 2_000


def add_desk(http: FastAPI, service: Service) -> None:
    """The routes of the review desk."""
    runtime = service.runtime
    app = runtime.plan.name

    @http.get("/desk", include_in_schema=False)
    async def desk(
        visit: Annotated[Visit, Depends(SeesReviews)],
        after: Annotated[int, Query(ge=0, lt=2**63)] = 0,
        said: Annotated[str, Query(max_length=500)] = "",
    ) -> Response:
        waiting = runtime.store.read(lambda tx: open_reviews(tx, app, after, 1, visit.caller.name))
        return _shown(service, visit, waiting[0] if waiting else None, after, said)

    @http.post("/desk/undo", include_in_schema=False)
    async def take_back(visit: Annotated[Visit, Depends(SeesReviews)]) -> Response:
        taken = await runtime.store.write(lambda tx: undo(tx, app, visit.caller.name))
        if taken is None:
            return _next(0, "You have no ruling to take back.")
        await service.judge_again(taken[0])
        return _next(taken[0] - 1, f"The ruling on {visible(taken[1])} is taken back.")

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
    if ruling not in _RULINGS:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"Rule {', '.join(_RULINGS)} or skip.")
    answer = form.get("answer", "").strip() if ruling == "wrong" else None
    try:
        if answer is not None:
            orjson.loads(answer)
        await rule_on(service, waiter, ruling, answer, visit.caller.name, note)
    except orjson.JSONDecodeError as error:
        return _shown(service, visit, waiter, number - 1, f"The right answer is not JSON: {error}", answer)
    except Problem as problem:
        return _shown(service, visit, waiter, number - 1, problem.detail, answer)
    return _next(number, f"{visible(waiter.key)}: {ruling}.")


def _next(after: int, said: str = "") -> Response:
    return RedirectResponse(f"/desk?after={after}&said={quote(said[:400])}", HTTPStatus.SEE_OTHER)


def _shown(
    service: Service, visit: Visit, waiter: Waiter | None, after: int, said: str, answer: str | None = None
) -> Response:
    runtime, app = service.runtime, service.runtime.plan.name
    suggestion = None if waiter is None or waiter.suggestion is None else orjson.loads(waiter.suggestion)
    fields: list[tuple[str, list[tuple[str, bool]]]] = []
    if waiter is not None and waiter.body is not None:
        body: Any = orjson.loads(waiter.body)
        parts = body if isinstance(body, dict) else {"text": body}
        fields = [(name, view.marked(_text(value), suggestion)) for name, value in parts.items()]
    status = HTTPStatus.OK if answer is None else HTTPStatus.UNPROCESSABLE_ENTITY
    return page(
        "desk",
        service,
        visit,
        status,
        waiter=waiter,
        fields=fields,
        after=after,
        said=said,
        answer=answer,
        queue=runtime.store.read(lambda tx: view.queue_length(tx, app)),
        claims=runtime.store.read(lambda tx: claims(tx, app, runtime.plan.promises, runtime.settings)),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
