"""Which kind of sandbox pods get on this board: settings, what the board allows, and the reason, once at start."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from edgelet.adapters.host.clock import SystemClock
from edgelet.adapters.sandboxes import host_check
from edgelet.adapters.sandboxes.keeper import Keeper
from edgelet.api.errors import EngineError
from edgelet.config.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SandboxChoice:
    """The keeper of pinned sandboxes, None where the engine is not ours to give namespaces to; who makes new ones."""

    keeper: Keeper | None
    prefer_pinned: bool

    async def leave(self) -> None:
        """Take away what no pod needs; the agent is about to stop."""
        if self.keeper is not None:
            await self.keeper.leave()


async def choose(settings: Settings, clock: SystemClock) -> SandboxChoice:
    """Choose, and say so in the log.

    Raises:
        EngineError: EngineUnavailable: pinned sandboxes are insisted on and cannot be had; the message says why.
    """
    wanted = settings.network.sandbox
    if settings.podman.socket is not None:
        why = "the engine is not started by edgelet ([podman] socket)"
        if wanted == "pinned":
            raise _refused(why)
        return SandboxChoice(None, prefer_pinned=False)
    directory = settings.paths.run / "sandboxes"
    keeper = Keeper(directory=directory, bridge=settings.network.bridge, pool=settings.network.pool, clock=clock)
    if wanted == "infra":
        return SandboxChoice(keeper, prefer_pinned=False)
    why = await host_check.why_not(directory, pool=settings.network.pool)
    if why and wanted == "pinned":
        raise _refused(why)
    if why:
        log.warning("pods get an infra container each", extra={"reason": "NoPinnedSandboxes", "error": why})
    else:
        log.info("pods get namespaces without an infra container")
    return SandboxChoice(keeper, prefer_pinned=not why)


def _refused(why: str) -> EngineError:
    return EngineError(
        "EngineUnavailable", f'cannot keep the namespaces of pods: {why}; or set [network] sandbox = "auto"'
    )
