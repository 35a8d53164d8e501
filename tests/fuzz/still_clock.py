"""A clock that stands, for code that only asks for the time."""

from __future__ import annotations

from datetime import UTC, datetime


class StillClock:
    """Satisfies ports.clock.Clock."""

    def now(self) -> datetime:
        """The same moment."""
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def monotonic_s(self) -> float:
        """The same second."""
        return 1.0

    async def sleep(self, seconds: float) -> None:
        """Take no time."""
