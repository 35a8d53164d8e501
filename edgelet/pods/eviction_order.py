"""Which pod has to go first where the node is short of something, and what it is told. Pure.

Source: Kubernetes pkg/kubelet/eviction/helpers.go rankMemoryPressure, rankPIDPressure, rankDiskPressureFunc,
evictionMessage.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from edgelet.api.container import Container
from edgelet.api.pod import Pod
from edgelet.api.quantity import Quantity
from edgelet.pods import critical, references, resources
from edgelet.pods.eviction import Eviction
from edgelet.ports.pod_eviction import Shortage
from edgelet.ports.runtime import ObservedPod

_HARD_GRACE_S = 1.0  # immediateEvictionGracePeriodSeconds
_NO_REQUEST = Quantity(0)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pod that is neither at its end nor on the way there."""

    pod: Pod
    seen: ObservedPod | None


@dataclass(frozen=True, slots=True)
class Used:
    """What a pod uses of what is short: bytes, inodes or tasks. `containers`: by name, where that can be told."""

    total: int
    containers: Mapping[str, int] = field(default_factory=dict)


def spared(one: Candidate) -> bool:
    """Whether a pod never has to go."""
    return critical.is_critical(one.pod)


def ranked(candidates: Collection[Candidate], used: Mapping[str, Used], shortage: Shortage) -> tuple[Candidate, ...]:
    """Return those that may go, the first to go first.

    Args:
        candidates: Pods; those that are spared are left out.
        used: By uid; one that nothing is known of goes before all others.
        shortage: For memory and disk those go first that use more than they asked for, then those of least priority,
            then those that use most beyond their request. For tasks: by priority, then by number.
    """

    def key(one: Candidate) -> tuple[bool, bool, int, int]:
        known = used.get(one.pod.metadata.uid)
        worth = critical.priority(one.pod)
        if known is None:
            return (False, False, worth, 0)
        if shortage.resource == "pids":
            return (True, False, worth, -known.total)
        requests = resources.pod_requests(one.pod)
        asked = requests.get(shortage.resource, _NO_REQUEST).to_units()
        # For inodes, too, the kubelet takes off the request of bytes.
        taken_off = (
            requests.get("ephemeral-storage", _NO_REQUEST).to_units() if shortage.resource == "inodes" else asked
        )
        return (True, known.total <= asked, worth, taken_off - known.total)

    return tuple(sorted((one for one in candidates if not spared(one)), key=key))


def eviction(pod: Pod, used: Used | None, shortage: Shortage) -> Eviction:
    """Return the pod's end."""
    whole = float(pod.spec.termination_grace_period_seconds or 0)
    soft_s = max(1.0, min(whole, shortage.max_grace_s) if shortage.max_grace_s else whole)
    return Eviction(
        "Evicted",
        message(pod, used, shortage),
        grace_s=_HARD_GRACE_S if shortage.hard else soft_s,
        disruption=True,
    )


def message(pod: Pod, used: Used | None, shortage: Shortage) -> str:
    """Return the kubelet's words: what was short, and which containers used more than they asked for."""
    what = shortage.resource
    text = f"The node was low on resource: {what}. "
    text += f"Threshold quantity: {shortage.threshold}, available: {shortage.available}. "
    if used is None:
        return text
    whole = pod.spec.resources.requests.get("memory") if pod.spec.resources else None
    if what == "memory" and whole is not None:
        text += _words(f"Pod {pod.metadata.name}", Quantity.of_bytes(used.total), whole, what)
    known = {one.name: one for one in references.containers(pod)}
    for name, amount in used.containers.items():
        if name in known and amount > (asked := _asked(known[name], what)).to_units():
            text += _words(f"Container {name}", Quantity.of_bytes(amount), asked, what)
    return text


def _asked(container: Container, what: str) -> Quantity:
    return container.resources.requests.get(what, _NO_REQUEST)


def _words(who: str, used: Quantity, asked: Quantity, what: str) -> str:
    return f"{who} was using {used}, request is {asked}, has larger consumption of {what}. "
