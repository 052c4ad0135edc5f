"""On what terms a caller hands a record over: under which token, how long they wait, and until when it is of use."""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import Final

from starlette.types import Scope

from roadworthy._quick import quick
from roadworthy.serve.head import header, headers
from roadworthy.serve.problem import Problem

TOKEN_CHARS_MAX: Final = 255
DEADLINE: Final = "Roadworthy-Deadline"
_DEADLINE: Final = DEADLINE.lower().encode()


@quick(frozen=True, slots=True)
class Terms:
    """What the headers of a request ask for.

    Attributes:
        token: the caller's Idempotency-Key; "" for none.
        wait_s: how long the caller waits for the outcome.
        seconds: after which nothing more is sent for it; None for the app's own limit.
    """

    token: str
    wait_s: float
    seconds: float | None

    @classmethod
    def of(cls, scope: Scope, wait_s_max: float) -> Terms:
        """Read them.

        Raises:
            Problem: 422 where a token is too long, or a deadline is no time.
        """
        token = header(scope, b"idempotency-key") or ""
        if len(token) > TOKEN_CHARS_MAX:
            raise Problem(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                f"The Idempotency-Key has {len(token)} characters; send at most {TOKEN_CHARS_MAX}.",
            )
        seconds = _seconds(header(scope, _DEADLINE))
        return cls(token, wait_s(headers(scope, b"prefer"), wait_s_max), seconds)


def wait_s(prefer: str, most: float) -> float:
    """How long the caller wants to wait, RFC 7240; what is not understood is ignored, as that says.

    With `respond-async` and `wait` it is the seconds after which it is answered without the outcome (4.3).
    """
    at_once, seconds = False, None
    for part in prefer.lower().split(",") if prefer else ():
        name, _, value = part.partition(";")[0].partition("=")
        name, value = name.strip(), value.strip().strip('"')
        if name == "respond-async":
            at_once = True
        elif name == "wait" and seconds is None and value.isascii() and value.isdigit() and len(value) < 10:
            seconds = min(float(value), most)
    if seconds is not None:
        return seconds
    return 0.0 if at_once else most


def _seconds(deadline: str | None) -> float | None:
    if deadline is None:
        return None
    try:
        found = float(deadline)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"{DEADLINE} is a number of seconds above 0, such as 20."
        )
    return found
