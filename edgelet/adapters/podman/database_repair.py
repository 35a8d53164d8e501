"""Podman's own database, damaged: moved aside, and what ran by it cleared away so that its names are free again.

Every command fails then; 4.3 says "invalid database" or dies with a stack trace of bbolt. A new database knows nothing
of the containers, so they cannot be kept: their pods are made anew from what is wanted. Only a storage that is wholly
ours is touched.

Source: PODMAN facts: externals block names, a running one is busy, so its processes and mounts go first.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgelet.adapters.podman import netns, processes
from edgelet.adapters.podman.monitors import monitors
from edgelet.adapters.podman.recovery import Remains, Sweeper
from edgelet.api.errors import EngineError

log = logging.getLogger(__name__)

_FILES = ("bolt_state.db", "../db.sql", "db.sql")  # 4.x and 5.x below <storage>/libpod
_SIGNS = re.compile(
    r"invalid database|boltdb_state|bbolt|file is not a database|database disk image is malformed|"
    r"opening database .*(?:bolt_state|db\.sql)",
    re.IGNORECASE,
)
_ID = re.compile(r"[0-9a-f]{64}")
_POD = re.compile(r"[0-9a-f]{64}|pod[0-9a-f-]{36}")  # by Podman's id, by Kubernetes' uid
_COMMAND_S = 60.0
_GONE_S = 10.0
_PROBE_BYTES = 65_536  # a new database is as large


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One engine's storage and how its command is called. `oci_runtimes` keep state of containers below /run."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    storage_root: Path
    run_root: Path
    intents: Sweeper  # what the containers leave on the host is written down there, and swept once the engine works
    oci_runtimes: tuple[str, ...] = ("crun", "runc")


async def mend(place: Place | None, why: EngineError) -> str:
    """Repair a damaged database; return for people what was done, "" where the database is not what is wrong.

    Args:
        place: The storage, None where it is shared with others.
        why: What the engine said; kept where the storage is not ours to repair.

    Raises:
        EngineError: EngineUnavailable: it is damaged and may not, or cannot, be repaired; the message says what helps.
    """
    if place is None:
        if _SIGNS.search(why.message):
            raise EngineError(
                "EngineUnavailable",
                f"{why.message}; Podman's database is damaged, and its storage is shared with others: look what you "
                "need of it, then `podman system reset`; a storage of its own ([podman] storage_root) is repaired by "
                "edgelet itself",
                retry_after=why.retry_after,
            )
        return ""
    return await asyncio.to_thread(_mend, place)


def _mend(place: Place) -> str:
    code, words = _podman(place, "ps", "--all", "--quiet")
    if code == 0 or not _SIGNS.search(words):
        return ""
    _check_writable(place.storage_root / "libpod", words)
    log.error("Podman's database is damaged", extra={"reason": "EngineDamaged", "error": words[:300]})
    place.intents.intend("database", remains(place.storage_root))
    ended = _end_all(place)
    _unmount_below(place.storage_root, place.run_root)
    moved = [_move_aside(file) for name in _FILES if (file := place.storage_root / "libpod" / name).exists()]
    (place.run_root / "networks" / "ipam.db").unlink(missing_ok=True)  # leases of containers that are no more
    code, words = _podman(place, "ps", "--all", "--external", "--quiet", "--no-trunc")
    if code:
        raise EngineError("EngineUnavailable", f"Podman does not work with a new database either: {words[-500:]}")
    left = words.split()
    for container in left:
        code, words = _podman(place, "rm", "--force", "--time", "0", container)
        if code:
            log.warning("cannot remove an old container yet", extra={"reason": "EngineDamaged", "error": words[-300:]})
    where = ", ".join(str(one) for one in moved)
    return (
        f"Podman's database was damaged and lies at {where} now; a new one was made, {ended} running and {len(left)} "
        "known containers were cleared away, and their pods are made anew"
    )


def _check_writable(directory: Path, words: str) -> None:
    """What runs is only ended where a new database can be made. A read-only one looks like a damaged one to Podman."""
    probe = directory / ".edgelet-probe"
    try:
        probe.write_bytes(bytes(_PROBE_BYTES))
        probe.unlink()
    except OSError as error:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
        raise EngineError(
            "EngineUnavailable",
            f"Podman cannot open its database, and nothing can be written to {directory} ({error.strerror}): "
            f"make room, or check the medium; what runs goes on. Podman says: {words[:300].strip()}",
        ) from error


def _podman(place: Place, *arguments: str) -> tuple[int, str]:
    try:
        done = subprocess.run(
            (*place.argv, *arguments),
            env=dict(place.environment),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_COMMAND_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, str(error)
    return done.returncode, (done.stdout if done.returncode == 0 else done.stderr + done.stdout).decode(
        errors="replace"
    )


def _end_all(place: Place) -> int:
    """Kill every container of this storage with its monitor, and what the OCI runtime remembers of it."""
    found = tuple(monitors(place.storage_root))
    for pid, container in found:
        main = [
            child
            for child in _children(pid)
            if (held := processes.open_main(child, container)) is not None and _close(held)
        ]
        for each in (*main, pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        for runtime in place.oci_runtimes:
            if Path("/run", runtime, container).exists():
                subprocess.run(
                    (runtime, "delete", "--force", container), capture_output=True, check=False, timeout=_GONE_S
                )
    return len(found)


def remains(storage_root: Path) -> Remains:
    """Return what the containers of a storage have on the host, as their configurations tell: nobody else knows."""
    found = [one for path in storage_root.glob("*-containers/*/userdata/config.json") if (one := _configuration(path))]
    groups = [group for _, group, _ in found if group.startswith("/")]
    pods = [str(parent) for group in groups for parent in Path(group).parents if _POD.fullmatch(parent.name)]
    networks = [network for _, _, network in found if Path(network).parent == netns.NETNS_DIR]
    return Remains(
        container_ids=tuple(container for container, _, _ in found),
        cgroup_paths=tuple(dict.fromkeys((*groups, *pods))),
        netns_paths=tuple(dict.fromkeys(networks)),
    )


def _configuration(path: Path) -> tuple[str, str, str] | None:
    """Return a container's id, its control group and the path of its network namespace, from its OCI configuration."""
    try:
        linux = json.loads(path.read_text())["linux"]
        spaces = [each.get("path") or "" for each in linux["namespaces"] if each["type"] == "network"]
        group = str(linux["cgroupsPath"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    container = path.parents[1].name
    return (container, group, "".join(spaces)) if _ID.fullmatch(container) and container in group else None


def _children(pid: int) -> tuple[int, ...]:
    with contextlib.suppress(OSError):
        return tuple(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    return ()


def _close(descriptor: int) -> bool:
    os.close(descriptor)
    return True


def _unmount_below(*roots: Path) -> None:
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for point in sorted(points, reverse=True):
        if any(point.startswith(f"{root}/") for root in roots):
            subprocess.run(("umount", "--lazy", point), capture_output=True, check=False, timeout=_GONE_S)


def _move_aside(file: Path) -> Path:
    """Keep one damaged database of each name: it may be large, and nobody else reads it."""
    target = file.with_name(f"{file.name}.damaged")
    file.replace(target)
    for suffix in ("-wal", "-shm", "-journal"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    return target
