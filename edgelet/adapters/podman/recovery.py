"""What Podman leaves behind when something was killed, and the sweeping of it: only of pods that were ours.

Before a pod is removed, what it could leave is written down in the run directory (tmpfs). So a crash between removal
and sweep loses nothing, and nothing is ever swept whose owner had to be guessed.

Source: PODMAN facts, 60 kills of the service: netns files with their veths, runtime directories, empty pod cgroups.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from edgelet.adapters.podman import cgroups, netns
from edgelet.adapters.podman.inspection import Inspected

_STATE_ROOT = Path("/run")


@dataclass(frozen=True, slots=True)
class Remains:
    """What one pod or container may leave. Paths as inspect shows them; absent ones are no error."""

    container_ids: tuple[str, ...] = ()
    cgroup_paths: tuple[str, ...] = ()
    netns_paths: tuple[str, ...] = ()


def of(containers: Iterable[Inspected], pod_cgroups: Iterable[str] = ()) -> Remains:
    """Collect what removal of these could leave. A shared netns is named once; the host's is never named."""
    every = tuple(containers)
    named = {each.netns_path for each in every if Path(each.netns_path).parent == netns.NETNS_DIR}
    own = {each.cgroup_path for each in every if each.id in each.cgroup_path}
    return Remains(
        container_ids=tuple(each.id for each in every),
        cgroup_paths=(*sorted(own), *sorted(set(filter(None, pod_cgroups)))),
        netns_paths=tuple(sorted(named)),
    )


def of_container(container: Inspected, *, group: str = "") -> Remains:
    """Collect what removal of one container could leave; its netns is the sandbox's. `group`: where else to look."""
    own = {path for path in (container.cgroup_path, group) if container.id in path}
    return Remains(container_ids=(container.id,), cgroup_paths=tuple(sorted(own)))


class Sweeper:
    """Writes down and sweeps.

    Args:
        run_dir: Where intentions are written; gone after a reboot, as what they name.
        oci_runtime: Path of runc or crun, which keeps a directory per container below /run.
        cgroup_mount: Where control groups are mounted.
    """

    def __init__(self, *, run_dir: Path, oci_runtime: str, cgroup_mount: Path = cgroups.MOUNT_POINT) -> None:
        self._intents = run_dir / "removals"
        self._runtime = oci_runtime
        self._cgroup_mount = cgroup_mount

    def intend(self, key: str, remains: Remains) -> None:
        """Write down what is about to be removed."""
        self._intents.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(key)
        merged = _merge(_read(path), remains)
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(merged)))
        temporary.replace(path)

    async def finish(self, key: str) -> None:
        """Sweep what was written down; call it when the engine no longer knows the pod."""
        path = self._path(key)
        await self._sweep(_read(path))
        path.unlink(missing_ok=True)

    def unfinished(self) -> tuple[Remains, ...]:
        """Return what earlier removals wrote down and did not finish."""
        return tuple(_read(path) for path in self._files())

    async def finish_all(self, alive: frozenset[str]) -> None:
        """Sweep what earlier removals left, but not of containers that the engine still has."""
        for path in tuple(self._files()):
            remains = _read(path)
            if alive.isdisjoint(remains.container_ids):
                await self._sweep(remains)
                path.unlink(missing_ok=True)

    async def _sweep(self, remains: Remains) -> None:
        for container_id in remains.container_ids:
            if self._state_dir(container_id).exists():
                await asyncio.to_thread(netns.run, self._runtime, "delete", "--force", container_id)
        for path in remains.netns_paths:
            await asyncio.to_thread(netns.remove, Path(path))
        for cgroup_path in remains.cgroup_paths:
            self._remove_cgroup(cgroup_path)

    def _state_dir(self, container_id: str) -> Path:
        return _STATE_ROOT / Path(self._runtime).name / container_id

    def _remove_cgroup(self, cgroup_path: str) -> None:
        """Remove a group and what is below it, as far as it is empty: the kernel refuses the rest."""
        if cgroup_path.strip("/").count("/") < 1:
            return  # never a top-level group
        for root in _hierarchies(self._cgroup_mount):
            top = root / cgroup_path.lstrip("/")
            for folder, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)  # noqa: PTH106  as os.walk gives it

    def _path(self, key: str) -> Path:
        return self._intents / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"

    def _files(self) -> Iterator[Path]:
        if self._intents.exists():
            yield from self._intents.glob("*.json")


def _hierarchies(mount: Path) -> tuple[Path, ...]:
    if cgroups.version(mount) == 2:  # noqa: PLR2004  the version's number
        return (mount,)
    with contextlib.suppress(OSError):
        return tuple(child for child in mount.iterdir() if child.is_dir() and not child.is_symlink())
    return ()


def _read(path: Path) -> Remains:
    try:
        document = json.loads(path.read_text())
        return Remains(**{key: tuple(map(str, document.get(key, ()))) for key in Remains.__slots__})
    except (OSError, ValueError, AttributeError):
        return Remains()


def _merge(one: Remains, other: Remains) -> Remains:
    return Remains(
        tuple(dict.fromkeys(one.container_ids + other.container_ids)),
        tuple(dict.fromkeys(one.cgroup_paths + other.cgroup_paths)),
        tuple(dict.fromkeys(one.netns_paths + other.netns_paths)),
    )
