"""The kinds of misbehaviour that the simulated provider knows, in the groups that decide how each one is drawn."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """One way to misbehave. Shapes follow the providers' error pages and the reports cited beside each group."""

    THROTTLED = "429"  # Retry-After: 1
    THROTTLED_BARE = "429_bare"  # no header says for how long
    SERVER_ERROR = "500"
    UNAVAILABLE = "503"
    OVERLOADED = "529"
    HTML_502 = "html_502"  # a gateway's page
    HTML_200 = "html_200"  # the same page with a status that claims success
    ERROR_IN_200 = "error_in_200"
    RESET = "reset"  # RST after the request was read
    CUT = "cut"  # fewer bytes than announced
    SLOW = "slow"

    HANG = "hang"  # silent until the client gives up
    TRICKLE = "trickle"  # one byte at a time
    SILENT_STREAM = "silent_stream"  # some chunks, then silence
    ERROR_EVENT = "error_event"  # an error inside a stream that began well
    PINGS = "pings"  # some chunks, then nothing but what keeps the stream open
    RETRY_AFTER_3600 = "retry_after_3600"
    RETRY_AFTER_MS = "retry_after_ms"  # 300 ms, in the header that some SDKs look for first
    RETRY_AFTER_NEGATIVE = "retry_after_negative"
    RETRY_AFTER_NAN = "retry_after_nan"
    RETRY_AFTER_PAST = "retry_after_past"  # a date that is over
    THROTTLED_IN_200 = "429_in_200"
    CHOICES_NULL = "choices_null"  # a completion with nothing in it
    REDIRECT = "redirect"  # to another host, which would be handed the key

    QUOTA = "quota"
    UNAUTHORIZED = "401"
    FORBIDDEN = "403"
    MODEL_GONE = "404_model"
    GONE_BARE = "404_bare"  # nothing says that it is the model which is missing
    GONE = "410"
    BAD_REQUEST_IN_200 = "400_in_200"
    TOO_LONG = "too_long"
    SERVED_MODEL = "served_model"  # another model answers
    NO_USAGE = "no_usage"

    FENCED = "fenced"
    DOUBLE_ENCODED = "double_encoded"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    PROSE = "prose"
    EMPTY = "empty"
    REFUSED = "refused"
    FILTERED = "filtered"
    MISSING_FIELD = "missing_field"
    WRONG_ENUM = "wrong_enum"


_IN_TRANSIT_MIXED: Final = (
    Kind.THROTTLED,
    Kind.THROTTLED_BARE,
    Kind.SERVER_ERROR,
    Kind.UNAVAILABLE,
    Kind.OVERLOADED,
    Kind.HTML_502,
    Kind.HTML_200,
    Kind.ERROR_IN_200,
    Kind.RESET,
    Kind.CUT,
    Kind.SLOW,
)

IN_TRANSIT: Final = (
    *_IN_TRANSIT_MIXED,
    Kind.HANG,
    Kind.TRICKLE,
    Kind.SILENT_STREAM,
    Kind.ERROR_EVENT,
    Kind.PINGS,
    Kind.RETRY_AFTER_3600,
    Kind.RETRY_AFTER_MS,
    Kind.RETRY_AFTER_NEGATIVE,
    Kind.RETRY_AFTER_NAN,
    Kind.RETRY_AFTER_PAST,
    Kind.THROTTLED_IN_200,
    Kind.CHOICES_NULL,
    Kind.REDIRECT,
)
"""Drawn anew for each arrival of the same bytes: trying again can help."""

STANDING: Final = (
    Kind.QUOTA,
    Kind.UNAUTHORIZED,
    Kind.FORBIDDEN,
    Kind.MODEL_GONE,
    Kind.GONE_BARE,
    Kind.GONE,
    Kind.BAD_REQUEST_IN_200,
    Kind.TOO_LONG,
    Kind.SERVED_MODEL,
    Kind.NO_USAGE,
)
"""Drawn once for the bytes of a request: trying the same again cannot help."""

IN_CONTENT: Final = (
    Kind.FENCED,
    Kind.DOUBLE_ENCODED,
    Kind.TRUNCATED,
    Kind.MALFORMED,
    Kind.PROSE,
    Kind.EMPTY,
    Kind.REFUSED,
    Kind.FILTERED,
    Kind.MISSING_FIELD,
    Kind.WRONG_ENUM,
)
"""Drawn once for the bytes of a request: the same bytes always get the same answer, whoever asks."""

MIXED: Final = (*_IN_TRANSIT_MIXED, *IN_CONTENT)
"""What `mixed` shares its rate among. What stalls a client for minutes or closes its account is asked for by name."""

STREAMS_ONLY: Final = frozenset({Kind.SILENT_STREAM, Kind.ERROR_EVENT, Kind.PINGS})
"""Has no meaning for a response that is not a stream; drawn, but without effect there."""
