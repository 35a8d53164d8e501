"""Clearing up after an engine that was killed: one sweep after the other, none in the way of the next."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from edgelet.adapters.podman.errors import LibpodError
from edgelet.adapters.podman.station import station
from edgelet.api.errors import EngineError

log = logging.getLogger(__name__)

Sweep = Callable[[], Awaitable[object]]


class Clearing:
    """Runs all sweeps.

    What the engine refuses to help with stays, and `unswept` says so: a half-dead pod that it cannot list is no reason
    for a board to have no engine at all.
    """

    def __init__(self, *sweeps: Sweep) -> None:
        self._sweeps = sweeps
        self.unswept = False  # the last run left something

    async def run(self) -> None:
        """Sweep.

        Raises:
            EngineError: EngineUnavailable: the engine does not answer, or the host refuses.
        """
        self.unswept = False
        for sweep in self._sweeps:
            try:
                with station("EngineUnavailable", "clear up"):
                    await sweep()
            except EngineError as error:
                if not isinstance(error.__cause__, LibpodError):
                    raise
                self.unswept = True
                log.warning("cannot clear up all", extra={"reason": error.reason, "error": error.message})
