"""Each control of the Pod Security Standards with what it allows and what it refuses, and how it names that.

Source: kubernetes.io/docs/concepts/security/pod-security-standards.
"""

from __future__ import annotations

from typing import Any

import pytest

from edgelet.api.pod import Pod
from edgelet.config.policy import Profile
from edgelet.intake.admission import pod_security
from tests import builders

C = builders.container_document
SAFE_SYSCTLS = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
)
SAFE_CAPABILITIES = (
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
    *("SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
)
MODEST = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
WHOLE = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
OWN = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
APPARMOR = "container.apparmor.security.beta.kubernetes.io/c"

Case = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]  # fields of the container, of the spec, of the metadata


def ctx(**fields: Any) -> Case:
    """A container with this security context."""
    return {"securityContext": fields}, {}, {}


def whole(**fields: Any) -> Case:
    """A pod with this security context."""
    return {}, {"securityContext": fields}, {}


def c(**fields: Any) -> Case:
    return fields, {}, {}


def spec(**fields: Any) -> Case:
    return {}, fields, {}


def annotated(name: str, value: str) -> Case:
    return {}, {}, {"annotations": {name: value}}


def volume(**source: Any) -> Case:
    return spec(volumes=[{"name": "v", **source}])


def probe(name: str, **action: Any) -> Case:
    return c(**{name: action})


def hook(name: str, **action: Any) -> Case:
    return c(lifecycle={name: action})


def pod(case: Case, *, modest: bool = False, part: str = "containers") -> Pod:
    """The pod of a case; `modest`: with all that restricted wants besides. `part`: which kind of container has it."""
    container, more, metadata = case
    whole_context = {**(WHOLE if modest else {}), **more.get("securityContext", {})}
    context = {**(OWN if modest else {}), **container.get("securityContext", {})}
    full = {**container, **({"securityContext": context} if context else {})}
    fields = {**more, **({"securityContext": whole_context} if whole_context else {})}
    if part == "containers":
        return builders.pod("web", C(**full), metadata=metadata, **fields)
    plain = C("main", **({"securityContext": OWN} if modest else {}))
    return builders.pod("web", plain, metadata=metadata, **{part: [C("other", **full)]}, **fields)


def told(one: Pod, profile: Profile) -> list[str]:
    return [str(found) for found in pod_security.violations(one, profile)]


