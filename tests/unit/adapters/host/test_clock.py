from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from edgelet.adapters.host.clock import SystemClock


def test_now_is_aware_and_in_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_sleep_lasts_its_time_by_the_monotonic_clock() -> None:
    clock = SystemClock()
    before_s = clock.monotonic_s()
    await clock.sleep(0.05)
    assert 0.05 <= clock.monotonic_s() - before_s < 5


async def test_a_sleep_of_nothing_lets_others_run() -> None:
    ran: list[bool] = []
    asyncio.get_running_loop().call_soon(ran.append, True)
    await SystemClock().sleep(0)
    assert ran
