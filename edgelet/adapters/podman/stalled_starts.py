"""Starts that stall because the OCI runtime was killed in them: seen by the processes, and broken off.

Measured with Podman 4.3.1, conmon 2.1.6, runc 1.1.5 and crun 1.8.1:

- a `create` that is killed when the container's first process waits already leaves conmon reading the error output,
  which that process holds open, and Podman waiting for conmon: four minutes long, with the container locked. Once that
  process is gone, Podman says at once that the start failed;
- where that process is killed in the moment in which crun's `start` begins, `start` waits for ever to open the fifo
  that nobody reads, and Podman for it. Once it is killed, Podman says at once that the start failed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from edgelet.adapters.podman import processes

log = logging.getLogger(__name__)

LOOK_S = 5.0  # a start that takes longer is looked at, twice: in a healthy one that process waits for milliseconds
_STATE_ROOT = Path("/run")
_FIFO = "exec.fifo"  # of runc and crun: there from `create` until `start`
_UNKNOWN = frozenset({"", "0"})  # a kernel that does not tell where a process sleeps


class StalledStarts:
    """Watches the starts of containers.

    Args:
        oci_runtime: Path of runc or crun, which keeps a directory per container below /run.
        look_s: Between two looks, and before the first one.
    """

    def __init__(self, *, oci_runtime: str, look_s: float = LOOK_S) -> None:
        self._state = _STATE_ROOT / Path(oci_runtime).name
        self._look_s = look_s

    @asynccontextmanager
    async def broken_off(self, container_id: str) -> AsyncIterator[None]:
        """Have the start that happens meanwhile fail if it stalls, rather than last for minutes."""
        task = asyncio.get_running_loop().create_task(self._watch(container_id), name="stalled-start")
        try:
            yield
        finally:
            task.cancel()

    async def _watch(self, container_id: str) -> None:
        before = 0
        while True:
            await asyncio.sleep(self._look_s)
            found = _starter(container_id) or self._waits(container_id)
            if found and found == before:
                log.warning(
                    "the OCI runtime was killed while it started a container: the start is broken off",
                    extra={"container": container_id[:12]},
                )
                _kill(found, container_id)
            before = found

    def _waits(self, container_id: str) -> int:
        """Return the pid of a first process that waits to be started while conmon waits for its output; 0: none."""
        if not (self._state / container_id / _FIFO).exists():
            return 0
        conmon = processes.find_conmon(container_id)
        if not conmon or not _sleeps_in(conmon, "pipe"):
            return 0
        children = processes.children(conmon)
        if len(children) != 1 or _mounts(children[0]) == _mounts(conmon):  # the runtime itself is still at it
            return 0
        return children[0]


def _starter(container_id: str) -> int:
    """Return the pid of a `start` of the OCI runtime that waits for somebody at the other end of the fifo; 0: none."""
    pid = processes.find_start(container_id)
    return pid if pid and _sleeps_in(pid, "wait_for_partner") else 0


def _sleeps_in(pid: int, what: str) -> bool:
    try:
        place = Path(f"/proc/{pid}/wchan").read_text().strip()
    except OSError:
        return False
    return place in _UNKNOWN or what in place


def _mounts(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/mnt").readlink())
    except OSError:
        return ""


def _kill(pid: int, container_id: str) -> None:
    pidfd = processes.open_main(pid, container_id)
    if pidfd is None:
        pidfd = processes.open_start(pid, container_id)
    if pidfd is None:
        return
    try:
        processes.send(pidfd, signal.SIGKILL)
    finally:
        os.close(pidfd)
