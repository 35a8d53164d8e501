"""Rules for one container."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from edgelet.api import names
from edgelet.api.container import Container, VolumeMount
from edgelet.api.errors import FieldError
from edgelet.api.pod import PodSpec
from edgelet.api.volume import Volume
from edgelet.intake import faults
from edgelet.intake.validation import environment, handlers, relative_path, resources, security

MAX_RESTART_RULES = 20
_MAX_EXIT_CODE = 255
_RESIZABLE = ("cpu", "memory")
_PROBES = (
    ("liveness_probe", "livenessProbe"),
    ("readiness_probe", "readinessProbe"),
    ("startup_probe", "startupProbe"),
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What of the pod its containers are judged by."""

    spec: PodSpec
    volumes: dict[str, Volume]
    grace_s: int


def check(container: Container, path: str, around: Surroundings) -> Iterator[FieldError]:
    """Check what holds for every container."""
    if not container.name:
        yield faults.required(f"{path}.name")
    elif fault := names.dns_label(container.name):
        yield faults.invalid(f"{path}.name", container.name, fault)
    if not container.image:
        yield faults.required(f"{path}.image")
    elif container.image != container.image.strip():
        yield faults.invalid(f"{path}.image", container.image, "must not have leading or trailing whitespace")
    yield from _ports(container, f"{path}.ports", host_network=bool(around.spec.host_network))
    yield from environment.check_variables(container.env, f"{path}.env")
    yield from _env_files(container, f"{path}.env", around)
    yield from environment.check_sources(container.env_from, f"{path}.envFrom")
    yield from resources.check(container.resources, f"{path}.resources")
    yield from _mounts(container, path, around)
    yield from _restart(container, path)
    yield from _resize_policy(container, f"{path}.resizePolicy", never=around.spec.restart_policy == "Never")
    if container.security_context is not None:
        yield from security.check_container(
            container.security_context, f"{path}.securityContext", user_namespace=around.spec.host_users is False
        )


def check_probes_and_hooks(container: Container, path: str, around: Surroundings) -> Iterator[FieldError]:
    """Check what only app containers and sidecars may have."""
    for attribute, name in _PROBES:
        probe = getattr(container, attribute)
        if probe is None:
            continue
        yield from handlers.check_probe(probe, f"{path}.{name}")
        if name != "readinessProbe":
            yield from handlers.check_single_success(probe, f"{path}.{name}")
        elif probe.termination_grace_period_seconds is not None:
            where = f"{path}.{name}.terminationGracePeriodSeconds"
            yield faults.invalid(where, probe.termination_grace_period_seconds, "must not be set for readinessProbes")
    if container.lifecycle is not None:
        yield from handlers.check_lifecycle(container.lifecycle, f"{path}.lifecycle", grace_s=around.grace_s)


def _resize_policy(container: Container, path: str, *, never: bool) -> Iterator[FieldError]:
    """Source: Kubernetes validateResizePolicy."""
    seen: set[str] = set()
    for index, policy in enumerate(container.resize_policy):
        if policy.resource_name not in _RESIZABLE:
            yield faults.unsupported(f"{path}[{index}]", policy.resource_name, _RESIZABLE)
        elif policy.resource_name in seen:
            yield faults.duplicate(f"{path}[{index}]", policy.resource_name)
        seen.add(policy.resource_name)
        if never and container.restart_policy in (None, "Never") and policy.restart_policy != "NotRequired":
            detail = "must be 'NotRequired' when `restartPolicy` is 'Never'"
            yield faults.invalid(f"{path}[{index}].restartPolicy", policy.restart_policy, detail)


def check_plain_init(container: Container, path: str) -> Iterator[FieldError]:
    """Check that an init container that is no sidecar has neither probes nor hooks, and cannot be resized."""
    if container.resize_policy:
        yield faults.invalid(f"{path}.resizePolicy", "[...]", "must not be set for init containers")
    present = [name for attribute, name in _PROBES if getattr(container, attribute) is not None]
    if container.lifecycle is not None:
        present.append("lifecycle")
    for name in present:
        yield faults.forbidden(f"{path}.{name}", "may not be set for init containers without restartPolicy=Always")


def _ports(container: Container, path: str, *, host_network: bool) -> Iterator[FieldError]:
    seen: set[str] = set()
    for index, port in enumerate(container.ports):
        here = f"{path}[{index}]"
        if port.name:
            if fault := names.port_name(port.name):
                yield faults.invalid(f"{here}.name", port.name, fault)
            elif port.name in seen:
                yield faults.duplicate(f"{here}.name", port.name)
            seen.add(port.name)
        yield from handlers.check_port(port.container_port, f"{here}.containerPort")
        if port.host_port:
            yield from handlers.check_port(port.host_port, f"{here}.hostPort")
            if host_network and port.host_port != port.container_port:
                detail = "must match `hostPort` when `hostNetwork` is true"
                yield faults.invalid(f"{here}.containerPort", port.container_port, detail)
        if port.host_ip and not is_address(port.host_ip):
            yield faults.invalid(f"{here}.hostIP", port.host_ip, "must be a valid IP address, (e.g. 10.9.8.7)")


