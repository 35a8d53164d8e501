"""The eviction loop's parts: what is looked at, who makes room, who gives up pods."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping

from edgelet.adapters.host.tree_usage import HostTreeUsage
from edgelet.agent.pod_path import Foundation
from edgelet.config.settings import Settings
from edgelet.node import disk_plan, pressure
from edgelet.node.disk_plan import SeenDisks
from edgelet.node.pressure import Observation, Seen, Threshold
from edgelet.node.pressure_watch import PressurePorts, PressureRules, PressureWatch
from edgelet.pods.dispatcher import Dispatcher
from edgelet.pods.evictor import PodEvictor
from edgelet.ports.host import Host

_HOST_STORAGE = "/var/lib/containers/storage"  # where the engine has not told yet


def thresholds(settings: Settings) -> tuple[Threshold, ...]:
    """Return the thresholds of [eviction]."""
    section = settings.eviction
    return pressure.thresholds(
        section.hard, section.soft, grace_s=section.soft_grace_period_s, reclaim=section.minimum_reclaim
    )


def make(
    base: Foundation,
    dispatcher: Dispatcher,
    *,
    make_room: Callable[[], Awaitable[None]],
    node_changed: Callable[[], None],
) -> PressureWatch:
    """Put the parts together. `node_changed` has the Node told anew."""
    section = base.settings.eviction
    rules = PressureRules(
        thresholds=thresholds(base.settings),
        look_s=section.look_s,
        transition_s=section.pressure_transition_period_s,
        max_grace_s=section.max_pod_grace_period_s,
    )
    signals = frozenset(one.signal for one in rules.thresholds)

    def changed(pressures: Mapping[str, str]) -> None:
        base.board.pressures = pressures
        node_changed()

    ports = PressurePorts(
        observe=lambda: observe(base.host, lambda: disks(base), signals),
        make_room=make_room,
        pods=PodEvictor(
            pods=dispatcher, runtime=base.gate, trees=HostTreeUsage(), paths=base.files.paths, clock=base.clock
        ),
        events=base.events,
        clock=base.clock,
        changed=changed,
    )
    return PressureWatch(ports, node=base.board.key, rules=rules)


def disks(base: Foundation) -> SeenDisks:
    """Sample the file systems of state, logs, volumes and the engine's storage. Raises OSError."""
    paths = base.settings.paths
    storage = base.settings.podman.storage_root
    image_path = str(storage) if storage else _HOST_STORAGE
    if not base.gate.trouble:
        image_path = base.gate.info.storage_root or image_path
    disk = base.host.disk
    return SeenDisks(
        node={str(path): disk(str(path)) for path in (paths.state, paths.logs, paths.volumes)},
        image=disk(image_path),
        image_path=image_path,
        parts={str(paths.logs): "logs", str(paths.volumes): "volumes"},
    )


def observe(host: Host, disks: Callable[[], SeenDisks], signals: Collection[str]) -> Seen:
    """Look at what has a threshold, and at nothing else. Raises OSError."""
    seen: dict[str, tuple[Observation, ...]] = {}
    if "memory.available" in signals:
        memory = host.memory()
        seen["memory.available"] = (Observation(available=memory.available_bytes, capacity=memory.total_bytes),)
    if "pid.available" in signals:
        tasks = host.tasks()
        seen["pid.available"] = (Observation(available=tasks.limit - tasks.running, capacity=tasks.limit),)
    if any("fs." in one for one in signals):
        seen |= disk_plan.observations(disks())
    return seen
