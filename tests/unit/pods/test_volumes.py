from __future__ import annotations

from typing import Any

import pytest

from edgelet.api.errors import EdgeletError
from edgelet.pods import volumes
from edgelet.pods.volumes import MountableVolume, VolumePlan
from edgelet.ports.pod_files import (
    EmptyDirectory,
    HostBound,
    HostDirectory,
    HugePagesDirectory,
    MemoryDirectory,
    Payload,
    PayloadFile,
)
from tests.unit.pods.pod_documents import GIB, NODE, PATHS, UID, ObjectTable, pod

OBJECTS = ObjectTable({"cfg": {"a": "1"}}, {"sec": {"s": b"x"}})


def plan(
    *sources: dict[str, Any], mounted: bool = True, container: dict[str, Any] | None = None, **spec: Any
) -> VolumePlan:
    named = [{"name": f"v{number}"} | source for number, source in enumerate(sources)]
    mounts = [{"name": one["name"], "mountPath": f"/{one['name']}"} for one in named] if mounted else []
    one = pod({"volumeMounts": mounts} | (container or {}), volumes=named, **spec)
    return volumes.plan(one, paths=PATHS, objects=OBJECTS, node=NODE)


def test_each_source_becomes_a_step_and_a_place() -> None:
    found = plan(
        {"emptyDir": {}}, {"hostPath": {"path": "/data", "type": "Directory"}}, {"configMap": {"name": "cfg"}}, {}
    )
    assert found.steps == (
        EmptyDirectory("v0", f"/var/e/{UID}/empty-dir/v0"),
        HostDirectory("v1", "/data", "Directory"),
        Payload("v2", f"/run/e/pods/{UID}/volumes/v2", {"a": PayloadFile(b"1")}),
        EmptyDirectory("v3", f"/var/e/{UID}/empty-dir/v3"),  # no source at all means emptyDir
    )
    assert found.volumes["v1"] == MountableVolume("/data")
    assert found.volumes["v2"] == MountableVolume(f"/run/e/pods/{UID}/volumes/v2", read_only=True)
    assert found.payloads == found.steps[2:3]


def test_a_host_path_with_bounds_is_looked_at_again_for_each_container_that_mounts_it() -> None:
    sources = [{"name": name, "hostPath": {"path": f"/{name}"}} for name in ("free", "bound", "other")]
    mounts = [{"name": name, "mountPath": f"/{name}"} for name in ("free", "bound")]
    one = pod({"volumeMounts": mounts}, volumes=[*sources, {"name": "e", "emptyDir": {}}])
    bounds = {"bound": HostBound(("/srv",), make=False), "other": HostBound(("/srv",))}
    step = HostDirectory("bound", "/bound", within=("/srv",), make=False)
    assert volumes.bounded(one, one.spec.containers[0], bounds) == (step,)
    found = volumes.plan(one, paths=PATHS, objects=OBJECTS, node=NODE, host_bounds=bounds)
    assert found.steps == (HostDirectory("free", "/free"), step)
    assert found.volumes == {"free": MountableVolume("/free"), "bound": MountableVolume("/bound", make=False)}


def test_volumes_that_nobody_mounts_are_ignored_even_if_they_cannot_be() -> None:
    assert plan({"configMap": {"name": "no"}}, {"emptyDir": {}}, mounted=False) == VolumePlan()


def test_a_volume_of_an_init_container_counts() -> None:
    init = [{"name": "i", "image": "i", "volumeMounts": [{"name": "v0", "mountPath": "/v"}]}]
    assert len(plan({"emptyDir": {}}, mounted=False, initContainers=init).steps) == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMap": {"name": "no"}}, 'configmap "no" not found'),
        ({"emptyDir": {"medium": "Paper"}}, 'unknown storage medium "Paper"'),
        (
            {"emptyDir": {"medium": "HugePages"}},
            "medium HugePages: hugePages storage requested, but there is no resource request for huge pages",
        ),
        ({"emptyDir": {"medium": "HugePages-x"}}, "'x' is no quantity such as 100m, 1.5Gi or 2e3"),
        ({"nfs": {"server": "x"}}, "this kind of volume is not supported on this node"),
    ],
)
def test_a_volume_that_cannot_be_is_a_failed_mount(source: dict[str, Any], message: str) -> None:
    with pytest.raises(EdgeletError) as caught:
        plan(source)
    assert caught.value.reason == "FailedMount"
    assert caught.value.message == f'MountVolume.SetUp failed for volume "v0" : {message}'


