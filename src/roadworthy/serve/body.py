"""The body of a request: within its limits of bytes and time, and strictly JSON where JSON is expected."""

from __future__ import annotations

import asyncio
from codecs import BOM_UTF8
from http import HTTPStatus
from typing import BinaryIO, Final
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.requests import ClientDisconnect

from roadworthy._settings import Settings
from roadworthy.accept.document import read_document
from roadworthy.accept.reason import WrongRecord
from roadworthy.accept.record import Json
from roadworthy.serve.head import header
from roadworthy.serve.problem import Problem

_FIELDS_MAX: Final = 10
_JSON: Final = "application/json"
WHOLE: Final = "roadworthy.whole"
"""Where a scope says whether all of the body is there already."""
UNTIL: Final = "roadworthy.until"
"""Where a scope says by when the rest of it has to come, in the loop's time; not there where the wait has not begun."""


async def read_body(request: Request, settings: Settings) -> bytes:
    """All bytes, at most `line_bytes_max`, within `serve_body_s`.

    Raises:
        Problem: 413, 408.
    """
    most, seconds = settings.line_bytes_max, settings.serve_body_s
    if request.scope.get(WHOLE):  # as most are: nothing to wait for, no timer
        message = await request.receive()
        if message["type"] != "http.request":
            raise ClientDisconnect
        whole: bytes = message["body"]
        if len(whole) > most:
            raise _too_large(most)
        return whole
    until = request.scope.get(UNTIL) or asyncio.get_running_loop().time() + seconds
    body = bytearray()
    try:
        async with asyncio.timeout_at(until):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    raise _too_large(most)
    except TimeoutError as error:
        raise _too_slow(seconds) from error
    return bytes(body)


async def save_body(request: Request, settings: Settings, file: BinaryIO) -> None:
    """Write a body of at most `file_bytes_max` to a file; each part comes within `serve_body_s`.

    Raises:
        Problem: 415, 413, 408.
    """
    refuse_packed(request)
    most, seconds = settings.file_bytes_max, settings.serve_body_s
    size, stream = 0, request.stream()
    while True:
        try:
            async with asyncio.timeout(seconds):
                part = await anext(stream, None)
        except TimeoutError as error:
            raise _too_slow(seconds) from error
        if part is None:
            return
        size += len(part)
        if size > most:
            raise _too_large(most)
        await asyncio.to_thread(file.write, part)


def refuse_packed(request: Request) -> None:
    """A body is taken as it is: one that is packed could be a thousand times as large once it is unpacked.

    Raises:
        Problem: 415.
    """
    packing = header(request.scope, b"content-encoding")
    if packing is not None and packing.strip().lower() not in {"", "identity"}:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "The body is packed (Content-Encoding). Send it as it is.",
            {"Accept-Encoding": "identity"},
        )


async def read_json(request: Request, settings: Settings) -> Json:
    """A body that is one JSON value.

    Raises:
        Problem: 415, 413, 408, or 400 with the place of what is wrong.
    """
    if _kind(request) != _JSON:
        # A page of another site can send text/plain without asking first, and application/json not.
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send JSON, and say so: Content-Type: application/json."
        )
    refuse_packed(request)
    body = await read_body(request, settings)
    try:
        return read_document(body.removeprefix(BOM_UTF8).decode(), settings.json_depth_max)
    except UnicodeDecodeError as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"The body is not UTF-8, from byte {error.start}. JSON is UTF-8 (RFC 8259).",
        ) from error
    except WrongRecord as wrong:
        said = f"is {wrong.what}" if wrong.what.startswith("not ") else f"cannot be used: {wrong.what}"
        raise Problem(HTTPStatus.BAD_REQUEST, f"The body {said}.") from wrong


async def read_form(request: Request, settings: Settings) -> dict[str, str]:
    """The fields of a form of ours, each once; read once a request.

    Raises:
        Problem: 415, 413, 408, 400.
    """
    known: dict[str, str] | None = getattr(request.state, "form", None)
    if known is not None:
        return known
    if _kind(request) != "application/x-www-form-urlencoded":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send the form of the page.")
    body = await read_body(request, settings)
    try:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX))
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "The form cannot be read.") from error
    request.state.form = form
    return form


def _kind(request: Request) -> str:
    return (header(request.scope, b"content-type") or "").partition(";")[0].strip().lower()


def _too_large(most: int) -> Problem:
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than {most:,} bytes.")


def _too_slow(seconds: float) -> Problem:
    return Problem(HTTPStatus.REQUEST_TIMEOUT, f"The body did not come within {seconds:g} s.")
