"""What a model sent back, and how an attempt ended."""

from __future__ import annotations

from enum import StrEnum

from roadworthy._quick import quick
from roadworthy.call.limits import Limits


class Ending(StrEnum):
    """How one attempt ended. docs/endings.md is generated from this table and from `TREATMENT` in ending.py."""

    OK = "ok"
    THROTTLED = "throttled"
    TRANSIENT = "transient"
    QUOTA = "quota"
    AUTH = "auth"
    GONE = "gone"
    TOO_LONG = "too_long"
    BAD_REQUEST = "bad_request"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    FILTERED = "filtered"
    EMPTY = "empty"
    UNKNOWN = "unknown"
    UNSENT = "unsent"
    UNTRUSTED = "untrusted"


@quick(frozen=True, slots=True)
class Usage:
    """Tokens as billed, in one normal form.

    Attributes:
        input_tokens: all input, cached included.
        output_tokens: all output, reasoning included.
        cached_tokens: the part of the input read from the provider's cache.
        cache_write_tokens: the part of the input written to the provider's cache.
        cache_write_1h_tokens: the part of that which is kept for an hour, and dearer.
        reasoning_tokens: the part of the output that was reasoning.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    cache_write_1h_tokens: int = 0


@quick(frozen=True, slots=True)
class Exchange:
    """What the transport saw: one request, and whatever came back.

    Attributes:
        status: HTTP status, 0 where no response began.
        headers: response headers, lower-case names.
        body: response body as far as it came; empty where it was read as a stream.
        error: empty when the response is whole; else `unsent` (it provably never left), `untrusted` (nor did
            this: the server's certificate does not hold), `reset`, `cut` (the body broke off), `timeout` (after sending), `too_large`.
        detail: the transport's own words, for a person.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    error: str = ""
    detail: str = ""


@quick(frozen=True, slots=True)
class Outcome:
    """One exchange, classified: everything the rest of the system needs to know of it.

    Attributes:
        ending: the class of what happened.
        text: the answer's text; empty where there is none.
        finish: the provider's finish reason, as sent.
        served_model: the model that the provider says answered.
        usage: tokens as billed; None where the provider reported none.
        token_probability: geometric mean probability of the answer's tokens, where it was asked for.
        retry_after_s: how long the provider asks to wait, in seconds; None where it says nothing.
        provider_id: the provider's id of the response, for its support desk.
        detail: one line for a person: what the provider said.
        limits: what the provider's headers say of its limits, where they do.
        begun: something of an answer had come before it broke off, and may be billed.
    """

    ending: Ending
    text: str = ""
    finish: str = ""
    served_model: str = ""
    usage: Usage | None = None
    token_probability: float | None = None
    retry_after_s: float | None = None
    provider_id: str = ""
    detail: str = ""
    limits: Limits | None = None
    begun: bool = False


@quick(frozen=True, slots=True)
class Reply:
    """What a model sent back, as the ledger keeps it.

    Attributes:
        attempt: the attempt that bought it.
        model: the model that was asked.
        ending: `ok`, `truncated`, `refused`, `filtered` or `empty`.
        text: raw text; never changed.
        reused: it was in the ledger already and cost nothing now.
    """

    attempt: int
    model: str
    ending: Ending
    text: str
    finish: str = ""
    served_model: str = ""
    token_probability: float | None = None
    reused: bool = False
