"""Real rate limits: a token bucket per model for requests and one for tokens, told in the provider's headers."""

from __future__ import annotations

import math
from typing import Final

from roadworthy._quick import quick

_MINUTE_S: Final = 60.0
_ROUNDING_S: Final = 1e-6  # whoever waited as long as was asked must not be refused for a rounding error


@quick(slots=True)
class _Bucket:
    per_minute: int
    level: float
    at: float

    def refill(self, now: float) -> None:
        self.level = min(self.per_minute, self.level + (now - self.at) * self.per_minute / _MINUTE_S)
        self.at = now

    def wait_s(self, need: float) -> float:
        """Seconds until `need` is there; 0 when it is there now."""
        return max(0.0, (need - self.level) * _MINUTE_S / self.per_minute)


@quick(frozen=True, slots=True)
class Grant:
    """Whether a request may pass.

    Attributes:
        refused: empty, or which limit stands against it: `requests` or `tokens`.
        wait_s: seconds until it would pass.
        headers: header lines that tell the client of its limits.
    """

    refused: str
    wait_s: float
    headers: bytes


FREE: Final = Grant("", 0.0, b"")


class Allowance:
    """Requests and tokens per minute for each model; a full minute's worth may come at once, then it refills evenly.

    A request takes the larger of its output cap and its input tokens, as the provider counts
    (https://platform.openai.com/docs/guides/rate-limits).

    Args:
        requests_per_minute: 0 for no limit.
        tokens_per_minute: 0 for no limit.
    """

    def __init__(self, *, requests_per_minute: int = 0, tokens_per_minute: int = 0) -> None:
        self._limits = {"requests": requests_per_minute, "tokens": tokens_per_minute}
        self._buckets: dict[str, dict[str, _Bucket]] = {}

    def reset(self) -> None:
        """Fill every bucket."""
        self._buckets.clear()

    def take(self, model: str, tokens: int, now: float) -> Grant:
        """Take one request and its tokens, or neither.

        Args:
            model: the model asked.
            tokens: what it counts for.
            now: monotonic seconds.
        """
        if not any(self._limits.values()):
            return FREE
        buckets = self._buckets.get(model)
        if buckets is None:
            filled = {
                name: _Bucket(limit, float(limit), now) for name, limit in self._limits.items() if limit
            }
            buckets = self._buckets[model] = filled
        needs = {"requests": 1.0, "tokens": float(tokens)}
        refused, wait_s = "", 0.0
        for name, bucket in buckets.items():
            bucket.refill(now)
            if (wait := bucket.wait_s(needs[name])) > max(wait_s, _ROUNDING_S):
                refused, wait_s = name, wait
        if not refused:
            for name, bucket in buckets.items():
                bucket.level -= needs[name]
        return Grant(refused, wait_s, b"".join(_told(name, bucket) for name, bucket in buckets.items()))


def _told(name: str, bucket: _Bucket) -> bytes:
    full_again = duration_text(bucket.wait_s(bucket.per_minute))
    lines = (("limit", bucket.per_minute), ("remaining", int(bucket.level)), ("reset", full_again))
    return b"".join(f"x-ratelimit-{what}-{name}: {value}\r\n".encode() for what, value in lines)


def duration_text(seconds: float) -> str:
    """Seconds as the provider writes them in its reset headers: `120ms`, `1.5s`, `6m0s`."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{seconds:.3g}s"
