"""An error as the providers word it, read by status and code, and by how its message begins in two cases alone.

Sources: platform.openai.com/docs/guides/error-codes and the SDK's `ResponseError`; the `error_code` details of
Anthropic's SDK; ai.google.dev/gemini-api/docs/troubleshooting with google.rpc.Code; the exceptions of Bedrock's service
model in botocore; learn.microsoft.com/azure/ai-services/openai (content filter);
openrouter.ai/docs/api/reference/errors-and-debugging (errors inside a 200 and inside a choice, 403 for a flagged input).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from roadworthy._secret import Secret, struck_out
from roadworthy.call.reply import Ending
from roadworthy.call.wire.value import at, first_object, objects

DETAIL_CHARS = 300
_READ_CHARS = 2_000
_KEY = re.compile(r"(?i)\bbearer\s+\S+|\b(?:sk|pk|rk|gsk|xai|hf|key|nvapi)[-_][\w*.…-]{6,}|\bAIza[\w-]{10,}")
_KEY_MARKS = re.compile(r"[spr]k[-_]|gsk|xai|hf[-_]|key|nvapi|aiza")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_DIGITS = re.compile(r"[1-5][0-9]{2}")
_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
_PER_DAY = "quota_per_day"

_QUOTA = frozenset(
    {"insufficient_quota", "credit_balance_exhausted", "billing_hard_limit", "billing_hard_limit_reached"}
    | {"billing_not_active", "billing_error", "enforced_spend_limit_reached", "contract_spend_limit_reached"}
    | {"linked_organization_spend_limit_reached", "linked_organization_billing_unavailable"}
    | {"user_profile_not_billable", "billing_disabled", "servicequotaexceededexception", _PER_DAY}
)
_TOO_LONG = frozenset(
    {"context_length_exceeded", "string_above_max_length", "request_too_large"}
    | {"request_body_too_large_after_decoding"}
)
_FILTERED = frozenset(
    {"content_filter", "content_policy_violation", "responsibleaipolicyviolation", "invalid_prompt"}
    | {"bio_policy", "misalignment_policy_violation", "image_content_policy_violation"}
)
_AUTH = frozenset(
    {
        "invalid_api_key",
        "authentication_error",
        "account_deactivated",
        "permission_error",
        "organization_on_hold",
    }
    | {"permission_denied", "unauthenticated", "api_key_invalid", "consumer_suspended", "service_disabled"}
    | {"accessdeniedexception", "unrecognizedclientexception", "expiredtokenexception"}
    | {"invalidsignatureexception", "incompletesignatureexception", "missingauthenticationtokenexception"}
)
_GONE = frozenset(
    {"model_not_found", "model_deprecated", "deploymentnotfound", "not_found", "resourcenotfoundexception"}
)
_THROTTLED = frozenset(
    {"rate_limit_exceeded", "rate_limit_error", "slow_down", "ramp_limit_exceeded", "resource_exhausted"}
    | {"throttlingexception"}
)
_TRANSIENT = frozenset(
    {"overloaded_error", "api_error", "server_is_overloaded", "timeout_error", "modelnotreadyexception"}
    | {"modeltimeoutexception", "modelerrorexception", "modelstreamerrorexception", "internalserverexception"}
    | {"serviceunavailableexception", "vector_store_timeout"}
)
_BY_CODE = (
    (_QUOTA, Ending.QUOTA),
    (_TOO_LONG, Ending.TOO_LONG),
    (_FILTERED, Ending.FILTERED),
    (_AUTH, Ending.AUTH),
    (_GONE, Ending.GONE),
    (_THROTTLED, Ending.THROTTLED),
    (_TRANSIENT, Ending.TRANSIENT),
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
    424: Ending.TRANSIENT,
    425: Ending.TRANSIENT,
    429: Ending.THROTTLED,
    499: Ending.TRANSIENT,
}
_NO_CREDIT = "your credit balance is too low"
"""Anthropic's message for an account that ran dry: a 400 with the code of any bad request (anthropics/claude-code#66314)."""
_TOO_LARGE = "request too large for "
"""OpenAI's for a request that is larger than a minute's tokens: a 429 with the code of any other, and no wait ends it."""
_GATEWAYS_MEAN_IT = frozenset({401, 413, 429})
_REFUSES_THE_REQUEST = frozenset({"invalid_request_error", "invalid_argument", "validationexception"})


