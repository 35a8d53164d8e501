"""Gives up the pod that has to go first: measures all, ends one, and waits until it is gone."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from edgelet.api.errors import EdgeletError
from edgelet.pods import container_spec, eviction_order, log_paths, references
from edgelet.pods.eviction import Eviction
from edgelet.pods.eviction_order import Candidate, Used
from edgelet.ports.clock import Clock
from edgelet.ports.pod_eviction import Part, Shortage
from edgelet.ports.pod_files import PodPaths
from edgelet.ports.runtime import Runtime
from edgelet.ports.tree_usage import TreeUsage

log = logging.getLogger(__name__)

_GONE_S, _POLL_S = 30.0, 1.0  # kubelet: podCleanupTimeout, podCleanupPollFreq
_STUCK_S = 120.0  # one that does not go in so long frees nothing: others have to


class Pods(Protocol):
    """The pods of the node, as their dispatcher has them."""

    def candidates(self) -> tuple[Candidate, ...]:
        """Return the pods that are neither at their end nor on the way there."""
        ...

    def evict(self, uid: str, eviction: Eviction) -> bool:
        """Begin to end a pod; False: it is gone."""
        ...

    def given_back(self, uid: str) -> bool:
        """Whether neither the engine nor the disk has anything of the pod any more, but its logs."""
        ...


@dataclass(frozen=True, slots=True)
class _Going:
    uid: str
    since_s: float


@dataclass(slots=True, kw_only=True)
class PodEvictor:
    """ports.pod_eviction.PodEviction."""

    pods: Pods
    runtime: Runtime
    trees: TreeUsage
    paths: PodPaths
    clock: Clock
    _going: _Going | None = field(default=None, init=False)  # the last one that was told to go

    async def evict(self, shortage: Shortage) -> bool:
        """End the pod that has to go first."""
        if self._still_goes():
            return False  # while the engine is away nothing is freed, however many are told to go
        on_disk = shortage.resource in {"ephemeral-storage", "inodes"}
        candidates = [one for one in self.pods.candidates() if not eviction_order.spared(one)]
        if not candidates or (on_disk and not shortage.parts):
            return False
        used = await (self._on_disk(candidates, shortage) if on_disk else self._running(candidates, shortage))
        for one in eviction_order.ranked(candidates, used, shortage):
            uid = one.pod.metadata.uid
            if self.pods.evict(uid, eviction_order.eviction(one.pod, used.get(uid), shortage)):
                log.warning("evicting a pod", extra={"pod_uid": uid, "reason": "Evicted", "short": shortage.resource})
                self._going = _Going(uid, self.clock.monotonic_s())
                await self._wait(uid)
                return True
        return False

    def _still_goes(self) -> bool:
        one = self._going
        if one is None or self.pods.given_back(one.uid):
            return False
        return self.clock.monotonic_s() - one.since_s < _STUCK_S

    async def _wait(self, uid: str) -> None:
        end_s = self.clock.monotonic_s() + _GONE_S
        while not self.pods.given_back(uid) and self.clock.monotonic_s() < end_s:
            await self.clock.sleep(_POLL_S)

    async def _running(self, candidates: Collection[Candidate], shortage: Shortage) -> Mapping[str, Used]:
        found = {}
        for one in candidates:
            if one.seen is None or one.seen.sandbox is None:
                continue
            uid = one.pod.metadata.uid
            try:
                usages = await self.runtime.usage(uid)
            except EdgeletError as error:
                log.warning("cannot measure a pod", extra={"pod_uid": uid, "reason": error.reason, "error": error})
                continue
            if shortage.resource == "pids":
                found[uid] = Used(sum(usage.pids for usage in usages))
            else:
                sizes = {usage.container: usage.working_set_bytes for usage in usages}
                found[uid] = Used(sum(sizes.values()), sizes)
        return found

    async def _on_disk(self, candidates: Collection[Candidate], shortage: Shortage) -> Mapping[str, Used]:
        places = {one.pod.metadata.uid: self._places(one) for one in candidates}
        paths = {path for parts in places.values() for named in parts.values() for of in named.values() for path in of}
        bytes_ = shortage.resource == "ephemeral-storage"
        sizes = await (self.trees.measure(paths) if bytes_ else self.trees.count(paths))
        found = {}
        for uid, parts in places.items():
            counted = [path for part in shortage.parts for one in parts[part].values() for path in one]
            containers = {
                name: sum(sizes[path] for part in ("layers", "logs") for path in parts[part].get(name, ()))
                for name in parts["layers"].keys() | parts["logs"].keys()
            }
            found[uid] = Used(sum(sizes[path] for path in counted), dict(sorted(containers.items())) if bytes_ else {})
        return found

    def _places(self, one: Candidate) -> Mapping[Part, Mapping[str, tuple[str, ...]]]:
        """Return the directories of a pod: layers and logs by container, volumes by their name."""
        uid = one.pod.metadata.uid
        layers: dict[str, tuple[str, ...]] = {}
        for container in one.seen.containers if one.seen else ():
            if container.layer_path:
                layers[container.name] = (*layers.get(container.name, ()), container.layer_path)
        pod = container_spec.reference(one.pod)
        names = [container.name for container in references.every_container(one.pod)]
        volumes = {
            volume.name: (self.paths.empty_directory(uid, volume.name),)
            for volume in references.mounted_volumes(one.pod)
            if volume.empty_dir and not volume.empty_dir.medium
        }
        logs = {name: (log_paths.directory(self.paths.logs, pod, name),) for name in names}
        return {"layers": layers, "logs": logs, "volumes": volumes}
