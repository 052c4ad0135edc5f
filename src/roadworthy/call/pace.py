"""Pace: how fast a lane may send. Requests and tokens per minute, learned from headers; AIMD on concurrency."""

from __future__ import annotations

import math

from roadworthy._settings import Settings
from roadworthy.call.limits import Limits

_MINUTE_S = 60.0
_FULL_SHARE = 0.8
_SHARE_GROWTH = 1.02  # an answer; some 18 answers win back what one throttled burst took
_SHARE_LEAST = 0.01
_ROUNDING = 1e-9  # whoever waited as long as was said must not wait again for a rounding error
_WAIT_S_MIN = 1e-6  # a shorter wait would not move a clock that has run for weeks


class Bucket:
    """A token bucket that stays within `per_minute` in every minute; 0 means no limit.

    A plain bucket lets its burst and a minute's refill through in one minute. Here the two together are the limit:
    the burst is a second's worth and the refill is what is left. Only an amount larger than the burst can go past the
    limit, once and by less than itself.

    Args:
        whole: amounts are whole things such as requests, so that a burst of one needs no room of its own.
    """

    def __init__(self, per_minute: int, *, whole: bool = False) -> None:
        self._level = 0.0
        self._at = -math.inf
        self._whole = whole
        self.per_minute = 0
        self.limit(per_minute)

    def limit(self, per_minute: int) -> None:
        """Take a limit; what is left of the bucket shrinks with it."""
        if per_minute != self.per_minute:
            self.per_minute = per_minute
            self._level = min(self._level, self._burst) if math.isfinite(self._at) else self._burst

    @property
    def _burst(self) -> float:
        return max(1.0, self.per_minute / _MINUTE_S)

    @property
    def _a_second(self) -> float:
        room = self._burst - (1.0 if self._whole else 0.0)
        return max(self.per_minute - room, self.per_minute / 2) / _MINUTE_S

    def wait(self, now: float, amount: float) -> float:
        """Seconds until `amount` may be taken; an amount above the burst waits for a full bucket."""
        if not self.per_minute:
            return 0.0
        self._fill(now)
        lacking = min(amount, self._burst) - self._level
        return max(lacking / self._a_second, _WAIT_S_MIN) if lacking > _ROUNDING else 0.0

    def take(self, now: float, amount: float) -> None:
        """Take it; below zero where it was more than the burst or was measured afterwards."""
        if self.per_minute:
            self._fill(now)
            self._level = min(self._burst, self._level - amount)

    def left(self, now: float, amount: float) -> None:
        """The provider says how much is left: believe it where it is less."""
        if self.per_minute:
            self._fill(now)
            self._level = min(self._level, amount)

    def _fill(self, now: float) -> None:
        if math.isfinite(self._at):
            self._level = min(self._burst, self._level + (now - self._at) * self._a_second)
        self._at = now


class Pace:
    """When the next request of a lane may go. Pure: `now` is monotonic seconds.

    A lane starts slowly: until it is throttled for the first time each answer of a full lane wins one more slot, so
    that the number in flight doubles with each round trip; from then on a whole round of answers wins one. Where the
    provider's limits are known, being throttled although one kept to them means that others draw on them too: then
    the lane keeps to a share of the limits, which shrinks and grows back in the same way.

    Args:
        requests_per_minute, tokens_per_minute: the team's own limits, which headers can only lower; 0 until headers
            teach them.
    """

    def __init__(self, settings: Settings, requests_per_minute: int = 0, tokens_per_minute: int = 0) -> None:
        self._settings = settings
        self._own_requests = requests_per_minute or settings.lane_requests_per_minute
        self._own_tokens = tokens_per_minute or settings.lane_tokens_per_minute
        self.requests = Bucket(self._own_requests, whole=True)
        self.tokens = Bucket(self._own_tokens)
        self.slots = float(settings.lane_concurrency_start)
        self.in_flight = 0
        self._paused_until = -math.inf
        self.limits = (self._own_requests, self._own_tokens)
        """Requests and tokens a minute that are known, the team's own or the provider's; 0 where they are not."""
        self._share = 1.0
        self._throttled = False
        self.owed = 0
        """Tokens that answers came to above what was reckoned with, and that those who share the lane do not know of."""

    @property
    def full(self) -> bool:
        """Whether every slot is taken."""
        return self.in_flight >= int(self.slots)

    @property
    def free(self) -> int:
        """How many slots are free."""
        return max(0, int(self.slots) - self.in_flight)

    def wait(self, now: float, tokens: int) -> float:
        """0 and the request may go, holding a slot and having spent its tokens; else seconds until it may."""
        if now < self._paused_until:
            return self._paused_until - now
        if self.in_flight >= int(self.slots):
            return math.inf
        if any(self.limits):
            wait = max(self.requests.wait(now, 1), self.tokens.wait(now, tokens))
            if wait > 0:
                return wait
            self.requests.take(now, 1)
            self.tokens.take(now, tokens)
        self.in_flight += 1
        return 0.0

    def give_back(self, now: float, tokens: int) -> None:
        """The request did not go after all."""
        self.in_flight -= 1
        self.requests.take(now, -1)
        self.tokens.take(now, -tokens)

    def answered(self, now: float, likely: int, actual: int | None) -> None:
        """A request ended well: its slot is free, its tokens are what they really were, one slot in many is won."""
        self.in_flight -= 1
        if actual is not None:
            more = actual - likely
            self.tokens.take(now, more)
            self.owed += more
        if self.in_flight + 1 >= _FULL_SHARE * self.slots:
            won = 1 / self.slots if self._throttled else 1.0
            self.slots = min(float(self._settings.lane_concurrency_max), self.slots + won)
        if self._share < 1:
            self._take_share(min(1.0, self._share * _SHARE_GROWTH))

    def ended(self) -> None:
        """A request ended otherwise: its slot is free."""
        self.in_flight -= 1

    def throttled(self, now: float, pause_s: float) -> None:
        """The provider asks to slow down: the whole lane pauses; many answers of one burst shrink it once."""
        if now >= self._paused_until:
            self.slots = max(1.0, self.slots * self._settings.lane_decrease)
            self._throttled = True
            self._take_share(max(_SHARE_LEAST, self._share * self._settings.lane_decrease))
        self._paused_until = max(self._paused_until, now + pause_s)

    def learn(self, limits: Limits, now: float) -> None:
        """Take over the provider's own limits and what it says is left."""
        requests, tokens = self.limits
        if limits.requests:
            requests = min(limits.requests, self._own_requests or limits.requests)
        if limits.tokens:
            tokens = min(limits.tokens, self._own_tokens or limits.tokens)
        if (requests, tokens) != self.limits:
            self.limits = requests, tokens
            self._take_share(self._share)
        if limits.requests_left is not None:
            self.requests.left(now, limits.requests_left)
        if limits.tokens_left is not None:
            self.tokens.left(now, limits.tokens_left)

    def _take_share(self, share: float) -> None:
        """Keep to this share of the limits that are known."""
        self._share = share
        for bucket, limit in zip((self.requests, self.tokens), self.limits, strict=True):
            bucket.limit(max(1, int(limit * share)) if limit else 0)
