"""Lanes shared by all processes on a ledger: their rates are spent together, and one finds out for all that a provider is down.

A lane's rate is a line of time in one row. A process takes the next slice of it, so many seconds of the declared or
learned rate, and spends it request by request at the moment of the send. What it does not use in time is burned, and so
is what a dead process held; nothing is given back, so no two processes can spend the same second. The slice begins with
one request, doubles while the process uses all of it and halves when some was burned.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import partial

from roadworthy._clock import Clock
from roadworthy._errors import LedgerUnavailable
from roadworthy._quick import quick
from roadworthy._settings import Settings
from roadworthy.call.lane import Lane
from roadworthy.keep.lanes import claim_probe, close_lane, lanes_down, open_lane, take_slice
from roadworthy.keep.ledger import Ledger
from roadworthy.keep.transaction import Change

_MINUTE_S = 60.0
_WIRE_S = 1.0
"""How long a request may take from its turn to the wire: its intent is committed in between."""
_ROUNDING_S = 1e-6


@quick(slots=True)
class _Slice:
    """A part of a lane's time line that is this process's own.

    Attributes:
        begins: monotonic seconds of its first request.
        spacing_s: between two requests.
        count: how many requests are left in it.
        tokens: how many tokens are left in it; infinite where they are not limited.
    """

    begins: float
    spacing_s: float
    count: int
    tokens: float


@quick(slots=True)
class _Share:
    """What this process holds of one lane."""

    size: int = 1
    slice: _Slice = field(default_factory=lambda: _Slice(0.0, 0.0, 0, 0.0))
    not_before: float = 0.0
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)


class SharedLanes:
    """Implements `call.sharing.Sharing` over a ledger.

    Args:
        store: the ledger; each process on it has one of these.
        settings: `share_ahead_s`, `share_slice_s`, `share_look_s`, `breaker_open_s`.
        clock: the process's own time; the rows have the ledger's.
        lanes: the process's lanes by name.
    """

    def __init__(
        self, store: Ledger, settings: Settings, clock: Clock, lanes: Callable[[], Mapping[str, Lane]]
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._lanes = lanes
        self._shares: dict[str, _Share] = {}
        self._down: set[str] = set()
        self._looked_at = 0.0
        self._writing: set[asyncio.Task[None]] = set()

    async def turn(self, lane: Lane, tokens: int) -> float:
        """0 and one request may go now, its rate is spent; else seconds until the next look."""
        if lane.down and not await self._may_probe(lane):
            return self._settings.share_look_s
        requests, limit = lane.limits
        if not requests and not limit:
            return 0.0
        share = self._shares.setdefault(lane.name, _Share())
        wait = self._spend(share, tokens, bounded=bool(limit))
        if wait is None:
            async with share.taking:
                wait = self._spend(share, tokens, bounded=bool(limit))  # another caller took one meanwhile
                if wait is None:
                    wait = await self._take(lane, share, tokens)
        return wait

    def changed(self, lane: Lane) -> None:
        """Tell the others; whoever sees it a moment later has lost nothing."""
        if lane.down:
            span_s = max(0.0, lane.tried_at - self._clock.monotonic())
            self._down.add(lane.name)
            self._write(
                partial(
                    open_lane, name=lane.name, owner=self._store.owner, span_s=span_s, now=self._clock.now()
                )
            )
        else:
            self._down.discard(lane.name)
            self._write(partial(close_lane, name=lane.name))

    def look(self) -> None:
        """Follow what others found, not more often than `share_look_s`: a lane that is down, one that is up again."""
        now = self._clock.monotonic()
        if now - self._looked_at < self._settings.share_look_s or self._writing:
            return
        self._looked_at = now
        try:
            down = self._store.read(partial(lanes_down, now=self._clock.now()))
        except LedgerUnavailable:
            return  # whoever writes meets it too
        for name, lane in self._lanes().items():
            if name in down and not lane.down:
                lane.follow(now + max(0.0, down[name]))
                self._down.add(name)
            elif name not in down and name in self._down:
                self._down.discard(name)
                lane.heal()

    async def close(self) -> None:
        """Let what is being told be written."""
        await asyncio.gather(*self._writing, return_exceptions=True)

    async def _may_probe(self, lane: Lane) -> bool:
        span_s = self._settings.breaker_open_s
        claim: Change[bool] = partial(
            claim_probe, name=lane.name, owner=self._store.owner, span_s=span_s, now=self._clock.now()
        )
        return await self._store.write(claim)

    def _spend(self, share: _Share, tokens: int, *, bounded: bool) -> float | None:
        """0 where a request of the slice is spent, seconds where the next one is not due yet, None where none is left."""
        now, held = self._clock.monotonic(), share.slice
        if now < share.not_before:
            return share.not_before - now
        burned = False
        while held.count and now > held.begins + self._settings.share_ahead_s:
            held.count, held.begins, burned = held.count - 1, held.begins + held.spacing_s, True
        if burned:
            share.size = max(1, share.size // 2)
        if not held.count or (bounded and held.tokens <= 0):
            return None
        if now < held.begins - _ROUNDING_S:
            return held.begins - now
        held.count, held.begins = held.count - 1, held.begins + held.spacing_s
        held.tokens -= tokens
        return 0.0

    async def _take(self, lane: Lane, share: _Share, tokens: int) -> float:
        """Take the next slice from the ledger. A minute's worth is stretched by what may be late within it."""
        settings, (requests, limit) = self._settings, lane.limits
        minute_s = _MINUTE_S + settings.share_ahead_s + _WIRE_S
        request_s = minute_s / requests if requests else 0.0
        token_s = minute_s / limit if limit else 0.0
        spacing_s = max(request_s, token_s * tokens)
        most = max(1, int(settings.share_slice_s / spacing_s)) if spacing_s else 1
        count = min(share.size, most)
        owed = lane.take_owed()
        took, wait = await self._store.write(
            partial(
                take_slice,
                name=lane.name,
                requests_s=request_s * count,
                tokens_s=token_s * (tokens * count + owed),
                ahead_s=settings.share_ahead_s,
                now=self._clock.now(),
            )
        )
        now = self._clock.monotonic()
        if not took:
            lane.owe(owed)
            share.not_before = now + max(wait, spacing_s, _ROUNDING_S)
            return share.not_before - now
        share.size = min(most, share.size * 2)
        share.slice = _Slice(now + wait, spacing_s, count, float(tokens * count) if limit else float("inf"))
        return self._spend(share, tokens, bounded=bool(limit)) or 0.0

    def _write(self, change: Change[None]) -> None:
        async def written() -> None:
            with contextlib.suppress(LedgerUnavailable):
                await self._store.write(change)

        task = asyncio.ensure_future(written())
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
