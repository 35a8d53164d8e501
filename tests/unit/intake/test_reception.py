from __future__ import annotations

import json
from itertools import count
from typing import Any

import pytest

from edgelet.api.errors import (
    ConflictError,
    DecodeError,
    EdgeletError,
    ForbiddenError,
    InvalidObjectError,
    NotFoundError,
    StorageError,
    TooLargeError,
)
from edgelet.intake.admit import House
from edgelet.intake.reception import SOURCE_ANNOTATION, Reception
from edgelet.intake.successors import KIND, Successors
from edgelet.ports.object_store import Key
from tests import builders
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.virtual_time import VirtualClock

POD = Key("Pod", "default", "web")
C = builders.container_document


@pytest.fixture
def store() -> FakeObjectStore:
    return FakeObjectStore()


@pytest.fixture
def reception(store: FakeObjectStore) -> Reception:
    return _reception(store)


def _reception(store: FakeObjectStore, profile: Any = "privileged") -> Reception:
    numbers = count(1)
    return Reception(
        store=store,
        successors=Successors(store, VirtualClock()),
        house=House(node_name="board", policy=builders.policy(profile=profile)),
        max_object_bytes=20_000,
        make_suffix=lambda: f"{next(numbers):05}",
    )


# ---- creating


async def test_a_pod_is_stored_as_an_api_server_would_show_it(store: FakeObjectStore, reception: Reception) -> None:
    document = builders.pod_document()
    del document["metadata"]["namespace"]

    accepted = await reception.apply(document, source="mqtt", digest="d1")

    stored = store.get(POD)
    assert accepted.created
    assert stored is not None
    assert stored == accepted.object
    assert (stored.source, stored.digest) == ("mqtt", "d1")
    assert stored.document["spec"]["nodeName"] == "board"
    assert stored.document["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert stored.document["metadata"]["annotations"] == {SOURCE_ANNOTATION: "mqtt"}


async def test_what_the_store_owns_is_not_taken_from_a_client(store: FakeObjectStore, reception: Reception) -> None:
    document = builders.pod_document(
        metadata={
            "uid": "mine",
            "resourceVersion": "77",
            "generation": 9,
            "creationTimestamp": "no time at all",
            "deletionTimestamp": "2020-01-01T00:00:00Z",
            "managedFields": [{"a": 1}],
            "selfLink": "/x",
        }
    )
    document["status"] = {"phase": 5}

    await reception.apply(document, source="mqtt")

    stored = store.get(POD)
    assert stored is not None
    assert not stored.deleting
    assert stored.uid != "mine"
    assert "status" not in stored.document
    assert not {"managedFields", "selfLink"} & stored.document["metadata"].keys()


async def test_the_same_again_writes_nothing(store: FakeObjectStore, reception: Reception) -> None:
    first = await reception.apply(builders.pod_document(), source="mqtt", digest="d")
    writes = store.writes

    second = await reception.apply(builders.pod_document(), source="mqtt", digest="d")

    assert store.writes == writes
    assert second.object == first.object
    assert not second.created


async def test_all_faults_come_back_at_once_and_nothing_is_stored(store: FakeObjectStore, reception: Reception) -> None:
    document = builders.pod_document(
        "Bad_Name",
        C("a", image=5, resources={"claims": [{"name": "gpu"}]}),
        C("b", ports=[{"containerPort": 1, "hostPort": 70000}]),
        runtimeClassName="kata",
        restartPolicy="Sometimes",
    )

    with pytest.raises(InvalidObjectError) as caught:
        await reception.apply(document, source="mqtt")

    assert {fault.path for fault in caught.value.faults} == {
        "metadata.name",
        "spec.containers[0].image",
        "spec.containers[0].resources.claims",
        "spec.containers[1].ports[0].hostPort",
        "spec.runtimeClassName",
        "spec.restartPolicy",
    }
    assert "spec.containers[1].ports[0].hostPort: 70000 is not in 1..65535" in caught.value.message
    assert store.list("Pod") == ()


async def test_an_unknown_field_is_a_warning_or_a_refusal(reception: Reception) -> None:
    document = builders.pod_document("web", C(readonly=True))

    accepted = await reception.apply(document, source="mqtt")
    with pytest.raises(DecodeError, match=r'strict decoding error: unknown field "spec.containers\[0\].readonly"'):
        await reception.apply(document, source="mqtt", strict=True)

    assert accepted.warnings == ('unknown field "spec.containers[0].readonly"',)
    assert "readonly" not in accepted.object.document["spec"]["containers"][0]


@pytest.mark.parametrize(
    ("version", "kind", "error", "why"),
    [
        ("v1", "Gizmo", NotFoundError, 'no matches for kind "Gizmo" in version "v1"'),
        ("apps/v1", "Pod", NotFoundError, 'no matches for kind "Pod" in version "apps/v1"'),
        ("apps/v1", "Deployment", NotFoundError, 'kind "Deployment" in version "apps/v1" is not supported'),
        ("v1", "Node", ForbiddenError, "the agent itself makes"),
        (5, "Pod", NotFoundError, "no matches"),
        ("v1", ["Pod"], NotFoundError, "no matches"),
    ],
)
async def test_kinds_that_are_not_taken(
    reception: Reception, version: Any, kind: Any, error: type[EdgeletError], why: str
) -> None:
    with pytest.raises(error, match=why):
        await reception.apply({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}}, source="mqtt")


