"""What a survey keeps of what it hears."""

from __future__ import annotations

import asyncio
from typing import cast

from edgelet.adapters.mqtt.link import Link
from edgelet.adapters.mqtt.survey import Survey


class Standing:
    """A link that does not end."""

    async def ended(self) -> str:
        return str(await asyncio.get_running_loop().create_future())


async def heard(*topics: str) -> frozenset[str]:
    survey = Survey(b"nonce")
    for topic in topics:
        survey.hear(topic, b"{}", retained=True)
    survey.hear("status/pods/default/empty", b"", retained=True)
    survey.hear("status/pods/default/new", b"{}", retained=False)
    survey.finish()
    return await survey.wait(cast("Link", Standing()))


async def test_what_is_retained_is_kept_once() -> None:
    assert await heard("status/a", "status/b", "status/a") == {"status/a", "status/b"}


async def test_a_broker_without_measure_costs_a_bounded_amount() -> None:
    many = await heard(*(f"status/{number}" for number in range(20_100)))
    assert len(many) == 20_000
    long = await heard(*(f"status/{number}/{'x' * 60_000}" for number in range(100)))
    assert 0 < sum(map(len, long)) <= 4 * 1024 * 1024
