"""The Node object of this board, as Kubernetes shows it (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from edgelet.api import huge_pages, time
from edgelet.api.amount import Amount
from edgelet.api.quantity import Quantity
from edgelet.node import node_identity
from edgelet.node.node_identity import SeenIdentity
from edgelet.ports.host import HostFacts, HostUsage
from edgelet.ports.images import ImageInfo
from edgelet.ports.object_store import Document

_MIB = 1024 * 1024
_IMAGES_MAX = 50  # Source: the kubelet's nodeStatusMaxImages and MaxNamesPerImageInNodeStatus
_NAMES_MAX = 5
_TENTH = Amount(percent=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """What pods may not have: what the settings reserve, and the hard eviction thresholds; by default the kubelet's."""

    milli_cpu: int = 0
    memory_bytes: int = 100 * _MIB
    storage: Amount = _TENTH  # of the state directory's file system
    pods_max: int = 110


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What runs the containers."""

    name: str  # podman
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenNode:
    """Everything the status is made of. `not_ready` says for people why no pod can be run now, "" means it can."""

    facts: HostFacts
    usage: HostUsage
    addresses: tuple[str, ...]
    images: tuple[ImageInfo, ...]
    agent_version: str
    engine: Engine | None  # None: it never answered
    not_ready: str = ""
    pressures: Mapping[str, str] = field(default_factory=dict)  # conditions that are so, with words for people
    state_trouble: str = ""  # why nothing new can be kept, for people; "" means it can
    secret_trouble: str = ""  # why Secrets cannot be read or kept, for people; "" means they can
    flash_pressure: str = ""  # how much more than it should was written, for people; "" means none
    policy_fault: str = ""  # why policy.toml cannot be used, for people; "" where it can
    stale: str | None = None  # why nothing new begins, where desired state is signed; "": it does; None: it is not
    reserved: Reserved = Reserved()
    identity: SeenIdentity | None = None  # of an encrypted link


def desired(
    name: str, facts: HostFacts, *, labels: Mapping[str, str], identity: SeenIdentity | None = None
) -> Document:
    """Return the Node without its status. Labels of the settings win over those the board gives itself."""
    own = {
        "kubernetes.io/arch": facts.architecture,
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": facts.operating_system,
    }
    metadata: dict[str, Any] = {"name": name, "labels": {**own, **labels}}
    if identity is not None:
        metadata["annotations"] = node_identity.annotate(identity)
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {}}


def status(seen: SeenNode, *, previous: Document | None, now: datetime) -> Document:
    """Return the status. Conditions that did not flip since `previous` keep their lastTransitionTime."""
    return {
        "capacity": _capacity(seen),
        "allocatable": _allocatable(seen),
        "conditions": _conditions(seen, previous=previous, now=time.render(now)),
        "addresses": [
            *({"type": "InternalIP", "address": address} for address in seen.addresses),
            {"type": "Hostname", "address": seen.facts.hostname},
        ],
        "nodeInfo": _node_info(seen),
        "images": [_image(image) for image in _largest(seen.images)],
    }


def without_heartbeat(document: Document) -> Document:
    """Return the status without what changes although nothing happened: compare these to know if there is news."""
    conditions = [
        {name: value for name, value in condition.items() if name != "lastHeartbeatTime"}
        for condition in document.get("conditions", ())
    ]
    return {**document, "conditions": conditions}


def _capacity(seen: SeenNode) -> dict[str, str]:
    return {
        "cpu": str(Quantity.of_milli(seen.facts.cpus * 1000)),
        "ephemeral-storage": str(Quantity.of_bytes(seen.usage.disk_total_bytes)),
        **_huge_pages(seen),
        "memory": str(Quantity.of_bytes(seen.facts.memory_bytes)),
        "pods": str(seen.reserved.pods_max),
    }


def _allocatable(seen: SeenNode) -> dict[str, str]:
    reserved = seen.reserved
    memory_bytes = seen.facts.memory_bytes - seen.facts.huge_page_bytes - reserved.memory_bytes
    storage_bytes = max(0, seen.usage.disk_total_bytes - reserved.storage.of(seen.usage.disk_total_bytes))
    return {
        "cpu": str(Quantity.of_milli(max(0, seen.facts.cpus * 1000 - reserved.milli_cpu))),
        "ephemeral-storage": str(Quantity.of_bytes(storage_bytes)),
        **_huge_pages(seen),
        "memory": str(Quantity.of_bytes(max(0, memory_bytes))),
        "pods": str(reserved.pods_max),
    }


def _huge_pages(seen: SeenNode) -> dict[str, str]:
    return {huge_pages.resource(size): str(Quantity.of_bytes(total)) for size, total in seen.facts.huge_pages.items()}


def _conditions(seen: SeenNode, *, previous: Document | None, now: str) -> list[dict[str, Any]]:
    statements: tuple[_Statement, ...] = (
        _pressed(
            seen,
            "MemoryPressure",
            low=("KubeletHasInsufficientMemory", "edgelet has insufficient memory available"),
            well=("KubeletHasSufficientMemory", "edgelet has sufficient memory available"),
        ),
        _pressed(
            seen,
            "DiskPressure",
            low=("KubeletHasDiskPressure", "edgelet has disk pressure"),
            well=("KubeletHasNoDiskPressure", "edgelet has no disk pressure"),
        ),
        # Not one of Kubernetes': a board's card wears out by writing.
        _Statement(
            "FlashWritePressure",
            bool(seen.flash_pressure),
            "WriteBudgetExceeded" if seen.flash_pressure else "WithinWriteBudget",
            seen.flash_pressure or "edgelet and its engine write no more to flash than they should",
        ),
        # Not one of Kubernetes' either: a board that takes nothing new says why.
        _Statement(
            "PolicyFault",
            bool(seen.policy_fault),
            "PolicyUnusable" if seen.policy_fault else "PolicyUsable",
            seen.policy_fault or "the admission policy of this board was read and counts",
        ),
        # Not of Kubernetes either, and there only while they are so.
        *_troubles(seen),
        _pressed(
            seen,
            "PIDPressure",
            low=("KubeletHasInsufficientPID", "edgelet has insufficient PID available"),
            well=("KubeletHasSufficientPID", "edgelet has sufficient PID available"),
        ),
        _Statement(
            "Ready",
            not seen.not_ready,
            "KubeletNotReady" if seen.not_ready else "KubeletReady",
            seen.not_ready or "edgelet is posting ready status",
        ),
    )
    if seen.stale is not None:
        # Not one of Kubernetes': there the API server is there or not.
        fresh = "a signed index that has not expired is in force"
        reason = "IndexStale" if seen.stale else "IndexInForce"
        statements = (*statements, _Statement("DesiredStateStale", bool(seen.stale), reason, seen.stale or fresh))
    if seen.identity is not None:
        found = node_identity.statements(seen.identity)
        statements += tuple(_Statement(one.type, one.true, one.reason, one.message) for one in found)
    before = {condition["type"]: condition for condition in (previous or {}).get("conditions", ())}
    return [_condition(statement, before.get(statement.type), now=now) for statement in statements]


def _troubles(seen: SeenNode) -> Iterator[_Statement]:
    if seen.state_trouble:
        yield _Statement("StateUnwritable", true=True, reason="WriteRefused", message=seen.state_trouble)
    if seen.secret_trouble:
        yield _Statement("SecretsUnreadable", true=True, reason="NodeKey", message=seen.secret_trouble)


@dataclass(frozen=True, slots=True)
class _Statement:
    type: str
    true: bool
    reason: str
    message: str


def _pressed(seen: SeenNode, kind: str, *, low: tuple[str, str], well: tuple[str, str]) -> _Statement:
    """Return one of the kubelet's pressures; reasons and messages are its own, the words are ours."""
    if kind not in seen.pressures:
        return _Statement(kind, False, *well)
    words = seen.pressures[kind]
    return _Statement(kind, True, low[0], f"{low[1]}: {words}" if words else low[1])


