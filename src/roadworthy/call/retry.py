"""Retry: the one owner of retries, as a pure policy. It decides; the driver waits and sends."""

from __future__ import annotations

from typing import TypeAlias

from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.call.ending import TREATMENT
from roadworthy.call.reply import Ending, Outcome

_UNKNOWN_AGAIN_MAX = 1


@quick(frozen=True, slots=True)
class Wait:
    """Send the same request again after `seconds`."""

    seconds: float


@quick(frozen=True, slots=True)
class Park:
    """No more tries now: the record waits for the provider and comes round again."""

    reason: str


@quick(frozen=True, slots=True)
class GiveUp:
    """This model does not answer this request; trying again cannot help."""


Action: TypeAlias = Wait | Park | GiveUp


class RetryTokens:
    """A lane's retry budget: retries are at most a share of successes, whatever goes wrong (gRPC proposal A6)."""

    def __init__(self, settings: Settings) -> None:
        self._most = float(settings.retry_budget_burst)
        self._ratio = settings.retry_budget_ratio
        self._tokens = self._most

    def earn(self) -> None:
        """A request succeeded."""
        if self._tokens < self._most:
            self._tokens = min(self._most, self._tokens + self._ratio)

    def spend(self) -> bool:
        """Take one retry; False where the budget is spent."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Retry:
    """The tries of one request.

    Tries that never left cost nothing and reached nobody: they are counted apart, by the same limit.

    Args:
        settings: attempts, backoff, floor and cap.
        tokens: the lane's retry budget; throttled tries do not draw on it, their pace is the lane's.
    """

    def __init__(self, settings: Settings, tokens: RetryTokens) -> None:
        self._settings = settings
        self._tokens = tokens
        self._tries = 0
        self._unknown = 0
        self._unsent = 0

    def after(self, outcome: Outcome, now: float, chance: float, deadline: float) -> Action:
        """What to do after a try that brought no reply.

        Args:
            now, deadline: monotonic seconds.
            chance: in [0, 1), for the jitter.
        """
        self._tries += 1
        self._unknown += outcome.ending is Ending.UNKNOWN
        self._unsent += outcome.ending is Ending.UNSENT
        if not TREATMENT[outcome.ending].retries:
            return GiveUp()
        if self._unknown > _UNKNOWN_AGAIN_MAX:
            return Park("two tries ended unseen after sending; a third could be billed too")
        if max(self._tries - self._unsent, self._unsent) >= self._settings.attempts_max:
            return Park(f"{self._tries} tries brought no answer: {outcome.detail or outcome.ending.value}")
        seconds = self._pause(outcome, chance)
        if outcome.retry_after_s is not None and seconds > self._settings.retry_after_cap_s:
            return Park(f"the provider asks to wait {outcome.retry_after_s:.0f} s")
        if now + seconds >= deadline:
            return Park("the next try would be past the deadline")
        if outcome.ending is not Ending.THROTTLED and not self._tokens.spend():
            return Park("the lane's retry budget is spent")
        return Wait(seconds)

    def _pause(self, outcome: Outcome, chance: float) -> float:
        """Full jitter for what passes by itself; never below a floor, or Retry-After, where asked to slow down."""
        settings = self._settings
        if outcome.ending is Ending.THROTTLED:
            doubled = settings.throttle_floor_s * 2.0 ** (self._tries - 1)
            asked = outcome.retry_after_s or 0.0
            return max(asked * (1 + 0.1 * chance), settings.throttle_floor_s, doubled * (0.5 + chance / 2))
        top = min(settings.backoff_cap_s, settings.backoff_base_s * 2.0 ** (self._tries - 1))
        return max(chance * top, outcome.retry_after_s or 0.0)