def _asks(*sizes: str) -> dict[str, Any]:
    return {"resources": {"requests": {f"hugepages-{size}": size for size in sizes}}}


@pytest.mark.parametrize(
    ("medium", "asked", "page_bytes"),
    [("HugePages", ("2Mi",), 2 << 20), ("HugePages-2Mi", ("2Mi", "1Gi"), 2 << 20), ("HugePages-1Gi", ("1Gi",), GIB)],
)
def test_huge_pages_have_the_size_that_the_pod_asks_for(medium: str, asked: tuple[str, ...], page_bytes: int) -> None:
    source = {"emptyDir": {"medium": medium, "sizeLimit": "4Mi"}}
    found = plan(source, container=_asks(*asked), securityContext={"fsGroup": 5})
    path = f"/run/e/pods/{UID}/memory/v0"
    assert found.steps == (HugePagesDirectory("v0", path, page_bytes=page_bytes, size_bytes=4 << 20, gid=5),)
    assert found.volumes["v0"] == MountableVolume(path)


@pytest.mark.parametrize(
    ("medium", "asked", "message"),
    [
        ("HugePages", ("2Mi", "1Gi"), "can't be used if container requests multiple huge page sizes"),
        ("HugePages-1Gi", ("2Mi",), "there is no resource request for huge pages"),
    ],
)
def test_huge_pages_that_the_pod_does_not_ask_for_are_a_failed_mount(
    medium: str, asked: tuple[str, ...], message: str
) -> None:
    with pytest.raises(EdgeletError, match=message) as caught:
        plan({"emptyDir": {"medium": medium}}, container=_asks(*asked))
    assert caught.value.reason == "FailedMount"


def test_the_fs_group_owns_what_the_agent_makes_and_never_the_hosts_files() -> None:
    sources: list[dict[str, Any]] = [
        {"emptyDir": {}},
        {"emptyDir": {"medium": "Memory"}},
        {"secret": {"secretName": "sec"}},
        {"hostPath": {"path": "/d"}},
    ]
    found = plan(*sources, securityContext={"fsGroup": 5})
    assert [step.gid for step in found.steps if not isinstance(step, HostDirectory)] == [5, 5, 5]


@pytest.mark.parametrize(
    ("size_limit", "memory_limit", "expected"),
    [
        (None, None, 2 * GIB),
        ("1Mi", None, 1 << 20),
        ("10Gi", None, 2 * GIB),
        (None, "64Mi", 64 << 20),
        ("128Mi", "64Mi", 64 << 20),
        ("32Mi", "64Mi", 32 << 20),
        ("0", "64Mi", 64 << 20),
    ],
)
def test_a_memory_volume_is_as_large_as_the_smallest_bound(
    size_limit: str | None, memory_limit: str | None, expected: int
) -> None:
    source = {"medium": "Memory"} | ({"sizeLimit": size_limit} if size_limit else {})
    container = {"resources": {"limits": {"memory": memory_limit}}} if memory_limit else {}
    step = plan({"emptyDir": source}, container=container).steps[0]
    assert step == MemoryDirectory("v0", f"/run/e/pods/{UID}/memory/v0", expected)


def test_labels_that_change_change_the_payload_only() -> None:
    items = [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]
    before = plan({"downwardAPI": {"items": items}}, metadata={"labels": {"a": "1"}})
    after = plan({"downwardAPI": {"items": items}}, metadata={"labels": {"a": "2"}})
    assert before.payloads != after.payloads
    assert before.volumes == after.volumes


def test_places_need_no_objects_and_agree_with_the_steps() -> None:
    sources: list[dict[str, Any]] = [
        {"emptyDir": {}},
        {"emptyDir": {"medium": "Memory"}},
        {"hostPath": {"path": "/d"}},
        {"configMap": {"name": "cfg"}},
        {"secret": {"secretName": "sec"}},
        {"projected": {}},
        {"downwardAPI": {}},
    ]
    found = plan(*sources)
    assert {step.volume: step.path for step in found.steps} == {n: v.path for n, v in found.volumes.items()}
    named = [{"name": "v", "configMap": {"name": "deleted"}}, {"name": "unused", "emptyDir": {}}]
    one = pod({"volumeMounts": [{"name": "v", "mountPath": "/v"}]}, volumes=named)
    expected = {"v": MountableVolume(f"/run/e/pods/{UID}/volumes/v", read_only=True)}
    assert volumes.places(one, paths=PATHS) == expected
