from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgelet.pods import container_spec
from edgelet.pods.container_spec import ResolvedContainer
from edgelet.pods.spec_hash import spec_hash
from edgelet.pods.volumes import MountableVolume
from edgelet.ports.images import ImageInfo
from edgelet.ports.pod_files import LogDirectory
from edgelet.ports.runtime import ContainerSpec, Mount, PodRef, Resources, Security
from tests.unit.pods.pod_documents import GIB, NODE, PATHS, UID, pod

IMAGE = ImageInfo(id="sha256:1", names=("i:1",), digests=(), size_bytes=0, architecture="amd64")


def resolve(container: dict[str, Any], *, env: tuple[tuple[str, str], ...] = (), **spec: Any) -> ResolvedContainer:
    one = pod(container, **spec)
    return container_spec.resolve(
        one,
        one.spec.containers[0],
        instance=2,
        image=IMAGE,
        env=env,
        volumes={"v": MountableVolume("/vol/v")},
        pod_ips=("10.0.0.1",),
        paths=PATHS,
        node=NODE,
        labels={"edgelet.test": "x"},
    )


def test_a_whole_container_is_resolved() -> None:
    container = {
        "command": ["run", "$(A)"],
        "args": ["$(A)$(A)", "$$(A)", "$(NO)"],
        "workingDir": "/w",
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        "stdin": True,
        "tty": True,
        "resources": {"requests": {"cpu": "250m", "memory": "1Gi"}, "limits": {"cpu": "500m", "memory": "1Gi"}},
        "securityContext": {"runAsUser": 7},
        "lifecycle": {"stopSignal": "SIGINT"},
    }
    found = resolve(container, env=(("A", "a"),))
    assert found.spec == ContainerSpec(
        pod=PodRef(uid=UID, namespace="ns", name="p"),
        name="c",
        instance=2,
        image="sha256:1",
        image_ref="sha256:1",
        spec_hash=spec_hash(pod(container).spec.containers[0]),
        command=("run", "a"),
        args=("aa", "$(A)", "$(NO)"),
        env=(("A", "a"),),
        working_dir="/w",
        mounts=(
            Mount("/vol/v", "/v"),
            Mount(f"/run/e/pods/{UID}/etc-hosts", "/etc/hosts"),
            Mount(f"/run/e/pods/{UID}/containers/c/2", "/dev/termination-log"),
        ),
        resources=Resources(cpu_shares=256, cpu_quota_us=50000, memory_limit_bytes=GIB, oom_score_adj=750),
        security=Security(user="7", capabilities_add=("AUDIT_WRITE", "MKNOD", "NET_RAW"), seccomp="unconfined"),
        log_path=f"/logs/ns_p_{UID}/c/2.log",
        stdin=True,
        tty=True,
        stop_signal="SIGINT",
        labels={"edgelet.test": "x"},
    )
    assert found.steps[-1] == LogDirectory(f"/logs/ns_p_{UID}/c", 2)


def test_what_is_not_said_is_the_images() -> None:
    spec = resolve({}).spec
    assert (spec.command, spec.args, spec.working_dir, spec.stop_signal) == (None, None, None, None)
    assert spec.resources == Resources(cpu_shares=2, oom_score_adj=1000)


def test_args_alone_leave_the_images_command() -> None:
    spec = resolve({"args": ["x"]}).spec
    assert (spec.command, spec.args) == (None, ("x",))


GUARANTEED = {"resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}}


@pytest.mark.parametrize(("allowed", "expected"), [(False, None), (True, -997)])
def test_a_negative_oom_score_is_asked_for_only_where_it_may_be(allowed: bool, expected: int | None) -> None:
    one = pod(GUARANTEED)
    node = replace(NODE, negative_oom_score_allowed=allowed)
    assert container_spec.limits(one, one.spec.containers[0], node=node).oom_score_adj == expected


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, Resources(cpu_shares=2, cpu_quota_us=200000, memory_limit_bytes=1 << 20, oom_score_adj=999)),
        ({"limits": {"cpu": "1"}}, Resources(1024, 100000, 1 << 20, oom_score_adj=999)),
    ],
)
def test_the_pods_own_limits_hold_for_containers_without(own: dict[str, Any], expected: Resources) -> None:
    one = pod({"resources": own}, resources={"limits": {"cpu": "2", "memory": "1Mi"}})
    assert container_spec.limits(one, one.spec.containers[0], node=NODE) == expected


def test_only_name_and_image_make_another_container() -> None:
    assert resolve({}).spec.spec_hash == resolve({"args": ["x"]}).spec.spec_hash
    assert resolve({}).spec.spec_hash != resolve({"image": "other"}).spec.spec_hash


def test_a_container_may_have_as_many_processes_as_the_node_allows() -> None:
    one = pod({})
    node = replace(NODE, container_pids_limit=-1)
    assert container_spec.limits(one, one.spec.containers[0], node=node).pids_limit == -1


def test_huge_pages_are_limited_to_what_the_container_says() -> None:
    limits = {"cpu": "1", "hugepages-2Mi": "4Mi", "hugepages-1Gi": "1Gi"}
    assert resolve({"resources": {"limits": limits}}).spec.resources.huge_pages == {2 << 20: 4 << 20, GIB: GIB}