@pytest.mark.parametrize(
    "metadata", [None, 5, [], {"name": 5}, {"name": "x", "namespace": 7}, {"name": "x", "labels": 1}]
)
async def test_odd_metadata_is_invalid_and_no_crash(reception: Reception, metadata: Any) -> None:
    with pytest.raises(InvalidObjectError):
        await reception.apply({**builders.pod_document(), "metadata": metadata}, source="mqtt")


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "A", "a" * 300])
async def test_a_name_never_becomes_a_path(store: FakeObjectStore, reception: Reception, name: str) -> None:
    with pytest.raises(InvalidObjectError, match=r"metadata\.name"):
        await reception.apply(builders.pod_document(name), source="mqtt")
    assert store.list("Pod") == ()


async def test_an_object_has_a_size(reception: Reception) -> None:
    large = builders.config_map_document(data={"a": "x" * 21_000})

    with pytest.raises(TooLargeError, match='configmaps "cfg"'):
        await reception.apply(large, source="mqtt")
    with pytest.raises(TooLargeError, match="at most 80000"):
        reception.read(b"x" * 80_001)


async def test_a_full_disk_is_told(store: FakeObjectStore, reception: Reception) -> None:
    store.fail_with = StorageError("disk full")

    with pytest.raises(StorageError):
        await reception.apply(builders.pod_document(), source="mqtt")


async def test_a_dry_run_judges_and_stores_nothing(store: FakeObjectStore, reception: Reception) -> None:
    accepted = await reception.apply(builders.pod_document(), source="api", dry_run=True)

    assert accepted.object.document["spec"]["restartPolicy"] == "Always"
    assert store.writes == 0
    await reception.apply(builders.pod_document(), source="api")
    changed = builders.pod_document("web", C(image="other:1"))
    again = await reception.apply(changed, source="api", dry_run=True)
    assert again.object.document["spec"]["containers"][0]["image"] == "other:1"
    assert again.object.document["metadata"]["uid"] == again.object.uid != ""
    assert store.writes == 1


async def test_the_profile_of_the_board_counts(store: FakeObjectStore) -> None:
    with pytest.raises(ForbiddenError, match='PodSecurity "baseline:latest"'):
        await _reception(store, "baseline").apply(builders.pod_document(hostNetwork=True), source="api")


async def test_create_gives_a_name_where_there_is_a_prefix(store: FakeObjectStore, reception: Reception) -> None:
    document = builders.pod_document()
    document["metadata"] = {"generateName": "web-"}
    await reception.create(builders.pod_document("web-00001"), source="api")

    accepted = await reception.create(document, source="api")

    assert accepted.object.key == Key("Pod", "default", "web-00002")
    assert store.get(accepted.object.key) is not None


