"""The table of endings: what each one means for money, retries and the breaker, and what is done."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from roadworthy._quick import quick
from roadworthy.call.reply import Ending


@quick(frozen=True, slots=True)
class Treatment:
    """What an ending means.

    Attributes:
        retries: whether the same request may be sent again.
        trips: whether it counts against the lane's breaker.
        charged: `usage` (what was reported; the reservation if nothing was), `nothing`, or `reservation`.
        meaning: what happened, in a sentence.
        done: what is done about it.
    """

    retries: bool
    trips: bool
    charged: Literal["usage", "nothing", "reservation"]
    meaning: str
    done: str


TREATMENT: Mapping[Ending, Treatment] = MappingProxyType(
    {
        Ending.OK: Treatment(False, False, "usage", "A whole answer came.", "It goes on to the checks."),
        Ending.THROTTLED: Treatment(
            True, False, "nothing", "The provider asks to slow down (429).",
            "The whole lane pauses for at least Retry-After and its concurrency shrinks; then again.",
        ),
        Ending.TRANSIENT: Treatment(
            True, True, "nothing", "The provider failed (5xx, an HTML page, an error inside a 200).",
            "Again within the retry budget, after a backoff with full jitter, never past the deadline.",
        ),
        Ending.QUOTA: Treatment(
            False, False, "nothing", "The account has no credit or reached a spend limit.",
            "No retry; the lane closes for `breaker_open_cap_s`; the next model on the ladder, else the record waits for the "
            "provider.",
        ),
        Ending.AUTH: Treatment(
            False, False, "nothing", "The key is missing, wrong or not allowed this model.",
            "No retry; the lane closes until there is another key, or for `breaker_open_cap_s`; the next model on the ladder, "
            "else the record waits for the provider.",
        ),
        Ending.GONE: Treatment(
            False, False, "nothing", "The model does not exist any more, or never did.",
            "No retry; the second in a row closes this model's lane for `breaker_open_cap_s`; the next model on the ladder, else "
            "the record waits for the provider.",
        ),
        Ending.TOO_LONG: Treatment(
            False, False, "nothing", "The request is larger than the model takes.",
            "No retry at this size; the next model on the ladder, else review.",
        ),
        Ending.BAD_REQUEST: Treatment(
            False, False, "nothing", "The provider refuses the request itself (400, 422).",
            "No retry; the next model on the ladder, else review.",
        ),
        Ending.TRUNCATED: Treatment(
            False, False, "usage", "The answer was cut off at its output cap.",
            "Never repaired, never the same bytes again: once more with twice the room, or with room to reason where nothing was said, then the next model.",
        ),
        Ending.REFUSED: Treatment(
            False, False, "usage", "The model refused to answer.", "No retry on this model; the next one, else review.",
        ),
        Ending.FILTERED: Treatment(
            False, False, "usage", "The provider's content filter held the answer back.",
            "No retry on this model; the next one, else review.",
        ),
        Ending.EMPTY: Treatment(
            False, False, "usage", "An answer without text came.", "One re-ask, then the next model, then review.",
        ),
        Ending.UNKNOWN: Treatment(
            True, True, "reservation",
            "Nobody saw how it ended: a timeout, reset or cut after sending, a stream without its end, a process that died.",
            "Charged at its reservation, because it may have been billed; sent again once at most.",
        ),
        Ending.UNSENT: Treatment(
            True, True, "nothing", "It provably never left: no connection could be made.",
            "Costs nothing; again as a transient ending.",
        ),
        Ending.UNTRUSTED: Treatment(
            False, False, "nothing", "The server's certificate does not hold, so nothing was sent.",
            "No retry; the lane closes for `breaker_open_cap_s`; the next model on the ladder, else the record waits for the "
            "provider.",
        ),
    }
)  # fmt: skip
