"""Records over HTTP: hand one over, find it again, say what is right."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import Depends, FastAPI, Header, Query, Request, Response
from starlette.convertors import PathConvertor, register_url_convertor

from roadworthy.keep.record import Kept
from roadworthy.keep.submissions import entries_in_namespace
from roadworthy.serve.body import read_json
from roadworthy.serve.caller import Caller, MayReview, MaySubmit
from roadworthy.serve.problem import Problem
from roadworthy.serve.ruling import take_feedback
from roadworthy.serve.service import Service
from roadworthy.serve.standing import Feedback, Standing, standing_json
from roadworthy.serve.terms import DEADLINE, TOKEN_CHARS_MAX, Terms

_JSON: Final = "application/json"
_SAME: Final = "The same key with the same body is the same record; with another body it is refused (409)."
_STEP: Final = "Of which step or workflow the record is, where several have one of this key."
_DEADLINE: Final = "Seconds after which nothing more is sent for it."
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"description": HTTPStatus(code).phrase}
    for code in (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)
}
_REJECTED: Final[dict[str, Any]] = {
    "model": Standing,
    "description": "The record cannot be used (a problem), or a person or a workflow rejected it (its standing).",
}


class _AnyText(PathConvertor):
    """What a path may hold in a key's place: starlette's own for whole paths stops at a line break."""

    regex = r"[\s\S]*"


register_url_convertor("any", _AnyText())
KEY: Final = "{key:any}"
"""A record's key in the path of a route; it may hold slashes."""


def add_records(http: FastAPI, service: Service) -> None:
    """The routes of records."""
    settings = service.runtime.settings

    @http.post(
        "/v1/records/{step}",
        tags=["records"],
        response_model=Standing,
        responses={202: {"model": Standing}, **_PROBLEMS, 422: _REJECTED},
    )
    async def submit(
        step: str,
        request: Request,
        caller: Annotated[Caller, Depends(MaySubmit)],
        _token: Annotated[
            str, Header(alias="Idempotency-Key", max_length=TOKEN_CHARS_MAX, description=_SAME)
        ] = "",
        _prefer: Annotated[
            str, Header(alias="Prefer", description="RFC 7240: `respond-async`, or `wait=SECONDS`.")
        ] = "",
        _deadline: Annotated[
            float | None, Header(alias=DEADLINE, gt=0, allow_inf_nan=False, description=_DEADLINE)
        ] = None,
    ) -> Response:
        """Hand over one record, as JSON. 200 with its outcome, 202 with an address where it waits or goes on, 422 where it is rejected."""
        return await take_record(service, step, request, caller)

    @http.get(f"/v1/records/{KEY}", tags=["records"], response_model=Standing, responses=_PROBLEMS)
    async def find(
        key: str,
        caller: Annotated[Caller, Depends(MaySubmit)],
        step: Annotated[str | None, Query(min_length=1, description=_STEP)] = None,
    ) -> Response:
        """Where a record stands: the newest version of its key."""
        return told_again(service.find(caller, key, step or "")[0])

    @http.post(f"/v1/records/{KEY}/feedback", tags=["records"], response_model=Standing, responses=_PROBLEMS)
    async def feedback(
        key: str,
        request: Request,
        caller: Annotated[Caller, Depends(MayReview)],
        step: Annotated[str | None, Query(min_length=1, description=_STEP)] = None,
    ) -> Response:
        """Say whether the answer is right. It answers the question to a person where one waits, and becomes a label."""
        given = _feedback(await read_json(request, settings))
        step = step or _only_step(service, caller, key)
        kept = service.find(caller, key, step)[0]
        await take_feedback(service, kept, given, caller.name)
        return told_again(service.find(caller, key, step)[0])


async def take_record(service: Service, step: str, request: Request, caller: Caller) -> Response:
    """One record of a caller: taken in, worked on, told."""
    settings = service.runtime.settings
    service.admit()
    terms = Terms.of(request.scope, settings.serve_wait_s)
    entry = service.entry(step)
    record = service.record(entry, await read_json(request, settings))
    taken = await service.submit(entry, record, caller, terms)
    return told(taken.kept, entry.name, working=taken.working)


def told(kept: Kept, step: str, *, working: bool) -> Response:
    """The response that says where a record stands, and where to look: another step may know a record of the same key."""
    where = f"/v1/records/{quote(kept.key, safe='')}?step={quote(step)}"
    status, headers = HTTPStatus.OK, {"Location": where}
    if kept.outcome == "rejected":
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    elif working or kept.outcome in {"waiting", "pending"}:
        status = HTTPStatus.ACCEPTED
        headers["Retry-After"] = "1" if working else "10"
    return Response(standing_json(kept), status, headers, _JSON)


def told_again(kept: Kept) -> Response:
    """Where a record stands, for whoever looks."""
    return Response(standing_json(kept), media_type=_JSON)


def _only_step(service: Service, caller: Caller, key: str) -> str:
    """The step that knows a record of this key; "" where none does.

    Raises:
        Problem: 409 where several do: a person's word is about one answer.
    """
    app = service.runtime.plan.name
    known = service.runtime.store.read(lambda tx: entries_in_namespace(tx, app, caller.namespace, key))
    if len(known) > 1:
        choices = " or ".join(f"?step={quote(name)}" for name in known)
        raise Problem(
            HTTPStatus.CONFLICT, f"{', '.join(known)} each have a record of this key. Say which: {choices}."
        )
    return known[0] if known else ""


def _feedback(body: object) -> Feedback:
    try:
        return Feedback.model_validate(body)
    except ValueError as error:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            'Send {"ruling": "right" | "wrong" | "reject"}, with `answer` where it is wrong, and a `note` if you like.',
        ) from error
