from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgelet.api.errors import EdgeletError
from edgelet.pods import mounts
from edgelet.pods.mounts import ContainerMounts
from edgelet.pods.volumes import MountableVolume
from edgelet.ports.pod_files import HostsFile, SubPath, TerminationLog
from edgelet.ports.runtime import Mount
from tests.unit.pods.pod_documents import NODE, PATHS, UID, pod

VOLUMES = {
    "v": MountableVolume("/vol/v"),
    "ro": MountableVolume("/vol/ro", read_only=True),
    "kept": MountableVolume("/vol/kept", make=False),
}


def of_volumes(
    *volume_mounts: dict[str, Any], env: tuple[tuple[str, str], ...] = (), deep: bool = False
) -> ContainerMounts:
    one = pod({"volumeMounts": [{"name": "v", "mountPath": "/m"} | mount for mount in volume_mounts]})
    node = replace(NODE, recursive_read_only_supported=deep)
    return mounts.of_volumes(one, one.spec.containers[0], volumes=VOLUMES, env=env, paths=PATHS, node=node)


def of_agent(
    container: dict[str, Any] | None = None, *, pod_ips: tuple[str, ...] = ("10.0.0.1",), **spec: Any
) -> ContainerMounts:
    one = pod(container or {}, **spec)
    return mounts.of_agent(one, one.spec.containers[0], instance=3, pod_ips=pod_ips, paths=PATHS, node=NODE)


def fault(*volume_mounts: dict[str, Any], env: tuple[tuple[str, str], ...] = ()) -> str:
    with pytest.raises(EdgeletError) as caught:
        of_volumes(*volume_mounts, env=env)
    assert caught.value.reason == "CreateContainerConfigError"
    return caught.value.message


@pytest.mark.parametrize(
    ("mount", "expected"),
    [
        ({}, Mount("/vol/v", "/m")),
        ({"mountPath": "relative"}, Mount("/vol/v", "/relative")),
        ({"readOnly": True}, Mount("/vol/v", "/m", read_only=True)),
        ({"name": "ro"}, Mount("/vol/ro", "/m", read_only=True)),
        ({"name": "ro", "readOnly": False}, Mount("/vol/ro", "/m", read_only=True)),
        ({"mountPropagation": "None"}, Mount("/vol/v", "/m")),
        ({"mountPropagation": "HostToContainer"}, Mount("/vol/v", "/m", propagation="rslave")),
        ({"mountPropagation": "Bidirectional"}, Mount("/vol/v", "/m", propagation="rshared")),
        ({"readOnly": True, "recursiveReadOnly": "IfPossible"}, Mount("/vol/v", "/m", read_only=True)),
    ],
)
def test_a_volume_mount_becomes_a_bind(mount: dict[str, Any], expected: Mount) -> None:
    assert of_volumes(mount) == ContainerMounts((expected,))


def test_a_sub_path_is_pinned_below_the_pods_directory() -> None:
    found = of_volumes({}, {"mountPath": "/n", "subPath": "a/b"})
    target = f"/run/e/pods/{UID}/sub-paths/c/1"
    assert found.mounts[1] == Mount(target, "/n")
    assert found.steps == (SubPath("c", "v", "/vol/v", "a/b", target),)


def test_no_sub_path_is_made_where_the_policy_has_a_path_only_read() -> None:
    found = of_volumes({"name": "kept", "subPath": "a"})
    assert found.steps == (SubPath("c", "kept", "/vol/kept", "a", found.mounts[0].source, make=False),)


@pytest.mark.parametrize("wanted", ["Enabled", "IfPossible"])
def test_what_is_read_only_to_its_depths_is_made_so_beforehand(wanted: str) -> None:
    mount = {"readOnly": True, "recursiveReadOnly": wanted}
    found = of_volumes(mount, {**mount, "mountPath": "/n", "subPath": "a"}, deep=True)
    targets = [f"/run/e/pods/{UID}/sub-paths/c/{index}" for index in (0, 1)]
    assert found.mounts == (Mount(targets[0], "/m", read_only=True), Mount(targets[1], "/n", read_only=True))
    assert found.steps == (
        SubPath("c", "v", "/vol/v", "", targets[0], recursive_read_only=True),
        SubPath("c", "v", "/vol/v", "a", targets[1], recursive_read_only=True),
    )


def test_a_sub_path_expression_is_expanded_with_the_containers_environment() -> None:
    found = of_volumes({"subPathExpr": "logs-$(POD)/$$(X)"}, env=(("POD", "p"),))
    assert [step.sub_path for step in found.steps if isinstance(step, SubPath)] == ["logs-p/$(X)"]


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        ({"subPathExpr": "$(NO)/$(EMPTY)"}, "missing value for EMPTY, NO"),
        ({"subPathExpr": "$(ABS)"}, "error SubPath `/tmp` must not be an absolute path"),
        ({"subPathExpr": "$(UP)"}, "unable to provision SubPath `..`: must not contain '..'"),
        ({"subPath": "a/../../b"}, "unable to provision SubPath `a/../../b`: must not contain '..'"),
        ({"name": "no"}, 'cannot find volume "no" to mount into container "c"'),
        (
            {"recursiveReadOnly": "Enabled"},
            'volume "v" requested recursive read-only mode, but it is not read-only',
        ),
        (
            {"recursiveReadOnly": "Enabled", "readOnly": True},
            'volume "v" requested recursive read-only mode, but it is not supported by the runtime',
        ),
        (
            {"recursiveReadOnly": "IfPossible", "readOnly": True, "mountPropagation": "HostToContainer"},
            (
                'volume "v" requested recursive read-only mode, '
                'but it is not compatible with propagation "HostToContainer"'
            ),
        ),
    ],
)
def test_a_mount_that_cannot_be_says_so_in_the_kubelets_words(mount: dict[str, Any], message: str) -> None:
    assert fault(mount, env=(("EMPTY", ""), ("ABS", "/tmp"), ("UP", ".."))) == message


def test_every_container_gets_the_pods_hosts_file_and_a_termination_log_of_its_instance() -> None:
    found = of_agent()
    log = f"/run/e/pods/{UID}/containers/c/3"
    assert found.mounts == (Mount(f"/run/e/pods/{UID}/etc-hosts", "/etc/hosts"), Mount(log, "/dev/termination-log"))
    assert [type(step) for step in found.steps] == [HostsFile, TerminationLog]


def test_a_container_that_brings_its_own_hosts_file_keeps_it() -> None:
    container = {"volumeMounts": [{"name": "v", "mountPath": "/etc/hosts"}]}
    assert [mount.target for mount in of_agent(container).mounts] == ["/dev/termination-log"]


def test_without_an_address_there_is_no_hosts_file_but_with_host_network() -> None:
    assert [mount.target for mount in of_agent(pod_ips=()).mounts] == ["/dev/termination-log"]
    assert of_agent(pod_ips=(), hostNetwork=True).mounts[0].target == "/etc/hosts"


@pytest.mark.parametrize(("path", "expected"), [("/dev/x", ["/etc/hosts", "/dev/x"]), ("", ["/etc/hosts"])])
def test_the_termination_log_is_where_the_container_wants_it(path: str, expected: list[str]) -> None:
    assert [mount.target for mount in of_agent({"terminationMessagePath": path}).mounts] == expected
