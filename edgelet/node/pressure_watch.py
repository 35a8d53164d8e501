"""The eviction loop: looks every ten seconds whether the node is short of something; makes room, then gives up pods.

Source: Kubernetes pkg/kubelet/eviction/eviction_manager.go.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from edgelet.node import pressure
from edgelet.node.pressure import Pressure, Seen, Threshold
from edgelet.ports.clock import Clock
from edgelet.ports.events import EventSink
from edgelet.ports.object_store import Key
from edgelet.ports.pod_eviction import PodEviction, Resource

log = logging.getLogger(__name__)

# Reasons of the node's Events. Source: Kubernetes pkg/kubelet/nodestatus/setters.go.
_BEGINS = {
    pressure.MEMORY: "NodeHasInsufficientMemory",
    pressure.DISK: "NodeHasDiskPressure",
    pressure.TASKS: "NodeHasInsufficientPID",
}
_ENDS = {
    pressure.MEMORY: ("NodeHasSufficientMemory", "There is memory available again"),
    pressure.DISK: ("NodeHasNoDiskPressure", "The disks have room again"),
    pressure.TASKS: ("NodeHasSufficientPID", "There are process numbers available again"),
}
_NAMES = {pressure.MEMORY: "Memory", pressure.DISK: "Disk", pressure.TASKS: "PID"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PressureRules:
    """The kubelet's defaults, but for the thresholds."""

    thresholds: tuple[Threshold, ...]
    look_s: float = 10.0
    transition_s: float = 300.0
    max_grace_s: float = 0.0  # of soft evictions; 0: the pods' own


@dataclass(frozen=True, slots=True, kw_only=True)
class PressurePorts:
    """What is looked at, and what is done."""

    observe: Callable[[], Seen]  # raises OSError
    make_room: Callable[[], Awaitable[None]]  # on the disks, without giving up pods
    pods: PodEviction
    events: EventSink
    clock: Clock
    changed: Callable[[Mapping[str, str]], None]  # takes the conditions that are so, with words for people


class PressureWatch:
    """Owned by the agent: one task, `run`."""

    def __init__(self, ports: PressurePorts, *, node: Key, rules: PressureRules) -> None:
        self._ports = ports
        self._node = node
        self._rules = rules
        self._state = Pressure()
        self._told: dict[str, str] = {}
        self._reclaiming: Resource | None = None  # as it was told last

    async def run(self) -> None:
        """Look for ever; not at all where every threshold is off."""
        while self._rules.thresholds:
            if not await self.turn():
                await self._ports.clock.sleep(self._rules.look_s)

    async def turn(self) -> bool:
        """Look once, do at most one thing about it; True if a pod was evicted, and it is worth looking at once."""
        try:
            return await self._turn()
        except OSError as error:
            log.warning("cannot look how the node is", extra={"reason": "InternalError", "error": str(error)})
        except Exception:
            log.exception("a defect in the eviction loop", extra={"reason": "InternalError"})
        return False

    async def _turn(self) -> bool:
        rules = self._rules
        seen = self._ports.observe()
        now_s = self._ports.clock.monotonic_s()
        self._state = pressure.advance(
            self._state, rules.thresholds, seen, now_s=now_s, transition_s=rules.transition_s
        )
        self._tell(seen)
        if not self._state.starved:
            self._reclaiming = None
            return False
        first = self._state.starved[0]
        self._announce(first.resource)
        if first.condition == pressure.DISK:
            await self._ports.make_room()
            seen = self._ports.observe()
            if pressure.enough(rules.thresholds, seen):
                return False
        found = pressure.shortage(first, seen, max_grace_s=rules.max_grace_s)
        return found is not None and await self._ports.pods.evict(found)

    def _tell(self, seen: Seen) -> None:
        """Say which conditions began or ended; their words are those of the beginning."""
        now = self._state.conditions
        if now == self._told.keys():
            return
        words = {one: self._told.get(one) or pressure.words(self._rules.thresholds, seen, one) for one in now}
        for one in sorted(now - self._told.keys()):
            self._event("Warning", _BEGINS[one], f"{_NAMES[one]} pressure: {words[one]}")
        for one in sorted(self._told.keys() - now):
            self._event("Normal", *_ENDS[one])
        self._told = words
        self._ports.changed(words)

    def _announce(self, resource: Resource) -> None:
        """Say what is being reclaimed: once, not at every look as a kubelet does; each event goes over the link."""
        if resource != self._reclaiming:
            self._event("Warning", "EvictionThresholdMet", f"Attempting to reclaim {resource}")
        self._reclaiming = resource

    def _event(self, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        self._ports.events.record(self._node, "", type=kind, reason=reason, message=message)
