"""Files that the next connection is made with, and who waits for what becomes of it."""

from __future__ import annotations

import asyncio

from edgelet.adapters.mqtt import errors
from edgelet.adapters.mqtt.tls_files import TlsFiles
from edgelet.api.errors import BusError


class Trial:
    """One try. It succeeds or fails once; a second word changes nothing."""

    def __init__(self, files: TlsFiles) -> None:
        self.files = files
        self._outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def wait(self) -> None:
        """Return when the connection stands.

        Raises:
            BusError: It does not.
        """
        await self._outcome

    def succeed(self) -> None:
        """Say that the connection stands."""
        if not self._outcome.done():
            self._outcome.set_result(None)

    def fail(self, error: BusError) -> None:
        """Say why it does not."""
        errors.give(self._outcome, error)