def find_error(said: Mapping[str, object]) -> Mapping[str, object] | None:
    """The error that a body holds in any of the places where servers put one; None where there is none."""
    if error := said.get("error"):
        if isinstance(error, Mapping):
            return error
        if isinstance(error, str):
            return {"message": error}
    if said.get("object") == "error":
        return said
    first = first_object(said.get("choices"))
    return at(first, "error") or None if first and first.get("error") else None


def read_error(status: int, error: Mapping[str, object]) -> tuple[Ending, str]:
    """What an error means, and one line about it.

    A code is told from the inside, so it goes before the status, which a gateway may have set.
    """
    codes = set(_codes(error))
    code, words = error.get("code") or error.get("type"), error.get("message")
    detail = " ".join(f"HTTP {status} {code if isinstance(code, str | int) else ''}".split())
    detail = one_line(f"{detail}: {words}" if isinstance(words, str) and words else detail)
    if (worded := _by_words(status, codes, words)) is not None:
        return worded, detail
    for known, ending in _BY_CODE:
        if codes & known:
            return ending, detail
    if status == 403 and _is_flagged(error):
        return Ending.FILTERED, detail
    if status in _BY_STATUS:
        return _BY_STATUS[status], detail
    passing = status >= 500 or 300 <= status < 400
    return Ending.TRANSIENT if passing else Ending.BAD_REQUEST, detail


def _by_words(status: int, codes: set[str], words: object) -> Ending | None:
    """What no code tells. The beginning is the provider's own, whatever it quotes further on."""
    said = words.lstrip().lower() if isinstance(words, str) else ""
    too_large = status == 413 or said.startswith(_TOO_LARGE)  # 413: Groq's status for the same
    if too_large and codes & _THROTTLED:
        return Ending.TOO_LONG
    return Ending.QUOTA if status == 400 and said.startswith(_NO_CREDIT) else None


def asked_wait_s(error: Mapping[str, object]) -> float | None:
    """The wait that the body itself asks for: google.rpc.RetryInfo, such as `59s`."""
    for detail in objects(error.get("details")):
        delay = detail.get("retryDelay")
        if isinstance(delay, str) and (found := _DELAY.fullmatch(delay)):
            return float(found[1])
    return None


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
    return 400 if _REFUSES_THE_REQUEST & set(_codes(error)) else 500


def one_line(text: str) -> str:
    """One line for a person: keys struck out, what cannot be seen written out, length bounded."""
    text = struck_out(text[:_READ_CHARS])
    if (
        text.isascii()
        and text.isprintable()
        and " " not in text
        and len(text) <= DETAIL_CHARS
        and not _KEY_MARKS.search(text.lower())
    ):
        return text  # a name or a number, as most are: the search for keys costs more than all else
    plain = _KEY.sub("***", " ".join(text.split()))
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", plain)[:DETAIL_CHARS]


def as_word(value: object) -> str:
    """A short text on one line; empty where it is none."""
    return one_line(value) if isinstance(value, str) else ""


def as_name(value: object) -> str:
    """The same for a word that comes with every answer, such as the model's name; it is looked at once."""
    return _name(value[:_READ_CHARS], Secret.told) if isinstance(value, str) else ""


@lru_cache(maxsize=64)
def _name(text: str, told: int) -> str:
    """A name on one line. A value that becomes secret counts `told` up, so that the name is looked at anew."""
    del told
    return one_line(text)


def _codes(error: Mapping[str, object]) -> Iterator[str]:
    """Every code that an error names, lower case, wherever the providers put one.

    Google counts a quota per minute and per day by the same code. Only the day's is none to wait for, and only where
    no wait is asked for.
    """
    inner = [error, at(error, "innererror"), at(error, "details"), *objects(error.get("details"))]
    for place in inner:
        for name in ("code", "type", "status", "error_code", "reason", "__type"):
            if isinstance(value := place.get(name), str):
                yield value.rpartition("#")[2].partition(":")[0].lower()
    if asked_wait_s(error) is None:
        violations = [one for place in inner for one in objects(place.get("violations"))]
        if any("PerDay" in str(one.get("quotaId")) for one in violations):
            yield _PER_DAY


def _is_flagged(error: Mapping[str, object]) -> bool:
    metadata = at(error, "metadata")
    return bool(metadata.get("flagged_input") or metadata.get("reasons"))
