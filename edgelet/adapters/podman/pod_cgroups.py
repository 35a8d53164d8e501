"""A control group per pod, below one per class of service, as the kubelet lays them out.

    /edgelet/pod<uid>   /edgelet/burstable/pod<uid>   /edgelet/besteffort/pod<uid>

So what a pod asked for weighs against other pods, and its containers weigh against each other inside of it. Under
systemd the same groups are slices, and systemd sees to them.

Source: Kubernetes pkg/kubelet/cm/{qos_container_manager,pod_container_manager,cgroup_manager}_linux.go.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from edgelet.adapters.podman import cgroups
from edgelet.adapters.podman.errors import RETRY_SOON
from edgelet.adapters.podman.translate import CPU_PERIOD_US
from edgelet.api.errors import EngineError
from edgelet.ports.runtime import SandboxSpec

log = logging.getLogger(__name__)

ROOT = "edgelet"
_CLASSES = {"Guaranteed": "", "Burstable": "burstable", "BestEffort": "besteffort"}
_LEAST_SHARES = 2
_MOST_SHARES, _MOST_WEIGHT = 262144, 10000
_GONE_TRIES = 100
_GONE_PAUSE_S = 0.02
_CONTROLLERS = ("cpu", "memory", "pids", "cpuset", "io", "hugetlb")


def parent(spec: SandboxSpec, manager: Literal["cgroupfs", "systemd"]) -> str:
    """Return the group of a pod in the manager's words: a path, or the name of a slice."""
    parts = [part for part in (ROOT, _CLASSES[spec.qos]) if part]
    if manager == "systemd":
        # In the name of a slice a dash is a step down.
        return "-".join((*parts, f"pod{spec.pod.uid.replace('-', '_')}")) + ".slice"
    return "/" + "/".join((*parts, f"pod{spec.pod.uid}"))


def of_container(pod_group: str, container_id: str) -> str:
    """Return where a container's group will be; "" under systemd, where it is asked for."""
    return f"{pod_group}/libpod-{container_id}" if pod_group.startswith("/") else ""


def every_group(uid: str) -> tuple[str, ...]:
    """Return where the group of a pod can be, whatever its class was."""
    return tuple(f"/{ROOT}/{one}/pod{uid}".replace("//", "/") for one in _CLASSES.values())


def weight(shares: int) -> int:
    """Return the weight of cgroup v2 for shares of v1. Source: KEP-2254."""
    return 1 + (max(_LEAST_SHARES, shares) - 2) * (_MOST_WEIGHT - 1) // (_MOST_SHARES - 2)