def _env_files(container: Container, path: str, around: Surroundings) -> Iterator[FieldError]:
    for index, variable in enumerate(container.env):
        source = variable.value_from.file_key_ref if variable.value_from else None
        if source is None or not source.volume_name:
            continue
        where = f"{path}[{index}].valueFrom.fileKeyRef.volumeName"
        volume = around.volumes.get(source.volume_name)
        if volume is None:
            yield faults.not_found(where, source.volume_name)
        elif volume.empty_dir is None:
            yield faults.invalid(where, source.volume_name, "referenced volume must be of type emptyDir")


def is_address(text: str) -> bool:
    """Whether a text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _mounts(container: Container, path: str, around: Surroundings) -> Iterator[FieldError]:
    taken: set[str] = set()
    for index, mount in enumerate(container.volume_mounts):
        here = f"{path}.volumeMounts[{index}]"
        if not mount.name:
            yield faults.required(f"{here}.name")
        elif mount.name not in around.volumes:
            yield faults.not_found(f"{here}.name", mount.name)
        if not mount.mount_path:
            yield faults.required(f"{here}.mountPath")
        elif ":" in mount.mount_path:
            yield faults.invalid(f"{here}.mountPath", mount.mount_path, "must not contain ':'")
        elif mount.mount_path in taken:
            yield faults.invalid(f"{here}.mountPath", mount.mount_path, "must be unique")
        taken.add(mount.mount_path)
        yield from _mount_options(mount, here, container)
    yield from _devices(container, path, around, taken)


def _devices(container: Container, path: str, around: Surroundings, taken: set[str]) -> Iterator[FieldError]:
    for index, device in enumerate(container.volume_devices):
        here = f"{path}.volumeDevices[{index}]"
        if not device.device_path:
            yield faults.required(f"{here}.devicePath")
        if not device.name:
            yield faults.required(f"{here}.name")
        elif device.name not in around.volumes:
            yield faults.not_found(f"{here}.name", device.name)
        if device.device_path in taken:
            yield faults.invalid(f"{here}.devicePath", device.device_path, "must be unique")
        taken.add(device.device_path)


def _mount_options(mount: VolumeMount, path: str, container: Container) -> Iterator[FieldError]:
    if mount.sub_path:
        yield from relative_path.check_inner(mount.sub_path, f"{path}.subPath")
    if mount.sub_path_expr:
        if mount.sub_path:
            yield faults.invalid(
                f"{path}.subPathExpr", mount.sub_path_expr, "subPathExpr and subPath are mutually exclusive"
            )
        yield from relative_path.check_inner(mount.sub_path_expr, f"{path}.subPathExpr")
    privileged = container.security_context is not None and container.security_context.privileged
    if mount.mount_propagation == "Bidirectional" and not privileged:
        detail = "Bidirectional mount propagation is available only to privileged containers"
        yield faults.forbidden(f"{path}.mountPropagation", detail)
    if mount.recursive_read_only in ("IfPossible", "Enabled"):
        if not mount.read_only:
            yield faults.forbidden(f"{path}.recursiveReadOnly", "may only be specified when readOnly is true")
        if mount.mount_propagation not in (None, "None"):
            detail = "may only be specified when mountPropagation is None or not specified"
            yield faults.forbidden(f"{path}.recursiveReadOnly", detail)


def _restart(container: Container, path: str) -> Iterator[FieldError]:
    rules = container.restart_policy_rules
    if rules and container.restart_policy is None:
        yield faults.required(f"{path}.restartPolicy", "must specify restartPolicy when restart rules are used")
    if len(rules) > MAX_RESTART_RULES:
        yield faults.too_long(f"{path}.restartPolicyRules", MAX_RESTART_RULES, "rules")
    for index, rule in enumerate(rules):
        here = f"{path}.restartPolicyRules[{index}].exitCodes"
        if rule.exit_codes is None:
            yield faults.required(here, "must be specified")
            continue
        if not rule.exit_codes.values:
            yield faults.required(f"{here}.values", "at least one exit code")
        for position, code in enumerate(rule.exit_codes.values):
            if not 0 <= code <= _MAX_EXIT_CODE:
                yield faults.out_of_range(f"{here}.values[{position}]", code, 0, _MAX_EXIT_CODE)
