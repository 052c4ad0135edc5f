"""What a team's own function raises, read as what a provider says over the wire is read."""

import asyncio
import email.message
import http.client
import socket
import ssl
import urllib.error
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import BaseModel

from roadworthy import App, Function, Prompt, Result
from roadworthy.call.raised import read_raised
from roadworthy.call.reply import Ending

NOW = 1_790_000_000.0


class StatusError(Exception):
    """As the SDKs of OpenAI and Anthropic raise it: a status, a response of httpx, the body as it came."""

    def __init__(self, status: int, body: object = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"Error code: {status}")
        self.status_code = status
        self.body = body
        self.code = body.get("code") if isinstance(body, dict) else None
        self.response = SimpleNamespace(status_code=status, headers=headers or {})


class HTTPStatusError(Exception):
    """As httpx and requests raise it: the status is the response's."""

    def __init__(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"Client error '{status}'")
        self.response = SimpleNamespace(status_code=status, headers=headers or {})


class RequestsError(OSError):
    """As requests raises it where nothing came: an OSError whose response is None."""

    response = None


class ClientResponseError(Exception):
    """As aiohttp raises it."""

    def __init__(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}, message='x'")
        self.status = status
        self.headers = headers


class APIError(Exception):
    """As google-genai raises it: `code` is the status, `status` a word, `details` the body."""

    def __init__(self, code: int, status: str, details: list[dict[str, Any]] | None = None) -> None:
        super().__init__(f"{code} {status}")
        self.code = code
        self.status = status
        self.details = {"error": {"code": code, "status": status, "details": details or []}}
        self.response = SimpleNamespace(headers={})


class ClientError(Exception):
    """As botocore raises it."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(f"An error occurred ({code})")
        self.response = {
            "Error": {"Code": code, "Message": "x"},
            "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": {"retry-after": "3"}},
        }


class RpcError(Exception):
    """As grpc raises it: `code` is a method."""

    def code(self) -> str:
        """No status of HTTP."""
        return "UNAVAILABLE"


class APIConnectionError(Exception):
    """As the SDKs raise it where no response came."""


class APITimeoutError(APIConnectionError):
    """The same, of a wait that was too long."""


class Broken(Exception):
    """Asked for its response it raises, as httpx does for a request that was never set."""

    @property
    def response(self) -> object:
        """Nothing."""
        raise RuntimeError("The .response property has not been set.")


def because(error: Exception, cause: BaseException) -> Exception:
    """An error with the one that it was raised from."""
    error.__cause__ = cause
    return error


def while_handling(error: Exception, other: Exception) -> Exception:
    """An error that came up while another one was handled."""
    error.__context__ = other
    return error


def url_error(status: int, **headers: str) -> urllib.error.HTTPError:
    """As the standard library raises it."""
    message = email.message.Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return urllib.error.HTTPError("http://x", status, "x", message, None)


RAISED: list[tuple[str, Callable[[], Exception], Ending, float | None]] = [
    ("openai-429", lambda: StatusError(429, {"code": "rate_limit_exceeded"}, {"Retry-After": "7"}), Ending.THROTTLED, 7.0),
    ("openai-429-ms", lambda: StatusError(429, None, {"retry-after-ms": "250"}), Ending.THROTTLED, 0.25),
    ("openai-quota", lambda: StatusError(429, {"code": "insufficient_quota"}), Ending.QUOTA, None),
    ("openai-500", lambda: StatusError(500), Ending.TRANSIENT, None),
    ("openai-503", lambda: StatusError(503, None, {"Retry-After": "2"}), Ending.TRANSIENT, 2.0),
    ("openai-401", lambda: StatusError(401), Ending.AUTH, None),
    ("openai-403", lambda: StatusError(403), Ending.AUTH, None),
    ("openai-404", lambda: StatusError(404, {"code": "model_not_found"}), Ending.GONE, None),
    ("openai-400", lambda: StatusError(400), Ending.BAD_REQUEST, None),
    ("openai-422", lambda: StatusError(422), Ending.BAD_REQUEST, None),
    ("openai-long", lambda: StatusError(400, {"code": "context_length_exceeded"}), Ending.TOO_LONG, None),
    ("openai-filter", lambda: StatusError(400, {"code": "content_filter"}), Ending.FILTERED, None),
    ("anthropic-529", lambda: StatusError(529, {"type": "error", "error": {"type": "overloaded_error"}}), Ending.TRANSIENT, None),
    ("httpx-429", lambda: HTTPStatusError(429, {"retry-after": "4"}), Ending.THROTTLED, 4.0),
    ("httpx-502", lambda: HTTPStatusError(502), Ending.TRANSIENT, None),
    ("aiohttp-503", lambda: ClientResponseError(503, {"Retry-After": "5"}), Ending.TRANSIENT, 5.0),
    ("aiohttp-no-headers", lambda: ClientResponseError(401, None), Ending.AUTH, None),
    ("google-429", lambda: APIError(429, "RESOURCE_EXHAUSTED", [{"retryDelay": "9s"}]), Ending.THROTTLED, 9.0),
    ("google-400", lambda: APIError(400, "INVALID_ARGUMENT"), Ending.BAD_REQUEST, None),
    ("botocore-429", lambda: ClientError("ThrottlingException", 400), Ending.THROTTLED, 3.0),
    ("urllib-429", lambda: url_error(429, Retry_After="6"), Ending.THROTTLED, 6.0),
    ("wrapped", lambda: because(RuntimeError("no answer"), StatusError(429, None, {"Retry-After": "8"})), Ending.THROTTLED, 8.0),
    ("while-handling", lambda: while_handling(RuntimeError("no answer"), StatusError(503)), Ending.TRANSIENT, None),
    ("in-a-group", lambda: ExceptionGroup("two", [ValueError("x"), StatusError(503)]), Ending.TRANSIENT, None),
    ("timeout", lambda: TimeoutError("too long"), Ending.UNKNOWN, None),
    ("reset", lambda: ConnectionResetError(104, "reset"), Ending.UNKNOWN, None),
    ("sdk-timeout", lambda: because(APITimeoutError("Request timed out."), TimeoutError()), Ending.UNKNOWN, None),
    ("sdk-connection", lambda: because(APIConnectionError("x"), OSError("All connection attempts failed")), Ending.UNKNOWN, None),
    ("sdk-alone", lambda: APIConnectionError("Server disconnected"), Ending.UNKNOWN, None),
    ("no-such-host", lambda: because(RequestsError("x"), socket.gaierror(-2, "unknown")), Ending.UNKNOWN, None),
    ("broken-off", lambda: http.client.IncompleteRead(b"{", 100), Ending.UNKNOWN, None),
    ("certificate", lambda: because(APIConnectionError("x"), ssl.SSLCertVerificationError("self-signed")), Ending.UNTRUSTED, None),
    ("a-bug", lambda: ValueError("not a number"), Ending.BAD_REQUEST, None),
    ("a-missing-file", lambda: FileNotFoundError(2, "prompt.txt"), Ending.BAD_REQUEST, None),
    ("a-small-code", lambda: StatusError(3), Ending.BAD_REQUEST, None),
    ("a-method", lambda: RpcError("x"), Ending.BAD_REQUEST, None),
    ("a-property-that-raises", lambda: Broken("x"), Ending.BAD_REQUEST, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "ending", "wait"), [row[1:] for row in RAISED], ids=[row[0] for row in RAISED]
)
def test_what_is_raised_is_read_as_the_wire_is(
    make: Callable[[], Exception], ending: Ending, wait: float | None
) -> None:
    """A provider that is busy for a minute would send every record to a person, or a refused key be tried all day."""
    found = read_raised(make(), NOW)
    assert (found.ending, found.retry_after_s) == (ending, wait)


def test_a_date_to_come_back_at_is_read() -> None:
    """A wait that is given as a date would be none."""
    found = read_raised(HTTPStatusError(429, {"Retry-After": "Mon, 21 Sep 2026 14:13:25 GMT"}), NOW)
    assert found.retry_after_s == 5.0


def test_a_chain_that_bites_its_tail_ends() -> None:
    """An error that is its own cause's cause would hang a worker."""
    one, two = RuntimeError("1"), RuntimeError("2")
    one.__cause__, two.__cause__ = two, one
    assert read_raised(one, NOW).ending is Ending.BAD_REQUEST


