"""What the broker answers to packets of ours, by the packet's id."""

from __future__ import annotations

import asyncio

from paho.mqtt.reasoncodes import ReasonCode

from edgelet.adapters.mqtt import errors


class Answers:
    """Those of one connection that are waited for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[int, asyncio.Future[ReasonCode]] = {}

    async def wait(self, packet_id: int, *, at_most_s: float) -> ReasonCode:
        """Return the reason code of PUBACK, SUBACK or UNSUBACK.

        Raises:
            TimeoutError: None came in time.
            BusError: The connection ended first.
        """
        answer: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._waiting[packet_id] = answer
        try:
            async with asyncio.timeout(at_most_s):
                return await answer
        finally:
            self._waiting.pop(packet_id, None)

    def settle(self, packet_id: int, code: ReasonCode) -> None:
        """Hand an answer to who waits for it, if anybody does."""
        answer = self._waiting.get(packet_id)
        if answer is not None and not answer.done():
            answer.set_result(code)

    def fail(self, reason: str) -> None:
        """Tell everybody who waits that the connection ended first."""
        for waiting in self._waiting.values():
            errors.give(waiting, errors.ended(reason))
        self._waiting.clear()
