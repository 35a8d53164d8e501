"""Whether this node takes a pod that is bound to it: its labels, its free ports, its free resources. Pure.

Source: Kubernetes pkg/kubelet/lifecycle/predicate.go, pkg/scheduler/framework/plugins/{nodeaffinity,nodeports}.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from edgelet.api import huge_pages
from edgelet.api.pod import Pod
from edgelet.api.quantity import Quantity
from edgelet.api.scheduling import NodeSelectorRequirement, NodeSelectorTerm
from edgelet.pods import references, resources, sandbox_spec
from edgelet.ports.runtime import PortMapping

Rejection = tuple[str, str]  # reason, message

REJECTED = "Pod was rejected: "  # Source: Kubernetes pkg/kubelet/kubelet.go rejectPod
_GROUPED_BY_NETWORK = "net."
_GROUPED_BY_IPC = ("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")
_ENDED = frozenset({"Succeeded", "Failed"})
_ANY = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  how hostIP says "all"


@dataclass(frozen=True, slots=True)
class Room:
    """What the node is and has for pods."""

    name: str
    labels: Mapping[str, str]
    cpu_milli: int
    memory_bytes: int
    pods: int
    apparmor: bool = True
    huge_pages: Mapping[str, int] = field(default_factory=dict)  # resource -> bytes


def judge(pod: Pod, others: tuple[Pod, ...], room: Room) -> Rejection | None:
    """Return why the node does not take the pod beside the others; None if it does.

    Source: besides, pkg/kubelet/kubelet.go rejectPod (the prefix of every message), sysctl/allowlist.go,
    pkg/security/apparmor/validate.go.
    """
    found = _judge(pod, others, room)
    return (found[0], f"{REJECTED}{found[1]}") if found else None


def _judge(pod: Pod, others: tuple[Pod, ...], room: Room) -> Rejection | None:
    living = tuple(one for one in others if one.status.phase not in _ENDED)
    if pod.spec.os is not None and pod.spec.os.name != "linux":
        return "PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS"
    if not fits_labels(pod, room):
        return (
            "NodeAffinity",
            "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
        )
    return _sysctls(pod) or _apparmor(pod, room) or _ports(pod, living) or lack_of_room(pod, living, room)


def _sysctls(pod: Pod) -> Rejection | None:
    """Return which sysctl would be the node's own: it belongs to a namespace that the pod has none of."""
    for sysctl in pod.spec.security_context.sysctls if pod.spec.security_context else ():
        name = sysctl.name.replace("/", ".")
        if pod.spec.host_network and name.startswith(_GROUPED_BY_NETWORK):
            return "SysctlForbidden", f'forbidden sysctl: "{name}" not allowed with host net enabled'
        if pod.spec.host_ipc and name.startswith(_GROUPED_BY_IPC):
            return "SysctlForbidden", f'forbidden sysctl: "{name}" not allowed with host ipc enabled'
    return None


def _apparmor(pod: Pod, room: Room) -> Rejection | None:
    """Return that a pod asks for a confinement which this node cannot give."""
    contexts = (pod.spec.security_context, *(one.security_context for one in references.every_container(pod)))
    profiles = (one.app_armor_profile for one in contexts if one is not None)
    if room.apparmor or all(one is None or one.type == "Unconfined" for one in profiles):
        return None
    return "AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host"


def fits_labels(pod: Pod, room: Room) -> bool:
    """Whether nodeSelector and the required node affinity are met."""
    if any(room.labels.get(key) != value for key, value in pod.spec.node_selector.items()):
        return False
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    if required is None:
        return True
    return any(_term(term, room) for term in required.node_selector_terms)


def _term(term: NodeSelectorTerm, room: Room) -> bool:
    if not term.match_expressions and not term.match_fields:
        return False
    return all(_requirement(one, room.labels) for one in term.match_expressions) and all(
        _requirement(one, {"metadata.name": room.name}) for one in term.match_fields
    )


def _requirement(one: NodeSelectorRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(one.key)
    match one.operator:
        case "In":
            return value in one.values
        case "NotIn":
            return value not in one.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            return _compared(value, one)
        case _:
            return False


def _compared(value: str | None, one: NodeSelectorRequirement) -> bool:
    try:
        left, right = int(value or ""), int(one.values[0])
    except (ValueError, IndexError):
        return False
    return left > right if one.operator == "Gt" else left < right


def _ports(pod: Pod, others: tuple[Pod, ...]) -> Rejection | None:
    taken = [port for other in others for port in _host_ports(other)]
    for wanted in _host_ports(pod):
        if any(_clash(wanted, port) for port in taken):
            return (
                "NodePorts",
                "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
            )
    return None


def _host_ports(pod: Pod) -> Iterator[PortMapping]:
    return sandbox_spec.host_ports(pod)


def _clash(one: PortMapping, other: PortMapping) -> bool:
    same = (one.host_port, one.protocol) == (other.host_port, other.protocol)
    return same and (one.host_ip == other.host_ip or one.host_ip in _ANY or other.host_ip in _ANY)


def lack_of_room(pod: Pod, others: tuple[Pod, ...], room: Room) -> Rejection | None:
    """Return which resource the node has too little of for the pod beside the others; None if there is enough."""
    if len(others) + 1 > room.pods:
        return "OutOfpods", _lack("pods", 1, len(others), room.pods)
    wanted = resources.pod_requests(pod)
    used = [resources.pod_requests(other) for other in others]
    cpu = _milli(wanted.get("cpu"))
    cpu_used = sum(_milli(one.get("cpu")) for one in used)
    if cpu and cpu + cpu_used > room.cpu_milli:
        return "OutOfcpu", _lack("cpu", cpu, cpu_used, room.cpu_milli)
    memory = _bytes(wanted.get("memory"))
    memory_used = sum(_bytes(one.get("memory")) for one in used)
    if memory and memory + memory_used > room.memory_bytes:
        return "OutOfmemory", _lack("memory", memory, memory_used, room.memory_bytes)
    for name in filter(huge_pages.is_resource, wanted):
        pages, pages_used, capacity = _bytes(wanted[name]), sum(_bytes(one.get(name)) for one in used), _of(room, name)
        if pages and pages + pages_used > capacity:
            return f"OutOf{name}", _lack(name, pages, pages_used, capacity)
    return None


def _of(room: Room, name: str) -> int:
    """Return what the node has of huge pages of a size, however that is written: 2Mi is 2048Ki."""
    size = huge_pages.page_bytes(name)
    return next((total for one, total in room.huge_pages.items() if huge_pages.page_bytes(one) == size), 0)


def _milli(amount: Quantity | None) -> int:
    return amount.to_milli() if amount else 0


def _bytes(amount: Quantity | None) -> int:
    return amount.to_bytes() if amount else 0


def _lack(what: str, wanted: int, used: int, capacity: int) -> str:
    return f"Node didn't have enough resource: {what}, requested: {wanted}, used: {used}, capacity: {capacity}"