async def test_apply_needs_a_name(reception: Reception) -> None:
    document = {**builders.pod_document(), "metadata": {"generateName": "web-"}}

    with pytest.raises(InvalidObjectError, match=r"metadata\.name: Required value"):
        await reception.apply(document, source="api")


async def test_create_does_not_replace(reception: Reception) -> None:
    await reception.create(builders.pod_document(), source="api")

    with pytest.raises(ConflictError, match='pods "web" already exists') as caught:
        await reception.create(builders.pod_document(), source="api")
    assert caught.value.reason == "AlreadyExists"


async def test_nothing_new_comes_into_a_namespace_that_ends(reception: Reception) -> None:
    await reception.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}, source="api")
    left = await reception.delete(Key("Namespace", "", "x"), source="api")

    assert left is not None
    assert left.deleting
    with pytest.raises(ForbiddenError, match='pods "web" is forbidden: unable to create new content in namespace x'):
        await reception.apply(builders.pod_document(namespace="x"), source="api")


# ---- changing


async def test_an_image_may_change_and_a_command_not(reception: Reception) -> None:
    await reception.apply(builders.pod_document(), source="api")

    changed = await reception.apply(builders.pod_document("web", C(image="other:1")), source="api")
    with pytest.raises(InvalidObjectError, match="pod updates may not change fields other than"):
        await reception.apply(builders.pod_document("web", C(image="other:1", command=["x"])), source="api")

    assert changed.object.generation == 2


async def test_the_first_source_keeps_an_object(reception: Reception) -> None:
    await reception.apply(builders.pod_document(), source="file")

    for attempt in (
        reception.apply(builders.pod_document(), source="mqtt"),
        reception.replace(builders.pod_document(), source="api"),
        reception.patch(POD, {}, patch_type="merge", source="api"),
        reception.delete(POD, source="mqtt"),
    ):
        with pytest.raises(ConflictError, match='belongs to source "file"'):
            await attempt


async def test_a_person_may_change_and_delete_what_a_controller_made(reception: Reception) -> None:
    await reception.create(builders.pod_document(), source="controller")

    patched = await reception.patch(POD, {"metadata": {"labels": {"a": "b"}}}, patch_type="merge", source="api")

    assert patched.object.source == "controller"
    assert await reception.delete(POD, source="api") is not None


async def test_replace_needs_the_version_that_was_read(store: FakeObjectStore, reception: Reception) -> None:
    with pytest.raises(NotFoundError, match='pods "web" not found'):
        await reception.replace(builders.pod_document(), source="api")
    first = (await reception.create(builders.pod_document(), source="api")).object
    version = first.document["metadata"]["resourceVersion"]
    new = builders.pod_document(metadata={"resourceVersion": version, "labels": {"a": "b"}})

    await reception.replace(new, source="api")
    with pytest.raises(ConflictError, match="the object has been modified"):
        await reception.replace(new, source="api")
    with pytest.raises(ConflictError, match="Precondition failed: UID"):
        await reception.replace(builders.pod_document(metadata={"uid": "other"}), source="api")
    assert store.writes == 2


async def test_an_old_version_on_a_broker_means_nothing(reception: Reception) -> None:
    await reception.apply(builders.pod_document(metadata={"resourceVersion": "1"}), source="mqtt")

    changed = builders.pod_document(metadata={"resourceVersion": "999", "labels": {"a": "b"}})

    assert (await reception.apply(changed, source="mqtt")).object.document["metadata"]["labels"] == {"a": "b"}


async def test_an_immutable_config_map_takes_labels_only(reception: Reception) -> None:
    key = Key("ConfigMap", "default", "cfg")
    await reception.apply(builders.config_map_document(data={"a": "1"}, immutable=True), source="api")

    for change in ({"data": {"a": "2"}}, {"immutable": False}):
        with pytest.raises(InvalidObjectError, match="immutable"):
            await reception.patch(key, change, patch_type="merge", source="api")
    patched = await reception.patch(key, {"metadata": {"labels": {"x": "y"}}}, patch_type="merge", source="api")

    assert patched.object.document["data"] == {"a": "1"}
    assert await reception.delete(key, source="api") is None