class Answer(BaseModel):
    mood: str


@dataclass
class Provider:
    """A team's function, and what it raises each time before it answers."""

    errors: list[Exception]
    calls: int = 0

    def __call__(self, prompt: str) -> str:
        """Raise what is left, then answer."""
        del prompt
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return '{"mood":"glad"}'


QUICK = {"throttle_floor_s": 0.01, "backoff_base_s": 0.01, "backoff_cap_s": 0.02}


@pytest.mark.parametrize(
    ("errors", "calls", "outcome", "waiting_for"),
    [
        ([StatusError(429, None, {"retry-after-ms": "5"}), StatusError(503)], 3, "accepted", ""),
        ([APITimeoutError("x")], 2, "accepted", ""),
        ([StatusError(401)], 1, "waiting", "provider"),
        ([StatusError(400)], 1, "waiting", "review"),
        ([ValueError("a bug")], 1, "waiting", "review"),
    ],
    ids=["busy", "lost", "refused-key", "refused-request", "a-bug"],
)
def test_a_function_is_asked_again_as_a_provider_is(
    errors: list[Exception], calls: int, outcome: str, waiting_for: str
) -> None:
    """A minute of 429 inside a team's function would put every record before a person, instead of a pause."""
    provider = Provider(list(errors))
    app = App("mine", settings=QUICK)

    @app.step(models=[Function(provider, usd_per_call="0.001")], key=str)
    def feel(text: str) -> Prompt[Answer]:
        return Prompt("Glad or sad?", text)

    async def ask() -> Result[Answer]:
        async with app:
            return await feel.result("rain")

    found = asyncio.run(ask())
    assert (provider.calls, found.outcome, found.waiting_for) == (calls, outcome, waiting_for)
    assert found.cost_usd == Decimal("0.001") * calls, "each call is charged, whatever comes back"
