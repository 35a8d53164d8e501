from __future__ import annotations

from typing import Any

import pytest

from edgelet.api.errors import EdgeletError
from edgelet.pods import security
from edgelet.ports.images import ImageInfo
from edgelet.ports.runtime import Security
from tests.unit.pods.pod_documents import UID, pod

EXTRA = ("AUDIT_WRITE", "MKNOD", "NET_RAW")


def resolve(own: dict[str, Any] | None = None, whole: dict[str, Any] | None = None, *, user: str = "") -> Security:
    one = pod({"securityContext": own or {}}, securityContext=whole or {})
    image = ImageInfo(id="sha256:1", names=(), digests=(), size_bytes=0, architecture="amd64", user=user)
    return security.resolve(one, one.spec.containers[0], image=image, seccomp_directory="/profiles")


def test_a_container_without_wishes_gets_containerds_capabilities_and_no_seccomp() -> None:
    assert resolve() == Security(capabilities_add=EXTRA, seccomp="unconfined")


def test_the_containers_value_wins_over_the_pods() -> None:
    own = {"runAsUser": 0, "runAsGroup": 5, "seccompProfile": {"type": "RuntimeDefault"}}
    whole = {"runAsUser": 1000, "runAsGroup": 6, "seccompProfile": {"type": "Unconfined"}, "runAsNonRoot": False}
    found = resolve(own, whole)
    assert (found.user, found.seccomp) == ("0:5", "")
    assert resolve({}, whole).user == "1000:6"


@pytest.mark.parametrize(
    ("own", "image_user", "expected"),
    [
        ({}, "1000:1000", None),
        ({"runAsUser": 7}, "1000:1000", "7"),
        ({"runAsUser": 7, "runAsGroup": 8}, "", "7:8"),
        ({"runAsGroup": 8}, "", "0:8"),
        ({"runAsGroup": 8}, "1000:9", "1000:8"),
        ({"runAsGroup": 0}, "www-data", "www-data:0"),
    ],
)
def test_the_user_is_the_pods_or_the_images(own: dict[str, Any], image_user: str, expected: str | None) -> None:
    assert resolve(own, user=image_user).user == expected


def test_the_process_is_in_the_fs_group_and_the_supplemental_groups() -> None:
    assert resolve(whole={"fsGroup": 5, "supplementalGroups": [6, 5, 7]}).groups == (5, 6, 7)


@pytest.mark.parametrize(
    ("own", "image_user", "message"),
    [
        ({"runAsUser": 0}, "1000", "container's runAsUser breaks non-root policy"),
        ({}, "", "container has runAsNonRoot and image will run as root"),
        ({}, "0:1000", "container has runAsNonRoot and image will run as root"),
        (
            {},
            "nobody:x",
            "container has runAsNonRoot and image has non-numeric user (nobody), cannot verify user is non-root",
        ),
        (
            {},
            "4294967296",
            (
                "container has runAsNonRoot and image has an invalid user id (4294967296). (Must be 1-(2147483647)): "
                "must be between 0 and 2147483647, inclusive"
            ),
        ),
    ],
)
def test_root_is_refused_where_it_must_not_be(own: dict[str, Any], image_user: str, message: str) -> None:
    forbidden: dict[str, Any] = {"runAsNonRoot": True}
    for container, whole in ((forbidden | own, {}), (own, forbidden)):
        with pytest.raises(EdgeletError) as caught:
            resolve(container, whole, user=image_user)
        assert caught.value.reason == "CreateContainerConfigError"
        assert caught.value.message == f'{message} (pod: "p_ns({UID})", container: c)'


@pytest.mark.parametrize(("own", "user"), [({"runAsUser": 1}, "0"), ({}, "1000"), ({"runAsNonRoot": False}, "root")])
def test_others_than_root_pass(own: dict[str, Any], user: str) -> None:
    assert resolve(own, {"runAsNonRoot": True}, user=user).user == (
        str(own["runAsUser"]) if "runAsUser" in own else None
    )


