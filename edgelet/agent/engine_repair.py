"""An engine whose files are damaged is repaired and asked again, where its storage is this agent's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from edgelet.adapters.podman import database_repair
from edgelet.adapters.podman.database_repair import Place
from edgelet.adapters.podman.recovery import Sweeper
from edgelet.adapters.podman.storage_repair import OwnStorage
from edgelet.api.errors import EngineError
from edgelet.config.settings import Settings

T = TypeVar("T")


async def mending(settings: Settings, told: Callable[[str], None], work: Callable[[], Awaitable[T]]) -> T:
    """Do some work on a storage in order; where the database keeps the engine away, repair that and do it once more.

    The storage is looked at before: an engine that starts on a list that was cut takes it for empty, and keeps it so.

    Raises:
        EngineError: As the work, or: the storage or the database is damaged and not ours to repair.
    """
    storage = own_storage(settings)
    if storage is not None and (done := await asyncio.to_thread(storage.mend)):
        told(f"{done[0].upper()}{done[1:]}")
    try:
        return await work()
    except EngineError as error:
        if error.reason != "EngineUnavailable" or settings.podman.socket is not None:
            raise
        done = await database_repair.mend(_place(settings), error)
        if not done:
            raise
    told(done)
    return await work()


def own_storage(settings: Settings) -> OwnStorage | None:
    """Return the storage that is this agent's alone, None where others use it, too."""
    podman = settings.podman
    if podman.storage_root is None or podman.run_root is None or podman.socket is not None:
        return None
    return OwnStorage(podman.storage_root, podman.run_root)


def _place(settings: Settings) -> Place | None:
    podman, run = settings.podman, settings.paths.run / "podman"
    if podman.storage_root is None or podman.run_root is None:
        return None
    roots = ("--root", str(podman.storage_root), "--runroot", str(podman.run_root), "--tmpdir", str(run / "libpod"))
    return Place(
        argv=(podman.program, *roots),
        environment={
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "CONTAINERS_CONF": str(run / "containers.conf"),
        },
        storage_root=podman.storage_root,
        run_root=podman.run_root,
        intents=Sweeper(run_dir=run, oci_runtime=podman.runtime or "runc"),
    )
