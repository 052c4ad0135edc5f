"""An error as OpenAI and compatible servers word it, read by status and code, never by the words of its message.

Sources: platform.openai.com/docs/guides/error-codes; openrouter.ai/docs/api/reference/errors-and-debugging
(errors inside a 200 and inside a choice, 403 for a flagged input).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from roadworthy.call.reply import Ending

DETAIL_CHARS = 300
_READ_CHARS = 2_000
_KEY = re.compile(r"(?i)\bbearer\s+\S+|\b(?:sk|pk|rk|gsk|xai|hf|key|nvapi)[-_][\w*.…-]{6,}|\bAIza[\w-]{10,}")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_DIGITS = re.compile(r"[1-5][0-9]{2}")

_QUOTA = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "billing_hard_limit",
        "billing_hard_limit_reached",
        "billing_not_active",
    }
)
_TOO_LONG = frozenset({"context_length_exceeded", "string_above_max_length", "request_too_large"})
_FILTERED = frozenset({"content_filter", "content_policy_violation", "responsibleaipolicyviolation"})
_AUTH = frozenset({"invalid_api_key", "authentication_error", "account_deactivated"})
_GONE = frozenset({"model_not_found", "model_deprecated"})
_THROTTLED = frozenset({"rate_limit_exceeded", "rate_limit_error", "slow_down"})

_BY_CODE = (
    (_QUOTA, Ending.QUOTA),
    (_TOO_LONG, Ending.TOO_LONG),
    (_FILTERED, Ending.FILTERED),
    (_AUTH, Ending.AUTH),
    (_GONE, Ending.GONE),
    (_THROTTLED, Ending.THROTTLED),
)
_BY_STATUS = {
    301: Ending.GONE,
    308: Ending.GONE,
    401: Ending.AUTH,
    402: Ending.QUOTA,
    403: Ending.AUTH,
    404: Ending.GONE,
    408: Ending.TRANSIENT,
    409: Ending.TRANSIENT,
    410: Ending.GONE,
    413: Ending.TOO_LONG,
    425: Ending.TRANSIENT,
    429: Ending.THROTTLED,
}
_GATEWAYS_MEAN_IT = frozenset({401, 413, 429})


def find_error(said: Mapping[str, object]) -> Mapping[str, object] | None:
    """The error that a body holds in any of the places where servers put one; None where there is none."""
    error = said.get("error")
    if isinstance(error, Mapping) and error:
        return error
    if isinstance(error, str) and error:
        return {"message": error}
    if said.get("object") == "error":
        return said
    choices = said.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    inner = first.get("error") if isinstance(first, Mapping) else None
    return inner if isinstance(inner, Mapping) and inner else None


def read_error(status: int, error: Mapping[str, object]) -> tuple[Ending, str]:
    """What an error means, and one line about it.

    A code is told from the inside, so it goes before the status, which a gateway may have set.
    """
    codes = {value.lower() for name in ("code", "type") if isinstance(value := error.get(name), str)}
    code, words = error.get("code") or error.get("type"), error.get("message")
    detail = " ".join(f"HTTP {status} {code if isinstance(code, str | int) else ''}".split())
    detail = one_line(f"{detail}: {words}" if isinstance(words, str) and words else detail)
    for known, ending in _BY_CODE:
        if codes & known:
            return ending, detail
    if status == 403 and _is_flagged(error):
        return Ending.FILTERED, detail
    if status in _BY_STATUS:
        return _BY_STATUS[status], detail
    passing = status >= 500 or 300 <= status < 400
    return Ending.TRANSIENT if passing else Ending.BAD_REQUEST, detail


def read_page(status: int) -> tuple[Ending, str]:
    """What an HTML page means: a gateway speaks, not the model's server, so it says nothing of key or model.

    A page instead of a 403 is a firewall that disliked one record; it must not close the lane for all others. Three
    statuses mean the same whoever says them: 401, 413, 429; and a permanent redirect is a base URL that moved.
    """
    detail = f"HTTP {status} with an HTML page"
    if status in _GATEWAYS_MEAN_IT or status in {301, 308}:
        return _BY_STATUS[status], detail
    return Ending.TRANSIENT, detail


def inner_status(error: Mapping[str, object]) -> int:
    """The status that an error inside a 200 would have had; 500 where nothing tells."""
    for name in ("code", "status", "status_code"):
        code = error.get(name)
        if isinstance(code, str) and _DIGITS.fullmatch(code):
            code = int(code)
        if isinstance(code, int) and 400 <= code < 600:
            return code
    return 400 if error.get("type") == "invalid_request_error" else 500


def one_line(text: str) -> str:
    """One line for a person: keys struck out, what cannot be seen written out, length bounded."""
    plain = _KEY.sub("***", " ".join(text[:_READ_CHARS].split()))
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", plain)[:DETAIL_CHARS]


def _is_flagged(error: Mapping[str, object]) -> bool:
    metadata = error.get("metadata")
    return isinstance(metadata, Mapping) and bool(metadata.get("flagged_input") or metadata.get("reasons"))
