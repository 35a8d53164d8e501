from __future__ import annotations

from typing import Any

import pytest

from edgelet.api.errors import ForbiddenError
from edgelet.intake.admission import pod_security
from tests import builders

C = builders.container_document
MODEST = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.mark.parametrize(
    ("container", "spec", "why"),
    [
        ({}, {"hostNetwork": True}, "spec.hostNetwork=true"),
        ({}, {"hostPID": True}, "spec.hostPID=true"),
        ({}, {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, r"spec.volumes\[0\].hostPath"),
        ({"ports": [{"containerPort": 1, "hostPort": 2}]}, {}, r"spec.containers\[0\].ports\[0\].hostPort=2"),
        ({"securityContext": {"privileged": True}}, {}, "privileged=true"),
        ({"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}, {}, 'capabilities.add "NET_ADMIN"'),
        ({"securityContext": {"procMount": "Unmasked"}}, {}, "procMount"),
        ({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}, {}, "seccompProfile"),
        ({}, {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}}, "spec.securityContext.appArmorProfile"),
        ({}, {"securityContext": {"seLinuxOptions": {"type": "spc_t"}}}, "seLinuxOptions"),
    ],
)
def test_the_baseline_forbids_known_ways_out(container: dict[str, Any], spec: dict[str, Any], why: str) -> None:
    pod = builders.pod("web", C(**container), **spec)

    with pytest.raises(ForbiddenError, match=why):
        pod_security.check(pod, "baseline")
    pod_security.check(pod, "privileged")


def test_a_plain_pod_is_good_for_the_baseline_and_not_for_restricted() -> None:
    pod_security.check(builders.pod(), "baseline")
    with pytest.raises(ForbiddenError, match='violates PodSecurity "restricted:latest"') as caught:
        pod_security.check(builders.pod(), "restricted")
    for word in ("allowPrivilegeEscalation", "capabilities.drop", "runAsNonRoot", "seccompProfile"):
        assert word in caught.value.message


def test_a_modest_pod_is_good_for_restricted() -> None:
    pod_security.check(builders.pod("web", C(securityContext=MODEST), volumes=[{"name": "v"}]), "restricted")


@pytest.mark.parametrize(
    ("context", "why"),
    [
        ({"runAsUser": 0}, "runAsUser=0"),
        ({"runAsNonRoot": False}, "runAsNonRoot"),
        ({"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}, "unrestricted capabilities"),
    ],
)
def test_restricted_wants_each_of_its_fields(context: dict[str, Any], why: str) -> None:
    with pytest.raises(ForbiddenError, match=why):
        pod_security.check(builders.pod("web", C(securityContext=MODEST | context)), "restricted")


def test_the_pods_own_context_counts_for_its_containers() -> None:
    own = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}
    whole = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}

    pod_security.check(builders.pod("web", C(securityContext=own), securityContext=whole), "restricted")


def test_restricted_knows_its_volumes() -> None:
    pod = builders.pod("web", C(securityContext=MODEST), volumes=[{"name": "v", "nfs": {"server": "x", "path": "/"}}])

    with pytest.raises(ForbiddenError, match="restricted volume types"):
        pod_security.check(pod, "restricted")
