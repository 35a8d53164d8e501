"""The Pod Security Standards: what a pod of a profile may not ask for.

Source: kubernetes.io/docs/concepts/security/pod-security-standards; the check names are Kubernetes' own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from edgelet.api.container import Container
from edgelet.api.errors import ForbiddenError
from edgelet.api.pod import Pod, PodSpec
from edgelet.api.security import PodSecurityContext, SecurityContext

Profile = Literal["privileged", "baseline", "restricted"]

_BASELINE_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
_SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
_RESTRICTED_VOLUMES = frozenset(
    {"config_map", "downward_api", "empty_dir", "ephemeral", "image", "persistent_volume_claim", "projected", "secret"}
)
_MAX_LISTED = 10


def check(pod: Pod, profile: Profile) -> None:
    """Raise ForbiddenError where the pod asks for more than the profile gives."""
    if profile == "privileged":
        return
    found = list(_baseline(pod.spec))
    if profile == "restricted":
        found += _restricted(pod.spec)
    if found:
        listed = ", ".join(found[:_MAX_LISTED])
        raise ForbiddenError(
            f'pods "{pod.metadata.name}" is forbidden: violates PodSecurity "{profile}:latest": {listed}'
        )


def _each(spec: PodSpec) -> Iterator[tuple[str, Container, SecurityContext]]:
    parts: tuple[tuple[str, tuple[Container, ...]], ...] = (
        ("initContainers", spec.init_containers),
        ("containers", spec.containers),
        ("ephemeralContainers", spec.ephemeral_containers),
    )
    for part, containers in parts:
        for index, one in enumerate(containers):
            yield f"spec.{part}[{index}]", one, one.security_context or SecurityContext()


def _baseline(spec: PodSpec) -> Iterator[str]:
    shared = (("hostNetwork", spec.host_network), ("hostPID", spec.host_pid), ("hostIPC", spec.host_ipc))
    yield from (f"host namespaces (spec.{name}=true)" for name, value in shared if value)
    for index, volume in enumerate(spec.volumes):
        if volume.host_path is not None:
            yield f"hostPath volumes (spec.volumes[{index}].hostPath)"
    yield from _profiles(spec.security_context or PodSecurityContext(), "spec.securityContext")
    for path, container, context in _each(spec):
        yield from _profiles(context, f"{path}.securityContext")
        yield from _container(path, container, context)


def _container(path: str, container: Container, context: SecurityContext) -> Iterator[str]:
    if context.privileged:
        yield f"privileged ({path}.securityContext.privileged=true)"
    for name in context.capabilities.add if context.capabilities else ():
        if name not in _BASELINE_CAPABILITIES:
            yield f'non-default capabilities ({path}.securityContext.capabilities.add "{name}")'
    for index, port in enumerate(container.ports):
        if port.host_port:
            yield f"hostPort ({path}.ports[{index}].hostPort={port.host_port})"
    if context.proc_mount == "Unmasked":
        yield f"procMount ({path}.securityContext.procMount=Unmasked)"


def _profiles(context: PodSecurityContext | SecurityContext, path: str) -> Iterator[str]:
    if context.seccomp_profile is not None and context.seccomp_profile.type == "Unconfined":
        yield f"seccompProfile ({path}.seccompProfile.type=Unconfined)"
    if context.app_armor_profile is not None and context.app_armor_profile.type == "Unconfined":
        yield f"appArmorProfile ({path}.appArmorProfile.type=Unconfined)"
    label = context.se_linux_options
    if label is not None and ((label.type or "") not in _SELINUX_TYPES or label.user or label.role):
        yield f"seLinuxOptions ({path}.seLinuxOptions)"


def _restricted(spec: PodSpec) -> Iterator[str]:
    for index, volume in enumerate(spec.volumes):
        given = [name for name in type(volume).model_fields if name != "name" and getattr(volume, name) is not None]
        if not _RESTRICTED_VOLUMES.issuperset(given) and given != ["host_path"]:  # hostPath is named above
            yield f"restricted volume types (spec.volumes[{index}])"
    whole = spec.security_context or PodSecurityContext()
    for path, _, context in _each(spec):
        where = f"{path}.securityContext"
        if context.allow_privilege_escalation is not False:
            yield f"allowPrivilegeEscalation != false ({where}.allowPrivilegeEscalation)"
        capabilities = context.capabilities
        if capabilities is None or "ALL" not in capabilities.drop or set(capabilities.add) - {"NET_BIND_SERVICE"}:
            yield f'unrestricted capabilities ({where}.capabilities.drop=["ALL"] needed)'
        if not _own_or_whole(context.run_as_non_root, whole.run_as_non_root):
            yield f"runAsNonRoot != true ({where}.runAsNonRoot)"
        if _own_or_whole(context.run_as_user, whole.run_as_user) == 0:
            yield f"runAsUser=0 ({where}.runAsUser)"
        if _own_or_whole(context.seccomp_profile, whole.seccomp_profile) is None:
            yield f"seccompProfile ({where}.seccompProfile.type must be RuntimeDefault or Localhost)"


def _own_or_whole(own: object, whole: object) -> object:
    return whole if own is None else own
