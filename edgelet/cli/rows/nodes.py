"""Nodes in a table. Source: kubernetes pkg/printers/internalversion/printers.go printNode."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from edgelet.cli import durations
from edgelet.cli.rows.columns import NONE, Columns, Document, created, name, part

ROLE_PREFIX = "node-role.kubernetes.io/"
ROLE_LABEL = "kubernetes.io/role"


def status(node: Document) -> str:
    """`Ready`, `NotReady`, `Unknown`, with `,SchedulingDisabled` for a cordoned one."""
    ready = next((one for one in part(node, "status", "conditions") or [] if one.get("type") == "Ready"), None)
    shown = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    return f"{shown},SchedulingDisabled" if part(node, "spec", "unschedulable") else shown


def roles(node: Document) -> str:
    """The roles that labels give the node."""
    labels = part(node, "metadata", "labels") or {}
    found = {key.removeprefix(ROLE_PREFIX) for key in labels if key.startswith(ROLE_PREFIX)}
    found |= {str(labels[ROLE_LABEL])} if labels.get(ROLE_LABEL) else set()
    return ",".join(sorted(filter(None, found))) or NONE


def address(node: Document, kind: str) -> str:
    """The node's first address of a kind (InternalIP, ExternalIP, Hostname)."""
    addresses = part(node, "status", "addresses") or []
    return next((str(one.get("address")) for one in addresses if one.get("type") == kind), NONE)


def _cells(node: Document, now: datetime) -> Sequence[str]:
    info = part(node, "status", "nodeInfo") or {}
    return (
        name(node),
        status(node),
        roles(node),
        durations.age(created(node), now=now),
        str(info.get("kubeletVersion", "")),
        address(node, "InternalIP"),
        address(node, "ExternalIP"),
        str(info.get("osImage") or "<unknown>"),
        str(info.get("kernelVersion") or "<unknown>"),
        str(info.get("containerRuntimeVersion") or "<unknown>"),
    )


WIDE = ("INTERNAL-IP", "EXTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION", "CONTAINER-RUNTIME")
COLUMNS = Columns(("NAME", "STATUS", "ROLES", "AGE", "VERSION", *WIDE), _cells, frozenset(WIDE))