BASELINE_ALLOWS: dict[str, list[Case]] = {
    "hostProcess": [ctx(windowsOptions={"hostProcess": False}), whole(windowsOptions={})],
    "host namespaces": [spec(hostNetwork=False, hostPID=False, hostIPC=False), spec()],
    "privileged": [ctx(privileged=False), c()],
    "capabilities": [ctx(capabilities={"add": [name]}) for name in SAFE_CAPABILITIES]
    + [ctx(capabilities={"drop": ["ALL"]}), ctx(capabilities={})],
    "hostPath": [volume(emptyDir={}), volume(nfs={"server": "s", "path": "/"})],
    "hostPorts": [c(ports=[{"containerPort": 80}]), c(ports=[{"containerPort": 80, "hostPort": 0}])],
    "probe hosts": [
        probe("livenessProbe", httpGet={"port": 1}),
        probe("startupProbe", tcpSocket={"port": 1, "host": ""}),
        hook("preStop", httpGet={"port": 1, "path": "/"}),
        probe("readinessProbe", httpGet={"port": 1, "httpHeaders": [{"name": "Host", "value": "a"}]}),
    ],
    "AppArmor": [
        ctx(appArmorProfile={"type": "RuntimeDefault"}),
        whole(appArmorProfile={"type": "Localhost", "localhostProfile": "x"}),
        annotated(APPARMOR, "runtime/default"),
        annotated(APPARMOR, "localhost/mine"),
        annotated(APPARMOR, ""),
        annotated("example.com/apparmor", "unconfined"),
    ],
    "SELinux": [
        ctx(seLinuxOptions={"type": name, "level": "s0:c1,c2"})
        for name in ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
    ]
    + [whole(seLinuxOptions={"user": "", "role": ""})],
    "procMount": [
        ctx(procMount="Default"),
        ({"securityContext": {"procMount": "Unmasked"}}, {"hostUsers": False}, {}),
    ],
    "seccomp": [
        c(),
        ctx(seccompProfile={"type": "RuntimeDefault"}),
        whole(seccompProfile={"type": "Localhost", "localhostProfile": "x"}),
    ],
    "sysctls": [whole(sysctls=[{"name": name, "value": "1"}]) for name in SAFE_SYSCTLS] + [whole(sysctls=[])],
}
CS = "spec.containers[0].securityContext"
BASELINE_REFUSES: dict[str, list[tuple[Case, str]]] = {
    "hostProcess": [
        (ctx(windowsOptions={"hostProcess": True}), f"hostProcess ({CS}.windowsOptions.hostProcess=true)"),
        (
            whole(windowsOptions={"hostProcess": True}),
            "hostProcess (spec.securityContext.windowsOptions.hostProcess=true)",
        ),
    ],
    "host namespaces": [
        (spec(hostNetwork=True), "host namespaces (spec.hostNetwork=true)"),
        (spec(hostPID=True), "host namespaces (spec.hostPID=true)"),
        (spec(hostIPC=True), "host namespaces (spec.hostIPC=true)"),
    ],
    "privileged": [(ctx(privileged=True), f"privileged ({CS}.privileged=true)")],
    "capabilities": [
        (ctx(capabilities={"add": [name]}), f'non-default capabilities ({CS}.capabilities.add "{name}")')
        for name in ("NET_ADMIN", "NET_RAW", "SYS_ADMIN", "ALL", "CAP_CHOWN", "chown")
    ],
    "hostPath": [(volume(hostPath={"path": "/srv"}), 'hostPath volumes (spec.volumes[0].hostPath "/srv")')],
    "hostPorts": [
        (c(ports=[{"containerPort": 1, "hostPort": 2}]), "hostPort (spec.containers[0].ports[0].hostPort=2)"),
        (
            ({"ports": [{"containerPort": 7}]}, {"hostNetwork": True}, {}),
            "hostPort (spec.containers[0].ports[0].hostPort=7)",
        ),
    ],
    "probe hosts": [
        (probe(name, **{action: {"port": 1, "host": "h"}}), f'({"spec.containers[0]"}.{name}.{action}.host "h")')
        for name in ("livenessProbe", "readinessProbe", "startupProbe")
        for action in ("httpGet", "tcpSocket")
    ]
    + [
        (hook(name, **{action: {"port": 1, "host": "h"}}), f'(spec.containers[0].lifecycle.{name}.{action}.host "h")')
        for name in ("postStart", "preStop")
        for action in ("httpGet", "tcpSocket")
    ],
    "AppArmor": [
        (ctx(appArmorProfile={"type": "Unconfined"}), f"AppArmor profile ({CS}.appArmorProfile.type=Unconfined)"),
        (whole(appArmorProfile={"type": "Unconfined"}), "(spec.securityContext.appArmorProfile.type=Unconfined)"),
        (annotated(APPARMOR, "unconfined"), f'(metadata.annotations[{APPARMOR}] "unconfined")'),
    ],
    "SELinux": [
        (ctx(seLinuxOptions={"type": "spc_t"}), f'seLinuxOptions ({CS}.seLinuxOptions.type "spc_t")'),
        (whole(seLinuxOptions={"user": "u"}), '(spec.securityContext.seLinuxOptions.user "u" may not be set)'),
        (whole(seLinuxOptions={"role": "r"}), '(spec.securityContext.seLinuxOptions.role "r" may not be set)'),
    ],
    "procMount": [(ctx(procMount="Unmasked"), f"procMount ({CS}.procMount=Unmasked)")],
    "seccomp": [
        (ctx(seccompProfile={"type": "Unconfined"}), f"seccompProfile ({CS}.seccompProfile.type=Unconfined)"),
        (whole(seccompProfile={"type": "Unconfined"}), "(spec.securityContext.seccompProfile.type=Unconfined)"),
    ],
    "sysctls": [
        (
            whole(sysctls=[{"name": name, "value": "1"}]),
            f'forbidden sysctls (spec.securityContext.sysctls[0].name "{name}")',
        )
        for name in ("kernel.msgmax", "net.core.somaxconn", "net.ipv4.ip_forward", "vm.overcommit_memory")
    ],
}
RESTRICTED_ALLOWS: dict[str, list[Case]] = {
    "volumes": [
        volume(configMap={"name": "x"}),
        volume(csi={"driver": "d"}),
        volume(downwardAPI={}),
        volume(emptyDir={}),
        volume(ephemeral={}),
        volume(image={"reference": "a:1"}),
        volume(persistentVolumeClaim={"claimName": "p"}),
        volume(projected={}),
        volume(secret={"secretName": "s"}),
        volume(),
    ],
    "runAsNonRoot": [
        ctx(runAsNonRoot=True),
        ({"securityContext": {"runAsUser": 0}}, {"hostUsers": False, "securityContext": {"runAsNonRoot": None}}, {}),
        ({"securityContext": {"runAsNonRoot": False}}, {"hostUsers": False}, {}),
    ],
    "runAsUser": [ctx(runAsUser=1000), whole(runAsUser=1000), whole()],
    "seccomp": [ctx(seccompProfile={"type": "Localhost", "localhostProfile": "x"}), c()],
    "capabilities": [
        ctx(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
        ctx(capabilities={"drop": ["KILL", "ALL"]}),
    ],
}
RESTRICTED_REFUSES: dict[str, list[tuple[Case, str]]] = {
    "volumes": [
        (volume(**{name: {}}), 'restricted volume types (spec.volumes[0] "v")')
        for name in (
            *("awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "fc", "flexVolume", "flocker"),
            *("gcePersistentDisk", "gitRepo", "glusterfs", "iscsi", "nfs", "photonPersistentDisk", "portworxVolume"),
            *("quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume"),
        )
    ],
    "allowPrivilegeEscalation": [
        (ctx(allowPrivilegeEscalation=True), f"allowPrivilegeEscalation != false ({CS}.allowPrivilegeEscalation)"),
        (ctx(allowPrivilegeEscalation=None), f"allowPrivilegeEscalation != false ({CS}.allowPrivilegeEscalation)"),
    ],
    "runAsNonRoot": [
        (whole(runAsNonRoot=None), f"runAsNonRoot != true ({CS}.runAsNonRoot)"),
        (ctx(runAsNonRoot=False), f"runAsNonRoot != true ({CS}.runAsNonRoot=false)"),
        (
            ({"securityContext": {"runAsNonRoot": True}}, {"securityContext": {"runAsNonRoot": False}}, {}),
            "runAsNonRoot != true (spec.securityContext.runAsNonRoot=false)",
        ),
    ],
    "runAsUser": [
        (ctx(runAsUser=0), f"runAsUser=0 ({CS}.runAsUser)"),
        (
            ({"securityContext": {"runAsUser": 5}}, {"securityContext": {"runAsUser": 0}}, {}),
            "runAsUser=0 (spec.securityContext.runAsUser)",
        ),
    ],
    "seccomp": [
        (whole(seccompProfile=None), f"seccompProfile ({CS}.seccompProfile.type must be RuntimeDefault or Localhost)"),
        (ctx(seccompProfile={"type": "Unconfined"}), f"seccompProfile ({CS}.seccompProfile.type=Unconfined)"),
    ],
    "capabilities": [
        (ctx(capabilities=None), f'unrestricted capabilities ({CS}.capabilities.drop=["ALL"] needed)'),
        (ctx(capabilities={"drop": ["KILL"]}), f'unrestricted capabilities ({CS}.capabilities.drop=["ALL"] needed)'),
        (ctx(capabilities={"drop": ["all"]}), f'unrestricted capabilities ({CS}.capabilities.drop=["ALL"] needed)'),
        (
            ctx(capabilities={"drop": ["ALL"], "add": ["CHOWN"]}),
            f'unrestricted capabilities ({CS}.capabilities.add "CHOWN")',
        ),
    ],
    "procMount": [
        (
            ({"securityContext": {"procMount": "Unmasked"}}, {"hostUsers": False}, {}),
            f"procMount ({CS}.procMount=Unmasked)",
        )
    ],
}


def flat(table: dict[str, list[Any]]) -> list[Any]:
    return [
        pytest.param(case, id=f"{name}-{number}") for name, cases in table.items() for number, case in enumerate(cases)
    ]


@pytest.mark.parametrize("case", flat(BASELINE_ALLOWS))
def test_the_baseline_allows(case: Case) -> None:
    assert told(pod(case), "baseline") == []


@pytest.mark.parametrize("case", flat(BASELINE_REFUSES))
def test_the_baseline_refuses(case: tuple[Case, str]) -> None:
    wanted, words = case
    found = told(pod(wanted), "baseline")
    assert any(words in one for one in found), found
    assert set(found) <= set(told(pod(wanted), "restricted"))
    assert told(pod(wanted), "privileged") == []


@pytest.mark.parametrize("case", flat(RESTRICTED_ALLOWS))
def test_restricted_allows(case: Case) -> None:
    assert told(pod(case, modest=True), "restricted") == []


@pytest.mark.parametrize("case", flat(RESTRICTED_REFUSES))
def test_restricted_refuses(case: tuple[Case, str]) -> None:
    wanted, words = case
    assert words in told(pod(wanted, modest=True), "restricted")


@pytest.mark.parametrize("part", ["initContainers", "ephemeralContainers"])
@pytest.mark.parametrize(
    "case",
    [
        one
        for table in (BASELINE_REFUSES, RESTRICTED_REFUSES)
        for cases in table.values()
        for one in cases
        if "containers[0]" in one[1] and not one[0][1]
    ],
)
def test_each_control_looks_at_every_kind_of_container(case: tuple[Case, str], part: str) -> None:
    wanted, words = case
    found = told(pod(wanted, modest=True, part=part), "restricted")
    assert any(words.replace("containers[0]", f"{part}[0]") in one for one in found), found


def test_a_plain_pod_is_good_for_the_baseline_and_not_for_restricted() -> None:
    assert told(builders.pod(), "baseline") == []
    found = " ".join(told(builders.pod(), "restricted"))
    for word in ("allowPrivilegeEscalation", "capabilities.drop", "runAsNonRoot", "seccompProfile"):
        assert word in found


def test_what_a_container_says_itself_is_enough_for_restricted() -> None:
    assert told(builders.pod("web", C(securityContext=MODEST)), "restricted") == []


def test_one_finding_is_told_once() -> None:
    found = told(pod(ctx(procMount="Unmasked"), modest=True), "restricted")
    assert found == [f"procMount ({CS}.procMount=Unmasked)"]
