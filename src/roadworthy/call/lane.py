"""A lane: one provider, model and key, with the pace and health that all its requests share."""

from __future__ import annotations

import math

from roadworthy._settings import Settings
from roadworthy.call.breaker import Breaker
from roadworthy.call.pace import Pace
from roadworthy.call.reply import Ending, Outcome
from roadworthy.call.retry import RetryTokens
from roadworthy.call.tokens import TokenRate

_ANSWERS = frozenset({Ending.OK, Ending.TRUNCATED, Ending.REFUSED, Ending.FILTERED, Ending.EMPTY})
_CLOSING = frozenset({Ending.QUOTA, Ending.AUTH, Ending.UNTRUSTED})
_SILENT = frozenset({Ending.THROTTLED, Ending.TRANSIENT, Ending.UNKNOWN, Ending.UNSENT})
_WHY = {
    Ending.QUOTA: "the account has no credit or quota left",
    Ending.AUTH: "the key is refused",
    Ending.UNTRUSTED: "the server's certificate does not hold",
    Ending.GONE: "there is no such model",
}
"""Why a lane closes, in our words: a provider's may quote the record that met them, and every record is told this."""
_GONE_IN_A_ROW = 2  # one 404 may be a gateway's slip


class Lane:
    """The memory of a lane. Pure: it reads no clock and never sleeps; `now` is monotonic seconds.

    Attributes:
        closed: why nothing is sent; "" while it is open.
        needs_key: whether it was closed for its key, so that another key can open it.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
    ) -> None:
        self.name = name
        self.closed = ""
        self.needs_key = False
        self.retry_tokens = RetryTokens(settings)
        self.rate = TokenRate()
        self._settings = settings
        self._pace = Pace(settings, requests_per_minute or 0, tokens_per_minute or 0)
        self._breaker = Breaker(settings)
        self._silent_since: float | None = None
        self._gone = 0
        self._wanted_at = -math.inf
        self._again_at = math.inf

    @property
    def full(self) -> bool:
        """Whether only a slot is missing."""
        return self._pace.full

    @property
    def free(self) -> int:
        """How many slots are free."""
        return self._pace.free

    @property
    def down(self) -> bool:
        """Whether its breaker is open: it only failed of late and is tried with one request at a time."""
        return self._breaker.open

    @property
    def tried_at(self) -> float:
        """While it is down: monotonic seconds at which it is tried again."""
        return self._breaker.until

    @property
    def health(self) -> tuple[str, bool, float]:
        """Why it is closed, whether it is down, and when it is then tried: somebody should hear when this changes."""
        return self.closed, self._breaker.open, self._breaker.until

    @property
    def needs_turn(self) -> bool:
        """Whether a request needs its turn among all processes: its rate is known, or it is down."""
        return self._breaker.open or any(self._pace.limits)

    @property
    def limits(self) -> tuple[int, int]:
        """Requests and tokens a minute that are known; 0 where they are not."""
        return self._pace.limits

    def take_owed(self) -> int:
        """Tokens that were spent beyond what was reckoned with since the last look."""
        owed, self._pace.owed = max(0, self._pace.owed), min(0, self._pace.owed)
        return owed

    def owe(self, tokens: int) -> None:
        """Put them back: nobody was told."""
        self._pace.owed += tokens

    def follow(self, until: float) -> None:
        """Another process found that the provider only fails."""
        self._breaker.follow(until, self._pace.in_flight)

    def heal(self) -> None:
        """Another process got an answer of the provider."""
        self._breaker.heal()
        self._silent_since = None

    def admit(self, now: float, tokens: int) -> float:
        """0 and one request may go now; else seconds until the next look (infinite: until a slot is free)."""
        self._wanted_at = now
        wait = self._breaker.wait(now) or self._pace.wait(now, tokens)
        if not wait and self._breaker.open:
            self._breaker.probe()
        return wait

    def give_back(self, now: float, tokens: int) -> None:
        """The request that was let go did not go after all."""
        self._breaker.forget_probe()
        self._pace.give_back(now, tokens)

    def saw(self, outcome: Outcome, now: float, tokens: int) -> None:
        """A request ended: free its slot and learn from it."""
        ending = outcome.ending
        self._breaker.saw(ending, now, self._pace.in_flight - 1)
        if outcome.limits is not None:
            self._pace.learn(outcome.limits, now)
        if ending in _ANSWERS:
            usage = outcome.usage
            spent = None if usage is None else usage.input_tokens + usage.output_tokens
            self._pace.answered(now, tokens, spent)
            self.retry_tokens.earn()
            self._silent_since, self._gone = None, 0
            if not self.closed:  # else it went out before, and says nothing of the key
                self.needs_key = False
            return
        self._pace.ended()
        if ending is Ending.THROTTLED:
            asked = min(outcome.retry_after_s or 0.0, self._settings.retry_after_cap_s)
            self._pace.throttled(now, max(asked, self._settings.throttle_floor_s))
        if ending in _SILENT:
            self._silent_since = now if self._silent_since is None else self._silent_since
        else:
            self._silent_since = None
        self._gone = self._gone + 1 if ending is Ending.GONE else 0
        if ending in _CLOSING or self._gone >= _GONE_IN_A_ROW:
            if not self.closed:
                self.needs_key = ending is Ending.AUTH
            self.close(f"{ending.value}: {_WHY[ending]}", now)

    def silent_s(self, now: float) -> float:
        """How long this lane has brought nothing but failures."""
        return 0.0 if self._silent_since is None else now - self._silent_since

    def is_waited_for(self, since: float) -> bool:
        """Whether someone wanted it since `since`, and it is open and brings nothing but failures."""
        return not self.closed and self._silent_since is not None and self._wanted_at >= since

    def close(self, reason: str, now: float = math.inf) -> None:
        """Send nothing, until it is tried again `breaker_open_cap_s` after `now`; where that is not given, until `reopen`."""
        if not self.closed:
            self.closed, self._again_at = reason, now + self._settings.breaker_open_cap_s

    def try_again(self, now: float) -> bool:
        """Open what was closed long enough, as it is after an outage: for one request, whose ending tells how it goes on."""
        if now < self._again_at:
            return False
        needs_key = self.needs_key
        self.reopen()
        self.needs_key = needs_key  # until an answer says otherwise
        self._silent_since = None
        self._gone = _GONE_IN_A_ROW - 1
        self._breaker.follow(now, self._pace.in_flight)
        return True

    def reopen(self) -> None:
        """Send again; whatever closed it was put right."""
        self.closed, self.needs_key, self._gone, self._again_at = "", False, 0, math.inf