async def test_texts_of_a_secret_become_data(reception: Reception) -> None:
    document = builders.secret_document(stringData={"a": "new"}, data={"a": "b2xk", "b": "Yg=="})

    stored = (await reception.apply(document, source="api")).object.document

    assert stored["data"] == {"a": "bmV3", "b": "Yg=="}
    assert stored["type"] == "Opaque"
    assert "stringData" not in stored


async def test_no_error_repeats_a_secret(reception: Reception) -> None:
    document = builders.secret_document(stringData={"a": 4711}, data={"b": "hunter2*", "c/d": "hunter2"})

    with pytest.raises(InvalidObjectError) as caught:
        await reception.apply(document, source="api")

    assert len(caught.value.faults) == 4
    assert "4711" not in caught.value.message
    assert "hunter2" not in caught.value.message


# ---- patching


@pytest.mark.parametrize(
    ("change", "patch_type"),
    [
        ({"spec": {"containers": [{"name": "c", "image": "x:2"}]}}, "strategic"),
        ([{"op": "replace", "path": "/spec/containers/0/image", "value": "x:2"}], "json"),
    ],
)
async def test_a_patch_changes_a_part(reception: Reception, change: Any, patch_type: str) -> None:
    await reception.create(builders.pod_document(), source="api")

    patched = await reception.patch(POD, change, patch_type=patch_type, source="api")

    [container] = patched.object.document["spec"]["containers"]
    assert (container["image"], container["imagePullPolicy"]) == ("x:2", "IfNotPresent")


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"name": "other"}},
        {"metadata": {"namespace": "other"}},
        {"metadata": {"uid": "other"}},
        {"metadata": None},
        {"kind": "Secret"},
        {"spec": {"restartPolicy": "Never"}},
        {"spec": None},
        {"spec": {"containers": None}},
        {"spec": {"hostname": 5}},
    ],
)
async def test_a_patch_breaks_no_rule(reception: Reception, change: Any) -> None:
    before = (await reception.create(builders.pod_document(), source="api")).object

    with pytest.raises(InvalidObjectError):
        await reception.patch(POD, change, patch_type="merge", source="api")
    assert (await reception.apply(builders.pod_document(), source="api")).object == before


async def test_a_patch_that_meets_a_faster_one_is_made_again(store: FakeObjectStore, reception: Reception) -> None:
    await reception.create(builders.pod_document(), source="api")
    put, attempts = store.put, count()

    async def slow_put(key: Key, document: Any, **words: Any) -> Any:
        if next(attempts) == 0:
            await put(key, {**document, "metadata": {"labels": {"fast": "1"}}}, source="api")
        return await put(key, document, **words)

    store.put = slow_put  # type: ignore[method-assign]
    patched = await reception.patch(POD, {"metadata": {"labels": {"slow": "1"}}}, patch_type="merge", source="api")

    assert patched.object.document["metadata"]["labels"] == {"fast": "1", "slow": "1"}


async def test_a_patch_for_another_version_is_refused(reception: Reception) -> None:
    await reception.create(builders.pod_document(), source="api")
    change = {"metadata": {"resourceVersion": "99", "labels": {"a": "b"}}}

    with pytest.raises(ConflictError, match="has been modified"):
        await reception.patch(POD, change, patch_type="merge", source="api")


async def test_conditions_can_be_patched_into_a_status_and_nothing_else(
    store: FakeObjectStore, reception: Reception
) -> None:
    pod = (await reception.apply(builders.pod_document(), source="mqtt")).object
    ready = {"type": "Ready", "status": "False"}
    await store.put_status(POD, {"phase": "Running", "conditions": [ready]}, uid=pod.uid, durable=False)
    change = {
        "status": {
            "phase": "Failed",
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "my/gate", "status": "True"}],
        }
    }

    patched = await reception.patch(POD, change, patch_type="strategic", subresource="status", source="api")

    assert patched.object.document["status"] == {
        "phase": "Running",
        "conditions": [ready, {"type": "my/gate", "status": "True"}],
    }