def _condition(statement: _Statement, before: Mapping[str, Any] | None, *, now: str) -> dict[str, Any]:
    value = "True" if statement.true else "False"
    unchanged = before is not None and before.get("status") == value
    return {
        "type": statement.type,
        "status": value,
        "lastHeartbeatTime": now,
        "lastTransitionTime": before.get("lastTransitionTime", now) if before and unchanged else now,
        "reason": statement.reason,
        "message": statement.message,
    }


def _node_info(seen: SeenNode) -> dict[str, str]:
    facts, engine = seen.facts, seen.engine
    return {
        "architecture": facts.architecture,
        "bootID": facts.boot_id,
        "containerRuntimeVersion": f"{engine.name}://{engine.version}" if engine else "unknown://",
        "kernelVersion": facts.kernel_version,
        "kubeProxyVersion": "",
        "kubeletVersion": f"edgelet/{seen.agent_version}",
        "machineID": facts.machine_id,
        "operatingSystem": facts.operating_system,
        "osImage": facts.os_image,
        "systemUUID": facts.system_uuid,
    }


def _largest(images: tuple[ImageInfo, ...]) -> list[ImageInfo]:
    return sorted(images, key=lambda image: (-image.size_bytes, image.id))[:_IMAGES_MAX]


def _image(image: ImageInfo) -> dict[str, Any]:
    return {"names": [*image.digests, *image.names][:_NAMES_MAX], "sizeBytes": image.size_bytes}
