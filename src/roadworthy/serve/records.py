"""Records over HTTP: hand one over, find it again, say what is right."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse

from roadworthy.keep.record import Kept
from roadworthy.serve.body import read_json
from roadworthy.serve.caller import Caller, MayReview, MaySubmit
from roadworthy.serve.problem import Problem
from roadworthy.serve.ruling import take_feedback
from roadworthy.serve.service import Service
from roadworthy.serve.standing import Feedback, Standing

_TOKEN_CHARS_MAX: Final = 255
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    code: {"description": HTTPStatus(code).phrase}
    for code in (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)
}


def add_records(http: FastAPI, service: Service) -> None:
    """The routes of records."""
    settings = service.runtime.settings

    @http.post(
        "/v1/records/{step}",
        tags=["records"],
        response_model=Standing,
        responses={202: {"model": Standing}, **_PROBLEMS},
    )
    async def submit(
        step: str,
        request: Request,
        caller: Annotated[Caller, Depends(MaySubmit)],
        idempotency_key: Annotated[str, Header(max_length=_TOKEN_CHARS_MAX)] = "",
        prefer: Annotated[str, Header(description="RFC 7240: `respond-async`, or `wait=SECONDS`.")] = "",
        deadline: Annotated[
            float | None,
            Header(
                alias="Roadworthy-Deadline",
                gt=0,
                allow_inf_nan=False,
                description="Seconds after which nothing more is sent for it.",
            ),
        ] = None,
    ) -> Response:
        """Hand over one record, as JSON. 200 with its outcome, 202 with an address where it waits or goes on, 422 where it is rejected."""
        service.admit()
        entry = service.entry(step)
        record = service.record(entry, await read_json(request, settings))
        kept, working = await service.submit(
            entry,
            record,
            caller,
            token=idempotency_key,
            wait_s=wait_s(prefer, settings.serve_wait_s),
            seconds=deadline,
        )
        return told(kept, working=working)

    @http.get("/v1/records/{key:path}", tags=["records"], response_model=Standing, responses=_PROBLEMS)
    async def find(key: str, caller: Annotated[Caller, Depends(MaySubmit)]) -> Response:
        """Where a record stands: the newest version of its key."""
        return JSONResponse(Standing.of(service.find(caller, key)[0]).model_dump(mode="json"))

    @http.post(
        "/v1/records/{key:path}/feedback", tags=["records"], response_model=Standing, responses=_PROBLEMS
    )
    async def feedback(key: str, request: Request, caller: Annotated[Caller, Depends(MayReview)]) -> Response:
        """Say whether the answer is right. It answers the question to a person where one waits, and becomes a label."""
        given = _feedback(await read_json(request, settings))
        kept = service.find(caller, key)[0]
        await take_feedback(service, kept, given, caller.name)
        return JSONResponse(Standing.of(service.find(caller, key)[0]).model_dump(mode="json"))


def told(kept: Kept, *, working: bool) -> Response:
    """The response that says where a record stands."""
    standing = Standing.of(kept)
    where = f"/v1/records/{quote(kept.key, safe='')}"
    status, headers = HTTPStatus.OK, {"Location": where}
    if kept.outcome == "rejected":
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    elif working or kept.outcome in {"waiting", "pending"}:
        status = HTTPStatus.ACCEPTED
        headers["Retry-After"] = "1" if working else "10"
    return JSONResponse(standing.model_dump(mode="json"), status, headers)


def wait_s(prefer: str, most: float) -> float:
    """How long the caller wants to wait, RFC 7240; what is not understood is ignored, as that says."""
    for part in prefer.lower().split(","):
        name, _, value = part.strip().partition("=")
        if name == "respond-async":
            return 0.0
        if name == "wait" and value.strip().isascii() and value.strip().isdigit() and len(value) < 10:
            return min(float(value), most)
    return most


def _feedback(body: object) -> Feedback:
    try:
        return Feedback.model_validate(body)
    except ValueError as error:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            'Send {"ruling": "right" | "wrong" | "reject"}, with `answer` where it is wrong, and a `note` if you like.',
        ) from error