@pytest.mark.parametrize(
    ("key", "change", "subresource", "error"),
    [
        (POD, {"status": 5}, "status", InvalidObjectError),
        (POD, {"status": {"conditions": [{"type": 5}]}}, "status", InvalidObjectError),
        (POD, {}, "scale", NotFoundError),
        (Key("ConfigMap", "default", "cfg"), {}, "status", NotFoundError),
        (Key("Pod", "default", "nobody"), {}, "status", NotFoundError),
    ],
)
async def test_a_status_patch_must_fit(
    reception: Reception, key: Key, change: Any, subresource: str, error: type[EdgeletError]
) -> None:
    await reception.create(builders.pod_document(), source="api")
    await reception.create(builders.config_map_document(), source="api")

    with pytest.raises(error):
        await reception.patch(key, change, patch_type="merge", subresource=subresource, source="api")


# ---- deleting


@pytest.mark.parametrize(("asked_s", "grace_s"), [(None, 7), (0, 0), (3, 3), (-1, 1)])
async def test_a_pod_is_asked_to_end_within_its_grace(reception: Reception, asked_s: int | None, grace_s: int) -> None:
    await reception.create(builders.pod_document(terminationGracePeriodSeconds=7), source="api")

    left = await reception.delete(POD, source="api", grace_s=asked_s)

    assert left is not None
    assert left.document["metadata"]["deletionGracePeriodSeconds"] == grace_s


async def test_deleting_needs_the_object_that_is_meant(reception: Reception) -> None:
    with pytest.raises(NotFoundError, match='pods "web" not found'):
        await reception.delete(POD, source="api")
    await reception.create(builders.pod_document(), source="api")
    with pytest.raises(ConflictError, match="Precondition failed: UID"):
        await reception.delete(POD, source="api", uid="other")
    with pytest.raises(ForbiddenError, match="may not be deleted"):
        await reception.delete(Key("Namespace", "", "default"), source="api")
    with pytest.raises(NotFoundError, match="Deployment"):
        await reception.delete(Key("Deployment", "default", "web"), source="api")


async def test_a_pod_that_ends_takes_no_change_from_a_person(reception: Reception) -> None:
    await reception.create(builders.pod_document(), source="api")
    await reception.delete(POD, source="api")

    with pytest.raises(ConflictError, match='object is being deleted: pods "web" already exists'):
        await reception.apply(builders.pod_document(), source="api")
    labelled = await reception.patch(POD, {"metadata": {"labels": {"a": "b"}}}, patch_type="merge", source="api")
    assert labelled.object.deleting


# ---- replacing


async def test_a_declarative_source_replaces_a_pod_it_may_not_change(
    store: FakeObjectStore, reception: Reception
) -> None:
    old = (await reception.apply(builders.pod_document(), source="mqtt", digest="1")).object

    accepted = await reception.apply(builders.pod_document(restartPolicy="Never"), source="mqtt", digest="2")

    assert accepted.object.uid == old.uid
    assert accepted.object.deleting
    assert "made anew" in accepted.warnings[0]
    [kept] = store.list(KIND)
    assert kept.document["object"]["spec"]["restartPolicy"] == "Never"


async def test_deleting_a_pod_forgets_what_would_follow(store: FakeObjectStore, reception: Reception) -> None:
    await reception.apply(builders.pod_document(), source="mqtt")
    await reception.apply(builders.pod_document(restartPolicy="Never"), source="mqtt")

    await reception.delete(POD, source="mqtt")

    assert store.list(KIND) == ()


async def test_a_dry_run_replaces_nothing(store: FakeObjectStore, reception: Reception) -> None:
    await reception.apply(builders.pod_document(), source="mqtt")

    await reception.apply(builders.pod_document(restartPolicy="Never"), source="mqtt", dry_run=True)

    assert store.list(KIND) == ()
    assert not store.list("Pod")[0].deleting


