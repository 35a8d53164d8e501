"""A node in full. Source: kubectl pkg/describe describeNode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgelet.cli.describe.prose import NONE, Prose, moment, truth
from edgelet.cli.rows import nodes
from edgelet.cli.rows.columns import part

INFO = (
    ("Machine ID", "machineID"),
    ("System UUID", "systemUUID"),
    ("Boot ID", "bootID"),
    ("Kernel Version", "kernelVersion"),
    ("OS Image", "osImage"),
    ("Operating System", "operatingSystem"),
    ("Architecture", "architecture"),
    ("Container Runtime Version", "containerRuntimeVersion"),
    ("Kubelet Version", "kubeletVersion"),
)


def write(prose: Prose, node: Mapping[str, Any], *, pods: Sequence[Mapping[str, Any]]) -> None:
    """Describe everything but the events; `pods` are all of the node."""
    metadata, status = part(node, "metadata") or {}, part(node, "status") or {}
    prose.field(0, "Name", metadata.get("name", ""))
    prose.field(0, "Roles", nodes.roles(node))
    prose.mapping("Labels", metadata.get("labels"))
    prose.annotations(metadata.get("annotations"))
    prose.field(0, "CreationTimestamp", moment(metadata.get("creationTimestamp")))
    taints = part(node, "spec", "taints") or []
    shown = [f"{one.get('key')}{'=' + one['value'] if one.get('value') else ''}:{one.get('effect')}" for one in taints]
    prose.column("Taints", sorted(shown) or [NONE])
    prose.field(0, "Unschedulable", truth(part(node, "spec", "unschedulable")).lower())
    _conditions(prose, status)
    prose.line(0, "Addresses:")
    for address in status.get("addresses") or []:
        prose.field(1, address.get("type", ""), address.get("address", ""))
    for label, key in (("Capacity", "capacity"), ("Allocatable", "allocatable")):
        if status.get(key):
            prose.line(0, f"{label}:")
            for name, amount in sorted(status[key].items()):
                prose.field(1, name, amount)
    prose.line(0, "System Info:")
    for label, key in INFO:
        prose.field(1, label, part(status, "nodeInfo", key) or "")
    _pods(prose, pods)


def _conditions(prose: Prose, status: Mapping[str, Any]) -> None:
    conditions = status.get("conditions") or []
    if not conditions:
        return
    prose.line(0, "Conditions:\n  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage")
    prose.line(1, "----\t------\t-----------------\t------------------\t------\t-------")
    for one in conditions:
        beat, change = moment(one.get("lastHeartbeatTime")), moment(one.get("lastTransitionTime"))
        words = (one.get("type"), one.get("status"), beat, change, one.get("reason", ""), one.get("message", ""))
        prose.line(1, " \t".join(map(str, words)))


def _pods(prose: Prose, pods: Sequence[Mapping[str, Any]]) -> None:
    living = [pod for pod in pods if part(pod, "status", "phase") not in {"Succeeded", "Failed"}]
    prose.line(0, f"Non-terminated Pods:\t({len(living)} in total)")
    prose.line(1, "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits")
    prose.line(1, "---------\t----\t\t------------\t----------\t---------------\t-------------")
    for pod in living:
        metadata = part(pod, "metadata") or {}
        amounts = [_amounts(pod, kind, resource) for resource in ("cpu", "memory") for kind in ("requests", "limits")]
        prose.line(1, f"{metadata.get('namespace')}\t{metadata.get('name')}\t\t" + "\t".join(amounts))


def _amounts(pod: Mapping[str, Any], kind: str, resource: str) -> str:
    """What the pod's containers ask for, in words of the manifest: `100m+50m`; 0 for nothing."""
    containers = part(pod, "spec", "containers") or []
    found = [part(container, "resources", kind, resource) for container in containers]
    return "+".join(str(amount) for amount in found if amount is not None) or "0"
