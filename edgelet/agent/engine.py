"""This board's engine: Podman, brought up by the settings, and put behind its ports with the pods' sandboxes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from edgelet.adapters.host.clock import SystemClock
from edgelet.adapters.podman import bring_up
from edgelet.adapters.podman.images import PodmanImages
from edgelet.adapters.podman.network import PodNetwork
from edgelet.adapters.podman.runtime import PodmanRuntime
from edgelet.agent import engine_repair, sandbox_choice
from edgelet.agent.board_policy import BoardPolicy
from edgelet.agent.engine_gate import UNSETTLED_S, FoundEngine
from edgelet.config.settings import Settings

log = logging.getLogger(__name__)


def owner(settings: Settings) -> str:
    """Return the name on everything this agent makes in the engine."""
    return f"{settings.node.tenant}/{settings.node.name}"


def options(settings: Settings, policy: BoardPolicy) -> bring_up.Options:
    """Return how Podman is brought up on this board."""
    podman, run = settings.podman, settings.paths.run
    return bring_up.Options(
        run_dir=run / "podman",
        state_dir=settings.paths.state / "podman",
        bridge=settings.network.bridge,
        pool=settings.network.pool,
        program=podman.program,
        socket=podman.socket,
        storage_root=podman.storage_root,
        run_root=podman.run_root,
        runtime=podman.runtime,
        base_conf=podman.containers_conf,
        idle_exit_s=podman.idle_exit_s,
        calls_per_core=podman.calls_per_core,
        signatures=policy.signatures,
    )


async def find(
    settings: Settings,
    clock: SystemClock,
    told: Callable[[str], None],
    *,
    how: bring_up.Options,
    after_kill: bool,
) -> FoundEngine:
    """Bring Podman up and put it behind its ports; `told` hears of repairs. Raises EngineError with the remedy."""
    found = await bring_up.bring_up(how)
    try:
        sandboxes = await sandbox_choice.choose(settings, clock)
    except BaseException:
        await found.engine.close()
        raise
    for warning in found.warnings:
        log.warning(warning, extra={"reason": "EngineLimited"})
    runtime = _runtime(settings, clock, found, sandboxes, after_kill=after_kill)

    async def close() -> None:
        runtime.close()
        await sandboxes.leave()
        await found.engine.close()

    try:
        await runtime.recover()  # an engine that was killed, in an earlier run too, leaves namespaces and rules
    except BaseException:
        await close()
        raise

    async def sweep_and_look() -> None:
        await runtime.recover()
        # A sweep that finds nothing to do asks nothing, and would not see that the engine is broken.
        await runtime.pods()

    async def recover() -> None:
        await engine_repair.mending(settings, told, sweep_and_look)

    return FoundEngine(
        runtime=runtime,
        images=_images(settings, found),
        recover=recover,
        unswept=lambda: runtime.unswept,
        close=close,
    )


def _runtime(
    settings: Settings,
    clock: SystemClock,
    found: bring_up.Podman,
    sandboxes: sandbox_choice.SandboxChoice,
    *,
    after_kill: bool,
) -> PodmanRuntime:
    network = settings.network
    return PodmanRuntime(
        libpod=found.libpod,
        info=found.info,
        owner=owner(settings),
        run_dir=settings.paths.run / "podman",
        exits_dir=found.exits_dir,
        oci_runtime_path=found.oci_runtime_path,
        network=PodNetwork(name=found.network, bridge=network.bridge, pool=network.pool),
        clock=clock,
        pinned=sandboxes.keeper,
        prefer_pinned=sandboxes.prefer_pinned,
        own_storage=engine_repair.own_storage(settings) is not None,
        unsettled_s=UNSETTLED_S if after_kill else 0.0,
    )


def _images(settings: Settings, found: bring_up.Podman) -> PodmanImages:
    return PodmanImages(
        found.libpod,
        architecture=found.architecture,
        copy_dir=found.copy_dir,
        owner=owner(settings),
        storage_root=Path(found.info.storage_root),
        storage=engine_repair.own_storage(settings),
    )