async def test_everything_that_is_read_can_be_stored_as_json(reception: Reception) -> None:
    text = json.dumps(builders.config_map_document("a", data={"k": "\ud83d\ude00\ud83d\x01"}))

    [document] = reception.read(text.encode())

    stored = (await reception.apply(document, source="file")).object.document
    assert json.loads(json.dumps(stored).encode())["data"] == {"k": "\U0001f600\ufffd\x01"}


async def test_a_limit_of_memory_that_the_kernel_cannot_keep_is_refused_with_what_helps(store: FakeObjectStore) -> None:
    board = Reception(
        store=store,
        successors=Successors(store, VirtualClock()),
        house=House(node_name="board", policy=builders.policy(), memory_limits=False),
        max_object_bytes=20_000,
        make_suffix=lambda: "00001",
    )
    await board.create(builders.pod_document("a", C(resources={"limits": {"cpu": "1"}})), source="api")

    with pytest.raises(InvalidObjectError) as caught:
        await board.create(builders.pod_document("b", C(resources={"limits": {"memory": "64Mi"}})), source="api")

    (fault,) = caught.value.faults
    assert fault.path == "spec.containers[0].resources.limits[memory]"
    assert "append cgroup_enable=memory cgroup_memory=1 to its command line" in fault.message


@pytest.mark.parametrize(
    ("context", "allowed"),
    [
        ({"supplementalGroupsPolicy": "Merge"}, True),
        ({"supplementalGroupsPolicy": "Strict"}, False),
        ({"supplementalGroupsPolicy": "Strict", "runAsGroup": 0}, True),
    ],
)
async def test_strict_groups_need_a_group_of_their_own(
    reception: Reception, context: dict[str, Any], *, allowed: bool
) -> None:
    document = builders.pod_document(securityContext=context)
    if allowed:
        await reception.create(document, source="api")
        return
    with pytest.raises(InvalidObjectError, match="needs runAsGroup of the pod"):
        await reception.create(document, source="api")


async def test_users_of_a_pods_own_are_refused_where_the_board_has_none_with_the_reason(store: FakeObjectStore) -> None:
    board = Reception(
        store=store,
        successors=Successors(store, VirtualClock()),
        house=House(node_name="board", policy=builders.policy(), no_user_namespaces="this kernel has none"),
        max_object_bytes=20_000,
        make_suffix=lambda: "00001",
    )
    await board.create(builders.pod_document("a", hostUsers=True), source="api")

    with pytest.raises(InvalidObjectError) as caught:
        await board.create(builders.pod_document("b", hostUsers=False), source="api")

    assert [(one.path, one.message) for one in caught.value.faults] == [
        ("spec.hostUsers", "Forbidden: this kernel has none")
    ]


async def test_files_of_an_image_do_not_go_with_users_of_a_pods_own(reception: Reception) -> None:
    volumes = [{"name": "v", "image": {"reference": "data:1"}}]
    await reception.create(builders.pod_document("a", volumes=volumes), source="api")
    with pytest.raises(InvalidObjectError, match="files of an image would belong to nobody"):
        await reception.create(builders.pod_document("b", volumes=volumes, hostUsers=False), source="api")


async def test_huge_pages_are_refused_where_the_kernel_limits_nobodys(store: FakeObjectStore) -> None:
    board = Reception(
        store=store,
        successors=Successors(store, VirtualClock()),
        house=House(node_name="board", policy=builders.policy(), huge_page_limits=False),
        max_object_bytes=20_000,
        make_suffix=lambda: "00001",
    )
    asked = {"limits": {"cpu": "1", "hugepages-2Mi": "2Mi"}}
    with pytest.raises(InvalidObjectError) as caught:
        await board.create(builders.pod_document("a", C(resources=asked)), source="api")

    (fault,) = caught.value.faults
    assert fault.path == "spec.containers[0].resources.limits[hugepages-2Mi]"
    assert "without the hugetlb control group" in fault.message


# ---- the policy of the board


