"""A pod in full. Source: kubectl pkg/describe describePod."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from edgelet.cli import durations
from edgelet.cli.describe import containers, volumes
from edgelet.cli.describe.prose import NONE, Prose, moment
from edgelet.cli.rows.columns import part


def write(prose: Prose, pod: Mapping[str, Any], *, now: datetime) -> None:
    """Describe everything but the events."""
    spec, status = part(pod, "spec") or {}, part(pod, "status") or {}
    _head(prose, pod, spec, status)
    _state(prose, pod, status, now)
    _addresses(prose, pod, status)
    for label, key, statuses in (
        ("Init Containers", "initContainers", "initContainerStatuses"),
        ("Containers", "containers", "containerStatuses"),
        ("Ephemeral Containers", "ephemeralContainers", "ephemeralContainerStatuses"),
    ):
        if spec.get(key):
            containers.write(prose, label, spec[key], status.get(statuses) or [], pod)
    if status.get("conditions"):
        prose.line(0, "Conditions:\n  Type\tStatus")
        for condition in status["conditions"]:
            prose.line(1, f"{condition.get('type')} \t{condition.get('status')} ")
    volumes.write(prose, spec.get("volumes") or [])
    prose.field(0, "QoS Class", status.get("qosClass", ""))
    prose.mapping("Node-Selectors", spec.get("nodeSelector"))
    prose.column("Tolerations", sorted(map(_toleration, spec.get("tolerations") or [])) or [NONE])


def _head(prose: Prose, pod: Mapping[str, Any], spec: Mapping[str, Any], status: Mapping[str, Any]) -> None:
    metadata = part(pod, "metadata") or {}
    prose.field(0, "Name", metadata.get("name", ""))
    prose.field(0, "Namespace", metadata.get("namespace", ""))
    for label, value in (
        ("Priority", spec.get("priority")),
        ("Priority Class Name", spec.get("priorityClassName") or None),
        ("Runtime Class Name", spec.get("runtimeClassName") or None),
        ("Service Account", spec.get("serviceAccountName") or None),
    ):
        if value is not None:
            prose.field(0, label, value)
    prose.field(0, "Node", f"{spec['nodeName']}/{status.get('hostIP', '')}" if spec.get("nodeName") else NONE)
    if status.get("startTime"):
        prose.field(0, "Start Time", moment(status["startTime"]))
    prose.mapping("Labels", metadata.get("labels"))
    prose.annotations(metadata.get("annotations"))


def _state(prose: Prose, pod: Mapping[str, Any], status: Mapping[str, Any], now: datetime) -> None:
    metadata = part(pod, "metadata") or {}
    if metadata.get("deletionTimestamp") and status.get("phase") not in {"Succeeded", "Failed"}:
        lasts = durations.age(metadata["deletionTimestamp"], now=now)
        prose.field(0, "Status", f"Terminating (lasts {lasts})")
        prose.field(0, "Termination Grace Period", f"{metadata.get('deletionGracePeriodSeconds', 0)}s")
    else:
        prose.field(0, "Status", status.get("phase", ""))
    for label, key in (("Reason", "reason"), ("Message", "message")):
        if status.get(key):
            prose.field(0, label, status[key])


def _addresses(prose: Prose, pod: Mapping[str, Any], status: Mapping[str, Any]) -> None:
    if seccomp := part(pod, "spec", "securityContext", "seccompProfile"):
        prose.field(0, "SeccompProfile", seccomp.get("type", ""))
    prose.field(0, "IP", status.get("podIP", ""))
    addresses = status.get("podIPs") or []
    prose.line(0, "IPs:" if addresses else f"IPs:\t{NONE}")
    for address in addresses:
        prose.field(1, "IP", address.get("ip", ""))
    owner = next((one for one in part(pod, "metadata", "ownerReferences") or [] if one.get("controller")), None)
    if owner:
        prose.field(0, "Controlled By", f"{owner.get('kind')}/{owner.get('name')}")


def _toleration(toleration: Mapping[str, Any]) -> str:
    """`node.kubernetes.io/not-ready:NoExecute op=Exists for 300s`."""
    value = f"={toleration['value']}" if toleration.get("value") else ""
    text = f"{toleration.get('key', '')}{value}" + (f":{toleration['effect']}" if toleration.get("effect") else "")
    if toleration.get("operator") == "Exists" and not toleration.get("value"):
        text += " op=Exists" if text else "op=Exists"
    seconds = toleration.get("tolerationSeconds")
    return text if seconds is None else f"{text} for {seconds}s"
