"""What a team's own function raised, read as what a provider says over the wire is read.

The client that a function calls its provider with raises for a status. Where the status stands differs, and so does the
place of the headers and of the body; these are read by name, so that no client need be installed:

- openai, anthropic: `status_code`, `response.headers`, `body` (openai-python `APIStatusError`, anthropic's of the same
  name); `APIConnectionError` and its `APITimeoutError` where no response came.
- httpx, requests: `response.status_code`, `response.headers`; `TransportError`, `ConnectionError` and `Timeout` else.
- aiohttp: `status`, `headers` (`ClientResponseError`); `ClientConnectionError` and `ServerTimeoutError` else.
- google-genai, google-api-core, urllib: `code`; the first has the body in `details`.
- botocore: `response["ResponseMetadata"]["HTTPStatusCode"]`, `response["Error"]["Code"]`.

An error that was raised from another one, or came up while another one was handled, says what that one says.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from roadworthy.call.limits import read_limits, retry_after_s
from roadworthy.call.reply import Ending, Outcome
from roadworthy.call.wire.error import asked_wait_s, find_error, read_error

_LINKS_MAX: Final = 20
_STATUSES: Final = range(300, 600)
_WORDS: Final = ("code", "type", "status", "reason")
_LOST: Final = frozenset(
    {"APIConnectionError", "TransportError", "ClientConnectionError", "ServerTimeoutError", "Timeout"}
    | {"ConnectionError", "HTTPClientError", "EndpointConnectionError"}
    | {"IncompleteRead", "IncompleteReadError", "ClientPayloadError"}
)
"""Names of the clients' classes for an exchange that brought no response, or broke off in the midst of one.

Not all of them have an OSError behind them: `IncompleteRead` is http.client's and urllib3's, `IncompleteReadError`
botocore's, `ClientPayloadError` aiohttp's.
"""
_NETWORK: Final = frozenset(
    {errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, None}
)
_NO_PROPERTY: Final = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


def read_raised(error: BaseException, now: float) -> Outcome:
    """How an attempt ended that raised: by the status in it, else as the connection that was lost, else as a bug. Pure.

    What may have been billed and nobody saw the end of is `unknown`, as it is on the wire.

    Args:
        now: seconds since 1970, UTC, to read a Retry-After that is a date.
    """
    links = list(islice(_links(error), _LINKS_MAX))
    for link in links:
        if (status := _status(link)) is not None:
            said = _body(link)
            headers = _headers(link)
            ending, detail = read_error(status, said)
            wait = asked_wait_s(said) or retry_after_s(headers, now)
            return Outcome(ending, retry_after_s=wait, detail=detail, limits=read_limits(headers, now))
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in links):
        return Outcome(Ending.UNTRUSTED)
    return Outcome(Ending.UNKNOWN if any(map(_is_lost, links)) else Ending.BAD_REQUEST)


def _links(error: BaseException) -> Iterator[BaseException]:
    """An error, then what it was raised from or groups, nearest first; each once."""
    left, seen = [error], set[int]()
    while left:
        link = left.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        left += link.exceptions if isinstance(link, BaseExceptionGroup) else ()
        behind = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
        left += () if behind is None else (behind,)


def _status(error: BaseException) -> int | None:
    """The HTTP status that an error names."""
    response = _at(error, "response")
    metadata = _item(response, "ResponseMetadata")
    found = [
        _at(error, "status_code"),
        _at(error, "status"),
        _at(response, "status_code"),
        _at(response, "status"),
        _item(metadata, "HTTPStatusCode"),
        _at(error, "code"),
    ]
    return next((int(one) for one in found if isinstance(one, int) and one in _STATUSES), None)


def _headers(error: BaseException) -> dict[str, str]:
    """The headers that came with it, names in lower case."""
    response = _at(error, "response")
    for headers in (
        _at(response, "headers"),
        _at(error, "headers"),
        _item(_item(response, "ResponseMetadata"), "HTTPHeaders"),
    ):
        items = _at(headers, "items")
        if callable(items):
            return {
                name.lower(): text
                for name, text in items()
                if isinstance(name, str) and isinstance(text, str)
            }
    return {}


def _body(error: BaseException) -> Mapping[str, object]:
    """The error as the provider worded it, as far as the client kept it."""
    for place in (_at(error, "body"), _at(error, "details"), _at(error, "response")):
        if isinstance(place, Mapping):
            inner = place.get("Error")  # botocore's
            if isinstance(inner, Mapping):
                return {str(name).lower(): item for name, item in inner.items()}
            return find_error(place) or place
    said = {name: _at(error, name) for name in _WORDS}
    return {name: word for name, word in said.items() if isinstance(word, str)}


def _is_lost(error: BaseException) -> bool:
    """Whether an exchange brought no response. A missing file is an OSError too, and no lost connection."""
    if isinstance(error, TimeoutError | ConnectionError | socket.gaierror | ssl.SSLError):
        return True
    if type(error) is OSError:
        return error.errno in _NETWORK
    return any(kind.__name__ in _LOST for kind in type(error).__mro__)


def _at(thing: object, name: str) -> object:
    """An attribute; None where there is none, or where to ask for it raises."""
    try:
        return getattr(thing, name, None)
    except _NO_PROPERTY:
        return None


def _item(thing: object, name: str) -> object:
    return thing.get(name) if isinstance(thing, Mapping) else None