def _ruled(store: FakeObjectStore, text: str, *, profile: Any = "baseline", closed: str = "") -> Reception:
    return Reception(
        store=store,
        successors=Successors(store, VirtualClock()),
        house=House(node_name="board", policy=builders.policy(text, profile=profile, closed=closed)),
        max_object_bytes=131072,
        make_suffix=lambda: "00000",
    )


async def test_a_stricter_policy_leaves_what_runs_and_its_labels_alone(store: FakeObjectStore) -> None:
    wide = builders.pod_document(hostNetwork=True)
    await _ruled(store, "", profile="privileged").apply(wide, source="mqtt", digest="1")
    strict = _ruled(store, "")
    labelled = {**wide, "metadata": {**wide["metadata"], "labels": {"a": "b"}}}
    accepted = await strict.apply(labelled, source="mqtt", digest="2")
    assert accepted.object.document["metadata"]["labels"] == {"a": "b"}

    anew = builders.pod_document("web", C(command=["other"]), hostNetwork=True)
    with pytest.raises(ForbiddenError, match="hostNetwork"):
        await strict.apply(anew, source="mqtt", digest="3")
    there = store.get(accepted.object.key)
    assert there is not None
    assert not there.deleting


async def test_another_image_is_asked_about(store: FakeObjectStore) -> None:
    await _ruled(store, "").apply(builders.pod_document(), source="mqtt")
    strict = _ruled(store, "digests_only = true")
    with pytest.raises(ForbiddenError, match="digests_only"):
        await strict.apply(builders.pod_document("web", C(image="localhost/testbox:2")), source="mqtt")


async def test_a_dry_run_is_refused_as_the_real_thing(store: FakeObjectStore) -> None:
    for dry_run in (True, False):
        with pytest.raises(ForbiddenError, match="hostNetwork"):
            await _ruled(store, "").apply(builders.pod_document(hostNetwork=True), source="api", dry_run=dry_run)
    assert store.writes == 0


async def test_each_source_has_its_own_rules(store: FakeObjectStore) -> None:
    reception = _ruled(store, '[source.manifest]\nprofile = "privileged"')
    await reception.apply(builders.pod_document("a", hostNetwork=True), source="file")
    for source in ("mqtt", "api"):
        with pytest.raises(ForbiddenError):
            await reception.apply(builders.pod_document("b", hostNetwork=True), source=source)


async def test_who_adds_a_container_to_a_pod_is_judged_by_his_own_rules(store: FakeObjectStore) -> None:
    reception = _ruled(store, '[source.manifest]\nprofile = "privileged"')
    stored = await reception.apply(builders.pod_document(), source="file")
    wanted = [{"name": "dbg", "image": "i", "securityContext": {"privileged": True}}]
    change = {"spec": {"ephemeralContainers": wanted}}
    with pytest.raises(ForbiddenError, match="privileged"):
        await reception.patch(
            stored.object.key, change, patch_type="merge", subresource="ephemeralcontainers", source="api"
        )


async def test_pods_are_counted(store: FakeObjectStore) -> None:
    reception = _ruled(store, "max_pods = 1")
    await reception.apply(builders.pod_document("a"), source="mqtt")
    await reception.apply(builders.pod_document("a", C(command=["other"])), source="mqtt", digest="2")  # replaced
    with pytest.raises(ForbiddenError, match="max_pods"):
        await reception.apply(builders.pod_document("b"), source="mqtt")


async def test_a_policy_that_cannot_be_used_lets_go_and_lets_nothing_in(store: FakeObjectStore) -> None:
    stored = await _ruled(store, "").apply(builders.pod_document(), source="mqtt")
    closed = _ruled(store, "", closed="policy.toml: line 3")
    with pytest.raises(ForbiddenError, match="line 3"):
        await closed.apply(builders.pod_document("other"), source="file")
    await closed.apply(builders.config_map_document(), source="mqtt")
    await closed.delete(stored.object.key, source="mqtt")
    there = store.get(stored.object.key)
    assert there is not None
    assert there.deleting
