"""Rules for a pod as a whole."""

from __future__ import annotations

from collections.abc import Iterator

from edgelet.api import names
from edgelet.api.container import Container
from edgelet.api.errors import FieldError
from edgelet.api.pod import Pod, PodSpec
from edgelet.intake import faults
from edgelet.intake.validation import (
    container,
    dns,
    environment,
    ephemeral,
    metadata,
    resources,
    scheduling,
    security,
    volume,
)
from edgelet.intake.validation.container import Surroundings

_MAX_INT32 = 2**31 - 1
_MAX_HOSTNAME_CHARACTERS = 64


def check(pod: Pod, *, node_name: str, created: bool = True) -> Iterator[FieldError]:
    """Check a pod with its defaults filled in.

    Args:
        pod: What is wanted.
        node_name: The only node there is.
        created: Whether it is new: some things come into a pod only while it runs.
    """
    yield from metadata.check(pod.metadata, namespaced=True)
    spec = pod.spec
    around = Surroundings(spec, {one.name: one for one in spec.volumes}, spec.termination_grace_period_seconds or 0)
    yield from _volumes(spec)
    yield from _containers(spec, around)
    yield from ephemeral.check(spec, around)
    if created and spec.ephemeral_containers:
        yield faults.forbidden("spec.ephemeralContainers", "cannot be set on create")
    yield from _host_ports(spec.containers)
    yield from _names(spec, node_name)
    yield from dns.check(spec)
    yield from _host(spec)
    yield from scheduling.check(spec)
    if spec.active_deadline_seconds is not None and not 1 <= spec.active_deadline_seconds <= _MAX_INT32:
        yield faults.out_of_range("spec.activeDeadlineSeconds", spec.active_deadline_seconds, 1, _MAX_INT32)
    if spec.security_context is not None:
        yield from security.check_pod(spec.security_context, "spec.securityContext")
    if spec.resources is not None:
        yield from resources.check(spec.resources, "spec.resources")
        yield from resources.check_whole(spec)


def _volumes(spec: PodSpec) -> Iterator[FieldError]:
    seen: set[str] = set()
    for index, one in enumerate(spec.volumes):
        yield from volume.check(one, f"spec.volumes[{index}]")
        if one.name and one.name in seen:
            yield faults.duplicate(f"spec.volumes[{index}].name", one.name)
        seen.add(one.name)


def _containers(spec: PodSpec, around: Surroundings) -> Iterator[FieldError]:
    seen: set[str] = set()
    if not spec.containers:
        yield faults.required("spec.containers")
    for index, one in enumerate(spec.init_containers):
        path = f"spec.initContainers[{index}]"
        yield from container.check(one, path, around)
        if one.restart_policy == "Always":
            yield from container.check_probes_and_hooks(one, path, around)
        else:
            yield from container.check_plain_init(one, path)
        yield from _unique(one, path, seen)
    for index, one in enumerate(spec.containers):
        path = f"spec.containers[{index}]"
        yield from container.check(one, path, around)
        yield from container.check_probes_and_hooks(one, path, around)
        yield from _unique(one, path, seen)


def _unique(one: Container, path: str, seen: set[str]) -> Iterator[FieldError]:
    if one.name and one.name in seen:
        yield faults.duplicate(f"{path}.name", one.name)
    seen.add(one.name)


def _host_ports(containers: tuple[Container, ...]) -> Iterator[FieldError]:
    seen: set[tuple[str, str, int]] = set()
    for index, one in enumerate(containers):
        for position, port in enumerate(one.ports):
            if not port.host_port:
                continue
            taken = (port.host_ip or "", port.protocol or "TCP", port.host_port)
            if taken in seen:
                where = f"spec.containers[{index}].ports[{position}].hostPort"
                yield faults.duplicate(where, "/".join(map(str, filter(None, taken))))
            seen.add(taken)


def _names(spec: PodSpec, node_name: str) -> Iterator[FieldError]:
    if spec.node_name and spec.node_name != node_name:
        detail = f'this node is "{node_name}" and takes pods for itself only: leave nodeName out or set it to that'
        yield faults.invalid("spec.nodeName", spec.node_name, detail)
    for path, name in (("spec.hostname", spec.hostname), ("spec.subdomain", spec.subdomain)):
        if name and (fault := names.dns_label(name)):
            yield faults.invalid(path, name, fault)
    for path, name in (
        ("spec.serviceAccountName", spec.service_account_name),
        ("spec.priorityClassName", spec.priority_class_name),
        ("spec.runtimeClassName", spec.runtime_class_name),
    ):
        if name and (fault := names.dns_subdomain(name)):
            yield faults.invalid(path, name, fault)
    if spec.hostname_override is not None:
        yield from _hostname_override(spec, spec.hostname_override)
    yield from metadata.labels(spec.node_selector, "spec.nodeSelector")
    for index, secret in enumerate(spec.image_pull_secrets):
        yield from environment.object_name(secret.name, f"spec.imagePullSecrets[{index}].name")
    for index, gate in enumerate(spec.readiness_gates):
        if fault := names.qualified_name(gate.condition_type):
            yield faults.invalid(f"spec.readinessGates[{index}].conditionType", gate.condition_type, fault)


def _hostname_override(spec: PodSpec, name: str) -> Iterator[FieldError]:
    path = "spec.hostnameOverride"
    if fault := names.dns_subdomain(name):
        yield faults.invalid(path, name, fault)
    if len(name) > _MAX_HOSTNAME_CHARACTERS:
        yield faults.too_long(path, _MAX_HOSTNAME_CHARACTERS, "bytes")
    if spec.host_network:
        yield faults.forbidden(path, "may not be set when hostNetwork is true")
    if spec.set_hostname_as_fqdn:
        yield faults.forbidden(path, "may not be set when setHostnameAsFQDN is true")


def _host(spec: PodSpec) -> Iterator[FieldError]:
    if spec.share_process_namespace and spec.host_pid:
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        yield faults.invalid("spec.shareProcessNamespace", True, detail)
    if spec.host_users is False:
        shared = (
            ("hostNetwork", spec.host_network),
            ("hostPID", spec.host_pid),
            ("hostIPC", spec.host_ipc),
        )
        for name, value in shared:
            if value:
                yield faults.forbidden(f"spec.{name}", "when `hostUsers` is false")
    if spec.os is not None and spec.os.name not in ("linux", "windows"):
        yield faults.unsupported("spec.os.name", spec.os.name, ("linux", "windows"))
