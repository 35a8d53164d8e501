"""Which probes ask now: what runs, what gates what, what ends with a deletion. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from edgelet.api.container import Container
from edgelet.api.pod import Pod
from edgelet.api.probe import Probe
from edgelet.pods import container_health, instances, probe_state, restart_policy
from edgelet.pods.instances import Instance
from edgelet.pods.memory import Memory
from edgelet.pods.probe_state import ProbeKind
from edgelet.ports.runtime import ObservedPod, Running

Key = tuple[str, ProbeKind]  # container id


@dataclass(frozen=True, slots=True)
class Subject:
    """One probe of one running instance."""

    container: Container
    container_id: str
    kind: ProbeKind
    probe: Probe
    started_at: datetime

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.container_id, self.kind


def of(pod: Pod, seen: ObservedPod | None, memory: Memory) -> tuple[Subject, ...]:
    """Return the probes that are to ask.

    Source: Kubernetes pkg/kubelet/prober/worker.go doProbe.
    """
    sidecars = (one for one in pod.spec.init_containers if restart_policy.is_sidecar(one))
    return tuple(
        Subject(container, newest.id, kind, probe, newest.state.started_at)
        for container in (*sidecars, *pod.spec.containers)
        if container.startup_probe or container.liveness_probe or container.readiness_probe
        if (newest := instances.newest(seen, memory, container.name)) and isinstance(newest.state, Running)
        for kind in probe_state.KINDS
        if (probe := probe_state.of(container, kind)) and _asks(pod, container, newest, memory, kind)
    )


def _asks(pod: Pod, container: Container, newest: Instance, memory: Memory, kind: ProbeKind) -> bool:
    if pod.metadata.deletion_timestamp is not None and kind != "readiness":
        return False
    if container_health.hook(memory, newest) or container_health.failed_probe(newest, memory):
        return False
    if kind == "startup":
        return memory.probed(newest.id).startup is None
    return container_health.started(container, newest, memory)
