"""The Pod Security Standards: what a pod of a profile may not ask for, each control by its own function.

Source: kubernetes.io/docs/concepts/security/pod-security-standards, as of 1.35; the names of the controls are those of
Kubernetes' refusals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edgelet.api.container import Container
from edgelet.api.pod import Pod, PodSpec
from edgelet.api.probe import LifecycleHandler, Probe
from edgelet.api.security import PodSecurityContext, SecurityContext
from edgelet.config.policy import Profile
from edgelet.intake.admission import each_container
from edgelet.intake.admission.violation import Violation

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
_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
_APPARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"
_RESTRICTED_VOLUMES = frozenset(
    {
        "config_map",
        "csi",
        "downward_api",
        "empty_dir",
        "ephemeral",
        "image",
        "persistent_volume_claim",
        "projected",
        "secret",
    }
)
_Control = Callable[[Pod], Iterator[Violation]]


def violations(pod: Pod, profile: Profile) -> tuple[Violation, ...]:
    """Return what the pod asks for beyond the profile."""
    controls: tuple[_Control, ...] = ()
    match profile:
        case "baseline":
            controls = _BASELINE
        case "restricted":
            controls = (*_BASELINE, *_RESTRICTED)
        case "privileged":
            pass
    return tuple(dict.fromkeys(found for control in controls for found in control(pod)))


# ---- baseline


def _windows(pod: Pod) -> Iterator[Violation]:
    for path, context in _contexts(pod.spec):
        if (context.windows_options or {}).get("hostProcess"):
            yield Violation("hostProcess", f"{path}.windowsOptions.hostProcess", "=true")


def _host_namespaces(pod: Pod) -> Iterator[Violation]:
    spec = pod.spec
    shared = (
        ("hostNetwork", spec.host_network, "host_network"),
        ("hostPID", spec.host_pid, "host_pid"),
        ("hostIPC", spec.host_ipc, "host_ipc"),
    )
    for name, value, key in shared:
        if value:
            yield Violation("host namespaces", f"spec.{name}", "=true", key)


def _privileged(pod: Pod) -> Iterator[Violation]:
    for path, _, context in _each(pod.spec):
        if context.privileged:
            yield Violation("privileged", f"{path}.privileged", "=true", "privileged")


def _capabilities(pod: Pod) -> Iterator[Violation]:
    for path, _, context in _each(pod.spec):
        for name in context.capabilities.add if context.capabilities else ():
            if name not in _BASELINE_CAPABILITIES:
                yield Violation("non-default capabilities", f"{path}.capabilities.add", f' "{name}"', "capabilities")


def _host_paths(pod: Pod) -> Iterator[Violation]:
    for index, volume in enumerate(pod.spec.volumes):
        if volume.host_path is not None:
            path = f"spec.volumes[{index}].hostPath"
            yield Violation("hostPath volumes", path, f' "{volume.host_path.path}"', "host_paths")


def _host_ports(pod: Pod) -> Iterator[Violation]:
    for path, container in each_container.of(pod.spec):
        for index, port in enumerate(container.ports):
            if port.host_port:
                yield Violation("hostPort", f"{path}.ports[{index}].hostPort", f"={port.host_port}", "host_ports")


def _probe_hosts(pod: Pod) -> Iterator[Violation]:
    for path, container in each_container.of(pod.spec):
        for name, asked in _asked(container):
            for action, target in (("httpGet", asked.http_get), ("tcpSocket", asked.tcp_socket)):
                if target is not None and target.host:
                    yield Violation("probe or lifecycle host", f"{path}.{name}.{action}.host", f' "{target.host}"')


def _asked(container: Container) -> Iterator[tuple[str, Probe | LifecycleHandler]]:
    hooks = container.lifecycle
    every: tuple[tuple[str, Probe | LifecycleHandler | None], ...] = (
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
        ("lifecycle.postStart", hooks.post_start if hooks else None),
        ("lifecycle.preStop", hooks.pre_stop if hooks else None),
    )
    yield from ((name, one) for name, one in every if one is not None)


def _app_armor(pod: Pod) -> Iterator[Violation]:
    rule = "forbidden AppArmor profile"
    for path, context in _contexts(pod.spec):
        if context.app_armor_profile is not None and context.app_armor_profile.type == "Unconfined":
            yield Violation(rule, f"{path}.appArmorProfile.type", "=Unconfined")
    for name, value in sorted(pod.metadata.annotations.items()):
        if not name.startswith(_APPARMOR_ANNOTATION) or value in ("", "runtime/default"):
            continue
        if not value.startswith("localhost/"):
            yield Violation(rule, f"metadata.annotations[{name}]", f' "{value}"')


def _se_linux(pod: Pod) -> Iterator[Violation]:
    for path, context in _contexts(pod.spec):
        label = context.se_linux_options
        if label is None:
            continue
        if (label.type or "") not in _SELINUX_TYPES:
            yield Violation("seLinuxOptions", f"{path}.seLinuxOptions.type", f' "{label.type}"')
        for name, value in (("user", label.user), ("role", label.role)):
            if value:
                yield Violation("seLinuxOptions", f"{path}.seLinuxOptions.{name}", f' "{value}" may not be set')


def _proc_mount(pod: Pod) -> Iterator[Violation]:
    if pod.spec.host_users is not False:  # with users of its own a pod sees no more of /proc than they may
        yield from _masked_proc(pod)


def _masked_proc(pod: Pod) -> Iterator[Violation]:
    for path, _, context in _each(pod.spec):
        if context.proc_mount not in (None, "Default"):
            yield Violation("procMount", f"{path}.procMount", f"={context.proc_mount}")


def _seccomp(pod: Pod) -> Iterator[Violation]:
    for path, context in _contexts(pod.spec):
        if context.seccomp_profile is not None and context.seccomp_profile.type == "Unconfined":
            yield Violation("seccompProfile", f"{path}.seccompProfile.type", "=Unconfined")


def _sysctls(pod: Pod) -> Iterator[Violation]:
    whole = pod.spec.security_context or PodSecurityContext()
    for index, one in enumerate(whole.sysctls):
        if one.name not in _SYSCTLS:
            yield Violation("forbidden sysctls", f"spec.securityContext.sysctls[{index}].name", f' "{one.name}"')


_BASELINE: tuple[_Control, ...] = (
    _windows,
    _host_namespaces,
    _privileged,
    _capabilities,
    _host_paths,
    _host_ports,
    _probe_hosts,
    _app_armor,
    _se_linux,
    _proc_mount,
    _seccomp,
    _sysctls,
)

# ---- restricted


def _volume_types(pod: Pod) -> Iterator[Violation]:
    for index, volume in enumerate(pod.spec.volumes):
        given = [name for name in type(volume).model_fields if name != "name" and getattr(volume, name) is not None]
        if not _RESTRICTED_VOLUMES.issuperset(given) and given != ["host_path"]:  # that one is named by the baseline
            yield Violation("restricted volume types", f"spec.volumes[{index}]", f' "{volume.name}"')


def _escalation(pod: Pod) -> Iterator[Violation]:
    for path, _, context in _each(pod.spec):
        if context.allow_privilege_escalation is not False:
            yield Violation("allowPrivilegeEscalation != false", f"{path}.allowPrivilegeEscalation", "")


def _non_root(pod: Pod) -> Iterator[Violation]:
    if pod.spec.host_users is False:
        return
    rule = "runAsNonRoot != true"
    whole = (pod.spec.security_context or PodSecurityContext()).run_as_non_root
    if whole is False:
        yield Violation(rule, "spec.securityContext.runAsNonRoot", "=false")
    for path, _, context in _each(pod.spec):
        own = context.run_as_non_root
        if own is False or (own is None and whole is None):
            yield Violation(rule, f"{path}.runAsNonRoot", "=false" if own is False else "")


def _user_zero(pod: Pod) -> Iterator[Violation]:
    if pod.spec.host_users is False:
        return
    for path, context in _contexts(pod.spec):
        if context.run_as_user == 0:
            yield Violation("runAsUser=0", f"{path}.runAsUser", "")


def _seccomp_needed(pod: Pod) -> Iterator[Violation]:
    whole = (pod.spec.security_context or PodSecurityContext()).seccomp_profile
    for path, _, context in _each(pod.spec):
        if context.seccomp_profile is None and whole is None:
            detail = " must be RuntimeDefault or Localhost"
            yield Violation("seccompProfile", f"{path}.seccompProfile.type", detail)


def _all_dropped(pod: Pod) -> Iterator[Violation]:
    rule = "unrestricted capabilities"
    for path, _, context in _each(pod.spec):
        capabilities = context.capabilities
        if capabilities is None or "ALL" not in capabilities.drop:
            yield Violation(rule, f"{path}.capabilities.drop", '=["ALL"] needed')
        for name in capabilities.add if capabilities else ():
            if name != "NET_BIND_SERVICE" and name in _BASELINE_CAPABILITIES:  # others are named by the baseline
                yield Violation(rule, f"{path}.capabilities.add", f' "{name}"', "capabilities")


_RESTRICTED: tuple[_Control, ...] = (
    _volume_types,
    _escalation,
    _non_root,
    _user_zero,
    _seccomp_needed,
    _all_dropped,
    _masked_proc,
)

# ---- where rights are said


def _each(spec: PodSpec) -> Iterator[tuple[str, Container, SecurityContext]]:
    for path, one in each_container.of(spec):
        yield f"{path}.securityContext", one, one.security_context or SecurityContext()


def _contexts(spec: PodSpec) -> Iterator[tuple[str, PodSecurityContext | SecurityContext]]:
    if spec.security_context is not None:
        yield "spec.securityContext", spec.security_context
    for path, _, context in _each(spec):
        yield path, context