class PodCgroups:
    """Makes and removes the groups.

    Which pods have one is marked in a directory of ours first: where the agent dies before anything else of a pod is
    there, or after everything else is gone, nobody else would come back to its group.

    Args:
        manager: What Podman was told.
        marks: A directory on tmpfs, gone after a reboot as the groups are.
        mount_point: Where control groups are mounted.
        unsettled_s: How long marks stay from now on, for a sweep after that: calls of an earlier agent that was killed
            go on in the engine and may make a group again.
    """

    def __init__(
        self,
        manager: Literal["cgroupfs", "systemd"],
        *,
        marks: Path,
        mount_point: Path = cgroups.MOUNT_POINT,
        unsettled_s: float = 0.0,
    ) -> None:
        self._manager = manager
        self._marks = marks
        self._left: set[str] = set()  # pods that went, and something of the engine's was still in their groups
        self._making: set[str] = set()  # there may be nothing of these but the group
        self._settled_at_s = time.monotonic() + unsettled_s
        self._mount = mount_point

    def parent(self, spec: SandboxSpec) -> str:
        """Return what Podman is told."""
        return spec.cgroup_parent or parent(spec, self._manager)

    def infra_parent(self, spec: SandboxSpec) -> str:
        """Mark a pod with an infra container and return what Podman is told; "" leaves it to systemd's own place.

        In the pod's own group a group that a killed creation left can be told for ours: its name has the uid.
        """
        if self._manager == "systemd":
            return ""
        self._mark(spec.pod.uid)
        return parent(spec, self._manager)

    def prepare(self, spec: SandboxSpec, others: Iterable[SandboxSpec]) -> None:
        """Make the pod's group and weigh it. Weights are a matter of fairness: without them the pod runs all the same.

        Args:
            spec: Of the pod that is about to be made.
            others: Of all pods that are there, for the weight of the burstable ones together.
        """
        group = self.parent(spec)
        if not group.startswith("/"):
            return
        try:
            self._mark(spec.pod.uid)
            self._make(group)
            if spec.cpu_shares:
                self._weigh(group, spec.cpu_shares)
            if spec.qos == "BestEffort":
                self._weigh(f"/{ROOT}/besteffort", _LEAST_SHARES)
            if spec.qos == "Burstable":
                total = sum(each.cpu_shares for each in (*others, spec) if each.qos == "Burstable")
                self._weigh(f"/{ROOT}/burstable", total)
        except OSError as error:
            log.warning("cannot weigh a pod's CPU", extra={"pod": spec.pod.name, "reason": str(error)})
        try:
            self._limit(group, spec)
        except OSError as error:
            what = f"limit the pod {spec.pod.name}: {error.strerror} ({error.filename})"
            raise EngineError("FailedCreatePodSandBox", f"cannot {what}", retry_after=RETRY_SOON) from error

    def keeps_limits(self, spec: SandboxSpec) -> bool:
        """Whether limits of the whole pod can be written here; under systemd only Podman itself can."""
        return self.parent(spec).startswith("/")

    def weigh(self, spec: SandboxSpec, cpu_shares: int) -> None:
        """Weigh a pod that is there anew."""
        group = self.parent(spec)
        if group.startswith("/") and cpu_shares:
            try:
                self._weigh(group, cpu_shares)
            except OSError as error:
                log.warning("cannot weigh a pod's CPU", extra={"pod": spec.pod.name, "reason": str(error)})

    async def remove(self, uid: str) -> bool:
        """Remove a pod's groups; False if something stays in them.

        A container's monitor calls `podman container cleanup` when it ends, in the pod's group, for some 100 ms.
        """
        for _ in range(_GONE_TRIES):
            if self.abandon(uid):
                return True
            await asyncio.sleep(_GONE_PAUSE_S)
        return False

    def abandon(self, uid: str) -> bool:
        """Remove a pod's groups as far as they are empty; whether all of them were."""
        if self._remove(uid):
            self._left.add(uid)
            return False
        self._left.discard(uid)
        if time.monotonic() >= self._settled_at_s:
            with contextlib.suppress(OSError):
                (self._marks / uid).unlink()
        return True

    @property
    def unswept(self) -> bool:
        """Whether a group could not be removed yet, and waits for a sweep."""
        return bool(self._left)

    def made(self, uid: str) -> None:
        """Tell that the making of a pod is over, whatever came of it."""
        self._making.discard(uid)

    def idle(self) -> dict[str, int]:
        """Return the pods that have groups and are not being made, and when they got them, for a sweep."""
        marks = {each.name: _made_at_ns(each) for each in self._marks.iterdir()} if self._marks.exists() else {}
        return {uid: since for uid, since in marks.items() if uid not in self._making}

    def sweep(self, idle: Mapping[str, int], seen: Iterable[str]) -> None:
        """Remove the groups of pods of which nothing is there: a making failed, or something was in them too long.

        In the first moments the marks stay, for a sweep after them.

        Args:
            idle: From before anybody looked for pods: what was made since is not seen.
            seen: The pods of which something is there.
        """
        now = self.idle()
        self._left.intersection_update(now)  # of those that are being made, or have no mark, others see to the groups
        self._left.difference_update(seen := frozenset(seen))
        for uid in set(idle).difference(seen):
            if now.get(uid) == idle[uid]:
                self.abandon(uid)

    def _remove(self, uid: str) -> bool:
        """Remove what is empty; return whether anything is left."""
        tops = [str(root / group.lstrip("/")) for group in every_group(uid) for root in self._hierarchies()]
        return any([not _removed(each) and not _removed_with_all_below(each) for each in tops])  # noqa: C419  each

    def _mark(self, uid: str) -> None:
        self._marks.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._making.add(uid)
        (self._marks / uid).touch()

    def _hierarchies(self) -> tuple[Path, ...]:
        if cgroups.version(self._mount) == 2:  # noqa: PLR2004  the version's number
            return (self._mount,)
        with contextlib.suppress(OSError):
            return tuple(each for each in self._mount.iterdir() if each.is_dir() and not each.is_symlink())
        return ()

    def _make(self, group: str) -> None:
        top = cgroups.directory(group, "cpu", self._mount)
        if cgroups.version(self._mount) == 1:
            top.mkdir(parents=True, exist_ok=True)
            return
        above = self._mount
        for part in group.strip("/").split("/"):
            for controller in _CONTROLLERS:
                with contextlib.suppress(OSError):  # not there, or not given to us
                    (above / "cgroup.subtree_control").write_text(f"+{controller}")
            above /= part
            above.mkdir(exist_ok=True)

    def _limit(self, group: str, spec: SandboxSpec) -> None:
        """Write the limits that the pod's containers have together."""
        version = cgroups.version(self._mount)
        cpu, memory = (cgroups.directory(group, name, self._mount) for name in ("cpu", "memory"))
        if spec.cpu_quota_us and version == 1:
            (cpu / "cpu.cfs_quota_us").write_text(str(spec.cpu_quota_us))
        elif spec.cpu_quota_us:
            (cpu / "cpu.max").write_text(f"{spec.cpu_quota_us} {CPU_PERIOD_US}")
        if spec.memory_limit_bytes and version == 1:
            memory.mkdir(parents=True, exist_ok=True)
            (memory / "memory.limit_in_bytes").write_text(str(spec.memory_limit_bytes))
        elif spec.memory_limit_bytes:
            (memory / "memory.max").write_text(str(spec.memory_limit_bytes))

    def _weigh(self, group: str, shares: int) -> None:
        folder = cgroups.directory(group, "cpu", self._mount)
        if cgroups.version(self._mount) == 1:
            (folder / "cpu.shares").write_text(str(max(_LEAST_SHARES, shares)))
        else:
            (folder / "cpu.weight").write_text(str(weight(shares)))


def _made_at_ns(mark: Path) -> int:
    with contextlib.suppress(OSError):  # gone meanwhile
        return mark.stat().st_mtime_ns
    return 0


def _removed(folder: str) -> bool:
    """Remove one group; False if something is in it."""
    try:
        os.rmdir(folder)  # noqa: PTH106  as os.walk gives it
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _removed_with_all_below(top: str) -> bool:
    return all([_removed(folder) for folder, _, _ in os.walk(top, topdown=False)])  # noqa: C419  each is tried
