"""What a provider's headers say about waiting and about its limits.

Sources: RFC 9110 section 10.2.3 (Retry-After); platform.openai.com/docs/guides/rate-limits (x-ratelimit-*);
platform.claude.com/docs/en/api/rate-limits (anthropic-ratelimit-*, resets as RFC 3339).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from roadworthy._quick import quick

_SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")
_UNITS_S = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)


@quick(frozen=True, slots=True)
class Limits:
    """A provider's limits per minute, and what is left of them; None where it does not say."""

    requests: int | None
    tokens: int | None
    requests_left: int | None
    tokens_left: int | None
    requests_reset_s: float | None
    tokens_reset_s: float | None


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """How long the provider asks to wait, in seconds; None where it says nothing that can be used."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1_000
    text = headers.get("retry-after")
    if text is None:
        return None
    if (seconds := _number(text)) is not None:
        return seconds
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - few providers send a date

    try:
        date = parsedate_to_datetime(text)
        wait = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
    except (TypeError, ValueError, OverflowError):
        return None
    return wait if wait > 0 else None


def read_limits(headers: Mapping[str, str], now: float = 0.0) -> Limits | None:
    """The x-ratelimit-* or anthropic-ratelimit-* headers; None where there are none.

    Args:
        now: seconds since 1970, UTC, to read a reset that is a date.
    """
    if "ratelimit-" not in "\n".join(headers):
        return None
    for name in headers:
        if name.startswith("x-ratelimit-"):
            return _openai_limits(headers)
        if name.startswith("anthropic-ratelimit-"):
            return _anthropic_limits(headers, now)
    return None


def _openai_limits(headers: Mapping[str, str]) -> Limits:
    return Limits(
        _whole(headers.get("x-ratelimit-limit-requests")),
        _whole(headers.get("x-ratelimit-limit-tokens")),
        _whole(headers.get("x-ratelimit-remaining-requests")),
        _whole(headers.get("x-ratelimit-remaining-tokens")),
        span_s(headers.get("x-ratelimit-reset-requests")),
        span_s(headers.get("x-ratelimit-reset-tokens")),
    )


def _anthropic_limits(headers: Mapping[str, str], now: float) -> Limits:
    """`tokens` is the most restrictive limit in force; where it is missing, the input's is the one that binds."""
    prefix = "anthropic-ratelimit-"
    kind = "tokens" if f"{prefix}tokens-limit" in headers else "input-tokens"
    return Limits(
        _whole(headers.get(f"{prefix}requests-limit")),
        _whole(headers.get(f"{prefix}{kind}-limit")),
        _whole(headers.get(f"{prefix}requests-remaining")),
        _whole(headers.get(f"{prefix}{kind}-remaining")),
        _until_s(headers.get(f"{prefix}requests-reset"), now),
        _until_s(headers.get(f"{prefix}{kind}-reset"), now),
    )


def _until_s(text: str | None, now: float) -> float | None:
    """Seconds until a date as RFC 3339 writes it; None where it is none."""
    try:
        date = datetime.fromisoformat(text or "")
        return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def span_s(text: str | None) -> float | None:
    """Seconds in a span such as `6m0s`, `1s`, `20ms`; None where it is none."""
    found = _SPAN.fullmatch(text or "")
    if not text or found is None:
        return None
    return sum(float(part) * unit for part, unit in zip(found.groups(), _UNITS_S, strict=True) if part)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _whole(text: str | None) -> int | None:
    value = _number(text)
    return None if value is None else int(value)
