"""An engine whose database is damaged is repaired and asked again, where its storage is this agent's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from edgelet.adapters.podman import database_repair
from edgelet.adapters.podman.database_repair import Place
from edgelet.api.errors import EngineError
from edgelet.config.settings import Settings

T = TypeVar("T")


async def mending(settings: Settings, told: Callable[[str], None], work: Callable[[], Awaitable[T]]) -> T:
    """Do some work; where the engine is away because of its database, repair that, tell it, and do it once more.

    Raises:
        EngineError: As the work, or: the database is damaged and not ours to repair.
    """
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
    )
