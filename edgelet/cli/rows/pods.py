"""Pods in a table: what READY, STATUS and RESTARTS say.

Source: kubernetes pkg/printers/internalversion/printers.go printPod.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from edgelet.cli import durations
from edgelet.cli.rows.columns import NONE, Columns, Document, created, name, part

State = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Summary:
    """A pod in one line. `last_restart` is when the newest ended instance ended; empty where none was restarted."""

    status: str
    ready: int
    total: int
    restarts: int
    last_restart: str


@dataclass(frozen=True, slots=True)
class _Initializing:
    """How far the init containers are; `status` is empty once they are through."""

    status: str
    ready: int
    restarts: int
    last_restart: str


def summary(pod: Document) -> Summary:
    """What to say about a pod."""
    spec, status = part(pod, "spec") or {}, part(pod, "status") or {}
    inits = spec.get("initContainers") or []
    sidecars = {one.get("name") for one in inits if one.get("restartPolicy") == "Always"}
    containers = spec.get("containers") or status.get("containerStatuses") or []  # over MQTT a pod comes without spec
    total = len(containers) + len(sidecars)
    beginning = _initializing(status.get("initContainerStatuses") or [], sidecars, planned=len(inits))
    reason = _pod_reason(status)
    if beginning.status and not _condition(status, "Initialized"):
        shown = Summary(beginning.status, beginning.ready, total, beginning.restarts, beginning.last_restart)
    else:
        shown = _running(status, beginning.status or reason, beginning.ready, total, sidecars)
    return Summary(_deletion(pod) or shown.status, shown.ready, total, shown.restarts, shown.last_restart)


def _pod_reason(status: Mapping[str, Any]) -> str:
    gated = any(
        one.get("type") == "PodScheduled" and one.get("reason") == "SchedulingGated"
        for one in status.get("conditions") or []
    )
    return "SchedulingGated" if gated else str(status.get("reason") or status.get("phase") or "Pending")


def _initializing(statuses: Sequence[State], sidecars: set[Any], *, planned: int) -> _Initializing:
    ready = restarts = 0
    seen: list[State] = []
    reason = ""
    for position, one in enumerate(statuses):
        restarts += int(one.get("restartCount") or 0)
        seen.append(one)
        ended = part(one, "state", "terminated")
        if ended is not None and not ended.get("exitCode"):
            continue
        if one.get("name") in sidecars and one.get("started"):
            ready += bool(one.get("ready"))
            continue
        waiting = str(part(one, "state", "waiting", "reason") or "")
        if ended is not None:
            reason = f"Init:{_end_reason(ended)}"
        elif waiting and waiting != "PodInitializing":
            reason = f"Init:{waiting}"
        else:
            reason = f"Init:{position}/{planned}"
        break
    return _Initializing(reason, ready, restarts, _last_end(seen))


def _running(status: Mapping[str, Any], reason: str, ready: int, total: int, sidecars: set[Any]) -> Summary:
    """The pod's containers, once the init containers are through; the first one with a reason has the last word."""
    counted = [one for one in status.get("initContainerStatuses") or [] if one.get("name") in sidecars]
    containers = status.get("containerStatuses") or []
    counted += containers
    has_running = False
    for one in reversed(containers):
        ended = part(one, "state", "terminated")
        if waiting := part(one, "state", "waiting", "reason"):
            reason = str(waiting)
        elif ended is not None:
            reason = _end_reason(ended)
        elif one.get("ready") and part(one, "state", "running") is not None:
            has_running = True
            ready += 1
    if reason == "Completed" and has_running:
        reason = "Running" if _condition(status, "Ready") else "NotReady"
    restarts = sum(int(one.get("restartCount") or 0) for one in counted)
    return Summary(reason, ready, total, restarts, _last_end(counted))


def _deletion(pod: Document) -> str:
    if not part(pod, "metadata", "deletionTimestamp"):
        return ""
    if part(pod, "status", "reason") == "NodeLost":
        return "Unknown"
    return "" if part(pod, "status", "phase") in {"Succeeded", "Failed"} else "Terminating"


def _end_reason(ended: State) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"


def _last_end(statuses: Iterable[State]) -> str:
    return max((str(part(one, "lastState", "terminated", "finishedAt") or "") for one in statuses), default="")


def _condition(status: Mapping[str, Any], kind: str) -> bool:
    return any(one.get("type") == kind and one.get("status") == "True" for one in status.get("conditions") or [])


def _cells(pod: Document, now: datetime) -> Sequence[str]:
    line = summary(pod)
    restarts = str(line.restarts)
    if line.restarts and line.last_restart:
        restarts += f" ({durations.age(line.last_restart, now=now)} ago)"
    return (
        name(pod),
        f"{line.ready}/{line.total}",
        line.status,
        restarts,
        durations.age(created(pod), now=now),
        _address(pod),
        str(part(pod, "spec", "nodeName") or NONE),
        str(part(pod, "status", "nominatedNodeName") or NONE),
        _gates(pod),
    )


def _address(pod: Document) -> str:
    addresses = part(pod, "status", "podIPs") or []
    return str(addresses[0].get("ip") if addresses else part(pod, "status", "podIP") or NONE)


def _gates(pod: Document) -> str:
    gates = part(pod, "spec", "readinessGates") or []
    passed = sum(_condition(part(pod, "status") or {}, gate.get("conditionType")) for gate in gates)
    return f"{passed}/{len(gates)}" if gates else NONE


COLUMNS = Columns(
    ("NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED NODE", "READINESS GATES"),
    _cells,
    frozenset({"IP", "NODE", "NOMINATED NODE", "READINESS GATES"}),
)
