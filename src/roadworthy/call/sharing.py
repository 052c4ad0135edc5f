"""What the driver asks of those who share a provider with it: other processes on the same ledger."""

from __future__ import annotations

from typing import Protocol

from roadworthy.call.lane import Lane


class Sharing(Protocol):
    """Spends the rate that all processes have together, at the moment of the send, and tells them how a lane does."""

    async def turn(self, lane: Lane, tokens: int) -> float:
        """0 and one request may go now, its rate is spent; else seconds until the next look."""

    def changed(self, lane: Lane) -> None:
        """A lane's breaker has opened, has opened again, or has closed."""

    def look(self) -> None:
        """Follow what others found out, where that is due; a comparison where it is not."""
