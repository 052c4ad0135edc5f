"""Files over HTTP: a whole input handed over as a job, its standing, its rows, its end."""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, BinaryIO, Final, cast

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from roadworthy._errors import WrongUse
from roadworthy._settings import Settings
from roadworthy.accept.intake import read_records
from roadworthy.accept.source import Form, Source
from roadworthy.keep.records import page_lines
from roadworthy.run.output import json_row
from roadworthy.serve.body import save_body
from roadworthy.serve.caller import Caller, MayOperate, MaySubmit
from roadworthy.serve.problem import Problem
from roadworthy.serve.service import Service
from roadworthy.serve.standing import JobStanding

_PAGE: Final = 200
_PART_BYTES: Final = 1_000_000
_FORMS: Final[dict[str, Form]] = {
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/json": "json",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
}
_NAME: Final = re.compile(r"[\w.-]{1,100}")


def add_jobs(http: FastAPI, service: Service) -> None:
    """The routes of jobs."""
    settings = service.runtime.settings

    @http.post("/v1/jobs/{step}", tags=["jobs"], status_code=202, response_model=JobStanding)
    async def take(
        step: str,
        request: Request,
        caller: Annotated[Caller, Depends(MaySubmit)],
        name: Annotated[str, Query(description="The job's name; the same name again goes on with it.")] = "",
    ) -> Response:
        """Hand over a file: JSONL, a JSON array or CSV. Answered once every record of it is in the ledger; they are worked on meanwhile."""
        service.admit()
        entry = service.entry(step)
        form = _FORMS.get(request.headers.get("content-type", "").partition(";")[0].strip().lower())
        if form is None:
            raise Problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Say what it is with Content-Type: {', '.join(_FORMS)}."
            )
        if name and not _NAME.fullmatch(name):
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY, "A job's name has 1 to 100 letters, digits, `.`, `_` or `-`."
            )
        with tempfile.TemporaryFile() as opened:
            file = cast("BinaryIO", opened)
            await save_body(request, settings, file)
            name = name or await asyncio.to_thread(_digest, file)
            try:
                # Read to its end before a record is taken in: whoever is told that it is refused pays for none.
                await asyncio.to_thread(deque, _source(file, form, settings), 0)
                source = _source(file, form, settings)
                items = read_records(source, schema=entry.record_schema, key=entry.key, settings=settings)
                job_id = await service.take_file(entry, items, caller, name)
            except WrongUse as wrong:
                raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(wrong)) from wrong
        standing = service.job(caller, job_id)
        return JSONResponse(
            standing.model_dump(mode="json"), HTTPStatus.ACCEPTED, {"Location": f"/v1/jobs/{job_id}"}
        )

    @http.get("/v1/jobs/{job_id}", tags=["jobs"], response_model=JobStanding)
    async def look(job_id: int, caller: Annotated[Caller, Depends(MaySubmit)]) -> JobStanding:
        """Where the records of a job stand."""
        return service.job(caller, _number(job_id))

    @http.get("/v1/jobs/{job_id}/rows", tags=["jobs"])
    async def rows(job_id: int, caller: Annotated[Caller, Depends(MaySubmit)]) -> Response:
        """Every record of a job in input order, one JSON object a line: what `run -o` writes."""
        service.job(caller, _number(job_id))
        return StreamingResponse(_rows(service, job_id), media_type="application/x-ndjson")

    @http.post("/v1/jobs/{job_id}/cancel", tags=["jobs"], response_model=JobStanding)
    async def cancel(job_id: int, caller: Annotated[Caller, Depends(MayOperate)]) -> JobStanding:
        """Work no more on a job. Handing the same file over again goes on with it."""
        await service.cancel(caller, _number(job_id))
        return service.job(caller, job_id)


def _source(file: BinaryIO, form: Form, settings: Settings) -> Source:
    """A body from its beginning."""
    file.seek(0)
    return Source.from_stream(file, settings, form=form, name="The body")


def _number(job_id: int) -> int:
    """A number that a ledger can hold."""
    if not 0 < job_id < 2**63:
        raise Problem(HTTPStatus.NOT_FOUND, "There is no job of this number that you may see.")
    return job_id


async def _rows(service: Service, job_id: int) -> AsyncIterator[bytes]:
    """Page by page: memory does not grow with the job."""
    store, after = service.runtime.store, -1
    while page := await asyncio.to_thread(
        store.read,
        lambda tx: page_lines(tx, job_id, after, _PAGE),  # noqa: B023 - read at once
    ):
        yield b"".join(json_row(line) for line in page)
        after = page[-1].number


def _digest(file: BinaryIO) -> str:
    """A name for what has none: the same file again is the same job."""
    file.seek(0)
    digest = hashlib.sha256()
    while part := file.read(_PART_BYTES):
        digest.update(part)
    return digest.hexdigest()[:16]