@pytest.mark.parametrize(
    ("add", "drop", "expected"),
    [
        ([], [], (EXTRA, ())),
        (["SYS_TIME"], [], (("AUDIT_WRITE", "MKNOD", "NET_RAW", "SYS_TIME"), ())),
        (["cap_sys_time"], ["CAP_NET_RAW"], (("AUDIT_WRITE", "MKNOD", "SYS_TIME"), ("NET_RAW",))),
        ([], ["ALL"], ((), ("ALL",))),
        (["NET_BIND_SERVICE"], ["ALL"], (("NET_BIND_SERVICE",), ("ALL",))),
        (["ALL"], [], (("ALL",), ())),
        (["ALL"], ["SYS_ADMIN"], (("ALL",), ("SYS_ADMIN",))),
        (["ALL", "CHOWN"], ["ALL"], (("CHOWN",), ("ALL",))),
        (["CHOWN"], ["CHOWN"], (EXTRA, ("CHOWN",))),
    ],
)
def test_capabilities_come_out_as_with_containerd(
    add: list[str], drop: list[str], expected: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    found = resolve({"capabilities": {"add": add, "drop": drop}})
    assert (found.capabilities_add, found.capabilities_drop) == expected


def test_a_privileged_container_is_confined_by_nothing() -> None:
    profiles = {"seccompProfile": {"type": "RuntimeDefault"}, "appArmorProfile": {"type": "RuntimeDefault"}}
    found = resolve({"privileged": True, "capabilities": {"drop": ["ALL"]}} | profiles)
    assert found == Security(privileged=True, seccomp="unconfined", apparmor="unconfined")


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ({"type": "RuntimeDefault"}, ""),
        ({"type": "Unconfined"}, "unconfined"),
        ({"type": "Localhost", "localhostProfile": "a/b.json"}, "/profiles/a/b.json"),
    ],
)
def test_seccomp_profiles_are_found(profile: dict[str, str], expected: str) -> None:
    assert resolve(whole={"seccompProfile": profile}).seccomp == expected


@pytest.mark.parametrize("path", ["../x", "/etc/x", "", "a/../.."])
def test_a_seccomp_profile_elsewhere_is_refused(path: str) -> None:
    with pytest.raises(EdgeletError, match="seccomp directory"):
        resolve({"seccompProfile": {"type": "Localhost", "localhostProfile": path}})


@pytest.mark.parametrize("name", ["unconfined", " unconfined "])
def test_no_apparmor_profile_is_called_as_the_engine_calls_none(name: str) -> None:
    with pytest.raises(EdgeletError, match="no AppArmor profile"):
        resolve({"appArmorProfile": {"type": "Localhost", "localhostProfile": name}})


@pytest.mark.parametrize(("allowed", "expected"), [(None, False), (True, False), (False, True)])
def test_privilege_escalation_is_forbidden_only_on_request(allowed: bool | None, expected: bool) -> None:
    own = {} if allowed is None else {"allowPrivilegeEscalation": allowed}
    assert resolve(own).no_new_privileges is expected


def test_the_remaining_rights_are_passed_on() -> None:
    found = resolve(
        {
            "readOnlyRootFilesystem": True,
            "procMount": "Unmasked",
            "appArmorProfile": {"type": "Localhost", "localhostProfile": "mine"},
        },
        {"seLinuxOptions": {"type": "spc_t", "level": "s0:c1"}},
    )
    assert (found.read_only_root, found.unmask_proc, found.apparmor) == (True, True, "mine")
    assert found.selinux == ("type:spc_t", "level:s0:c1")


@pytest.mark.parametrize(
    ("own", "whole", "user", "expected"),
    [
        ({}, {}, "plc", ""),
        ({"runAsUser": 1000}, {}, "", ""),  # the engine sees to it
        ({"runAsUser": 1000, "runAsGroup": 5}, {}, "", "1000"),
        ({"runAsGroup": 5}, {"runAsUser": 7}, "plc", "7"),
        ({}, {"runAsGroup": 5}, "plc:plc", "plc"),
        ({}, {}, "plc:plc", "plc"),
        ({"runAsUser": 7}, {}, "plc:plc", ""),
        ({}, {"supplementalGroupsPolicy": "Strict"}, "plc:plc", ""),
        ({}, {"runAsGroup": 5}, "", "0"),
        ({"runAsUser": 1000}, {"runAsGroup": 5, "supplementalGroupsPolicy": "Merge"}, "", "1000"),
        ({"runAsUser": 1000}, {"runAsGroup": 5, "supplementalGroupsPolicy": "Strict"}, "", ""),
    ],
)
def test_a_user_with_a_group_keeps_those_of_the_image(
    own: dict[str, Any], whole: dict[str, Any], user: str, expected: str
) -> None:
    one = pod({"securityContext": own}, securityContext=whole)
    assert security.user_of_image_groups(one, one.spec.containers[0], user) == expected


def test_groups_of_the_image_come_after_those_of_the_pod() -> None:
    one = pod({}, securityContext={"fsGroup": 5, "supplementalGroups": [20]})
    image = ImageInfo(id="sha256:1", names=(), digests=(), size_bytes=0, architecture="amd64")
    found = security.resolve(
        one, one.spec.containers[0], image=image, seccomp_directory="/profiles", image_groups=(20, 44)
    )
    assert found.groups == (5, 20, 44)
