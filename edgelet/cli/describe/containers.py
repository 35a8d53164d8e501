"""Containers inside a description of a pod. Source: kubectl pkg/describe describeContainers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgelet.cli.describe import probes
from edgelet.cli.describe.prose import NONE, Prose, moment, truth
from edgelet.cli.rows.columns import part

Value = Mapping[str, Any]


def write(prose: Prose, label: str, containers: Sequence[Value], statuses: Sequence[Value], pod: Value) -> None:
    """Describe each container with its status."""
    by_name = {one.get("name"): one for one in statuses}
    prose.line(0, f"{label}:")
    for container in containers:
        status = by_name.get(container.get("name"))
        _identity(prose, container, status)
        for title, key in (("Command", "command"), ("Args", "args")):
            if container.get(key):
                prose.line(2, f"{title}:")
                for word in container[key]:
                    prose.line(3, str(word))
        if status is not None:
            _state(prose, "State", status.get("state") or {})
            if part(status, "lastState", "terminated") is not None:
                _state(prose, "Last State", status["lastState"])
            prose.field(2, "Ready", truth(status.get("ready")))
            prose.field(2, "Restart Count", status.get("restartCount", 0))
        resources(prose, 2, container.get("resources") or {})
        for title, key in (("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"), ("Startup", "startupProbe")):
            if container.get(key):
                prose.field(2, title, probes.text(container[key]))
        _environment(prose, container, pod)
        _mounts(prose, container)


def resources(prose: Prose, level: int, found: Value) -> None:
    """Describe limits and requests."""
    for title, key in (("Limits", "limits"), ("Requests", "requests")):
        if found.get(key):
            prose.line(level, f"{title}:")
            for name, amount in sorted(found[key].items()):
                prose.field(level + 1, name, amount)


def _identity(prose: Prose, container: Value, status: Value | None) -> None:
    prose.line(1, f"{container.get('name')}:")
    if status is not None:
        prose.field(2, "Container ID", status.get("containerID", ""))
    prose.field(2, "Image", container.get("image", ""))
    if status is not None:
        prose.field(2, "Image ID", status.get("imageID", ""))
    ports = container.get("ports") or []
    for title, key in (("Port", "containerPort"), ("Host Port", "hostPort")):
        shown = ", ".join(f"{port.get(key, 0)}/{port.get('protocol', 'TCP')}" for port in ports)
        prose.field(2, f"{title}s" if len(ports) > 1 else title, shown or NONE)


def _state(prose: Prose, label: str, state: Value) -> None:
    running, ended = state.get("running"), state.get("terminated")
    if running is not None:
        prose.field(2, label, "Running")
        prose.field(3, "Started", moment(running.get("startedAt")))
    elif ended is not None:
        prose.field(2, label, "Terminated")
        for title, key in (("Reason", "reason"), ("Message", "message")):
            if ended.get(key):
                prose.field(3, title, str(ended[key]).rstrip("\n"))
        prose.field(3, "Exit Code", ended.get("exitCode", 0))
        if ended.get("signal"):
            prose.field(3, "Signal", ended["signal"])
        prose.field(3, "Started", moment(ended.get("startedAt")))
        prose.field(3, "Finished", moment(ended.get("finishedAt")))
    else:
        prose.field(2, label, "Waiting")
        if part(state, "waiting", "reason"):
            prose.field(3, "Reason", state["waiting"]["reason"])


def _environment(prose: Prose, container: Value, pod: Value) -> None:
    sources = container.get("envFrom") or []
    if sources:
        prose.line(2, "Environment Variables from:")
    for source in sources:
        kind, key = ("ConfigMap", "configMapRef") if source.get("configMapRef") else ("Secret", "secretRef")
        reference = source.get(key) or {}
        prefix = f" with prefix '{source['prefix']}'" if source.get("prefix") else ""
        prose.line(3, f"{reference.get('name', '')}\t{kind}{prefix}\tOptional: {_lower(reference.get('optional'))}")
    variables = container.get("env") or []
    prose.line(2, "Environment:" if variables else f"Environment:\t{NONE}")
    for variable in variables:
        name = variable.get("name")
        first, *others = _value(variable, container, pod).split("\n")
        prose.line(3, f"{name}:\t{first}")
        for other in others:
            prose.line(3, f"\t{other}")


def _value(variable: Value, container: Value, pod: Value) -> str:
    origin = variable.get("valueFrom")
    if not origin:
        return str(variable.get("value") or "")
    if field := origin.get("fieldRef"):
        path = str(field.get("fieldPath", ""))
        found = _field(pod, path)
        return f"{found} ({field.get('apiVersion', 'v1')}:{path})"
    if resource := origin.get("resourceFieldRef"):
        name = str(resource.get("resource", ""))
        found = part(container, "resources", *name.split("."))
        allocatable = "node allocatable" if name in {"limits.cpu", "limits.memory"} else "0"
        return f"{found or allocatable} ({name})"
    for kind, key in (("in secret", "secretKeyRef"), ("of config map", "configMapKeyRef")):
        if reference := origin.get(key):
            optional = _lower(reference.get("optional"))
            return f"<set to the key '{reference.get('key')}' {kind} '{reference.get('name')}'>\tOptional: {optional}"
    return ""


def _field(pod: Value, path: str) -> str:
    """What a fieldRef leads to: `metadata.name`, `metadata.labels['app']`."""
    head, bracket, key = path.partition("['")
    found = part(pod, *head.split("."))
    if bracket and isinstance(found, Mapping):
        found = found.get(key.removesuffix("']"))
    return "" if found is None or isinstance(found, Mapping) else str(found)


def _mounts(prose: Prose, container: Value) -> None:
    mounts = sorted(container.get("volumeMounts") or [], key=lambda mount: str(mount.get("mountPath")))
    prose.line(2, "Mounts:" if mounts else f"Mounts:\t{NONE}")
    for mount in mounts:
        flags = ["ro" if mount.get("readOnly") else "rw"]
        flags += [f'path="{mount["subPath"]}"'] if mount.get("subPath") else []
        prose.line(3, f"{mount.get('mountPath')} from {mount.get('name')} ({','.join(flags)})")
    devices = container.get("volumeDevices") or []
    if devices:
        prose.line(2, "Devices:")
    for device in devices:
        prose.line(3, f"{device.get('devicePath')} from {device.get('name')}")


def _lower(value: object) -> str:
    return "true" if value else "false"
