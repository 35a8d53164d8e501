from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.api.errors import ConflictError, EdgeletError, InvalidObjectError
from edgelet.intake import spec_part
from edgelet.intake.admit import House
from edgelet.intake.reception import Reception
from edgelet.intake.successors import KIND, Successors
from edgelet.ports.object_store import Key
from tests import builders
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.virtual_time import VirtualClock

POD = Key("Pod", "default", "web")
C = builders.container_document
AMOUNTS = {"requests": {"cpu": "100m", "memory": "32Mi"}, "limits": {"cpu": "200m", "memory": "64Mi"}}


@pytest.fixture
def store() -> FakeObjectStore:
    return FakeObjectStore()


@pytest.fixture
def reception(store: FakeObjectStore) -> Reception:
    return _reception(store)


def _reception(store: FakeObjectStore, profile: Any = "privileged") -> Reception:
    return Reception(
        store=store,
        successors=Successors(store, VirtualClock()),
        house=House(node_name="board", policy=builders.policy(profile=profile)),
        max_object_bytes=20_000,
        make_suffix=lambda: "00001",
    )


async def _patch(reception: Reception, subresource: str, spec: Any, *, source: str = "api") -> dict[str, Any]:
    accepted = await reception.patch(
        POD, {"spec": spec}, patch_type="strategic", subresource=subresource, source=source
    )
    return dict(accepted.object.document["spec"])


async def _refused(reception: Reception, subresource: str, spec: Any) -> str:
    with pytest.raises(InvalidObjectError) as caught:
        await _patch(reception, subresource, spec)
    return caught.value.message


# ---- ephemeralcontainers


async def test_ephemeral_containers_cannot_be_set_on_create(reception: Reception) -> None:
    document = builders.pod_document(ephemeralContainers=[{"name": "dbg", "image": "i"}])
    with pytest.raises(InvalidObjectError, match="cannot be set on create"):
        await reception.create(document, source="api")


async def test_they_are_added_with_defaults_and_nothing_else_changes(reception: Reception) -> None:
    made = (await reception.create(builders.pod_document(), source="api")).object
    spec = await _patch(
        reception,
        "ephemeralcontainers",
        {"ephemeralContainers": [{"name": "dbg", "image": "i"}], "hostname": "other", "containers": [{"name": "new"}]},
    )
    (added,) = spec.pop("ephemeralContainers")
    assert added["imagePullPolicy"] == "Always"
    assert spec == made.document["spec"]


async def test_whoever_owns_the_pod_it_may_be_looked_into(reception: Reception) -> None:
    await reception.apply(builders.pod_document(), source="mqtt", digest="d")
    await _patch(reception, "ephemeralcontainers", {"ephemeralContainers": [{"name": "dbg", "image": "i"}]})
    again = await reception.apply(builders.pod_document(), source="mqtt", digest="d")
    assert [one["name"] for one in again.object.document["spec"]["ephemeralContainers"]] == ["dbg"]


async def test_applying_the_manifest_again_leaves_them(reception: Reception) -> None:
    await reception.apply(builders.pod_document(), source="api")
    await _patch(reception, "ephemeralcontainers", {"ephemeralContainers": [{"name": "dbg", "image": "i"}]})
    document = builders.pod_document(metadata={"labels": {"a": "b"}})
    again = await reception.apply(document, source="api")
    assert [one["name"] for one in again.object.document["spec"]["ephemeralContainers"]] == ["dbg"]


async def test_a_second_one_joins_the_first(reception: Reception) -> None:
    await reception.create(builders.pod_document(), source="api")
    await _patch(reception, "ephemeralcontainers", {"ephemeralContainers": [{"name": "a", "image": "i"}]})
    spec = await _patch(reception, "ephemeralcontainers", {"ephemeralContainers": [{"name": "b", "image": "i"}]})
    assert [one["name"] for one in spec["ephemeralContainers"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ([{"name": "dbg", "image": "other"}], 'existing ephemeral containers "dbg" may not be changed'),
        ([{"name": "dbg", "$patch": "delete"}], 'existing ephemeral containers "dbg" may not be removed'),
    ],
)
async def test_one_that_is_there_neither_changes_nor_goes(reception: Reception, change: Any, message: str) -> None:
    await reception.create(builders.pod_document(), source="api")
    await _patch(reception, "ephemeralcontainers", {"ephemeralContainers": [{"name": "dbg", "image": "i"}]})
    assert message in await _refused(reception, "ephemeralcontainers", {"ephemeralContainers": change})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ports": [{"containerPort": 1}]}, "ports: Forbidden: cannot be set for an Ephemeral Container"),
        ({"resources": {"limits": {"cpu": "1"}}}, "resources: Forbidden: cannot be set for an Ephemeral Container"),
        ({"restartPolicy": "Always"}, "restartPolicy: Forbidden: cannot be set for an Ephemeral Container"),
        ({"name": "c"}, 'name: Duplicate value: "c"'),
        ({"image": ""}, "image: Required value"),
        ({"targetContainerName": "nobody"}, 'targetContainerName: Not found: "nobody"'),
        (
            {"volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "x"}]},
            "volumeMounts[0].subPath: Forbidden: cannot be set for an Ephemeral Container",
        ),
        ({"volumeMounts": [{"name": "w", "mountPath": "/v"}]}, 'volumeMounts[0].name: Not found: "w"'),
        ({"volumeDevices": [{"name": "v", "devicePath": "/d"}]}, "volumeDevices: Forbidden: block volumes"),
    ],
)
async def test_what_one_may_not_say(reception: Reception, fields: dict[str, Any], message: str) -> None:
    await reception.create(builders.pod_document(volumes=[{"name": "v", "emptyDir": {}}]), source="api")
    change = {"ephemeralContainers": [{"name": "dbg", "image": "i", **fields}]}
    assert f"spec.ephemeralContainers[0].{message}" in await _refused(reception, "ephemeralcontainers", change)


async def test_the_profile_of_the_board_holds_for_them_too(store: FakeObjectStore) -> None:
    reception = _reception(store, "baseline")
    await reception.create(builders.pod_document(), source="api")
    change = {"ephemeralContainers": [{"name": "dbg", "image": "i", "securityContext": {"privileged": True}}]}
    with pytest.raises(EdgeletError, match=r"spec.ephemeralContainers\[0\].securityContext.privileged=true"):
        await _patch(reception, "ephemeralcontainers", change)


async def test_a_pod_that_is_made_anew_comes_without_them(store: FakeObjectStore, reception: Reception) -> None:
    await reception.apply(builders.pod_document(), source="mqtt", digest="1")
    await _patch(reception, "ephemeralcontainers", {"ephemeralContainers": [{"name": "dbg", "image": "i"}]})
    changed = builders.pod_document("web", C("c", command=["other"]))
    await reception.apply(changed, source="mqtt", digest="2")
    kept = store.get(POD)
    assert kept is not None
    assert kept.deleting
    (successor,) = store.list(KIND)
    assert "other" in str(successor.document)
    assert "ephemeralContainers" not in str(successor.document)


# ---- resize


async def test_a_resize_changes_cpu_and_memory_and_nothing_else(reception: Reception) -> None:
    made = (await reception.create(builders.pod_document("web", C("c", resources=AMOUNTS)), source="api")).object
    change = {"name": "c", "image": "other", "resources": {"requests": {"cpu": "150m"}, "limits": {"memory": "128Mi"}}}
    spec = await _patch(reception, "resize", {"containers": [change], "hostname": "other"})
    assert spec["containers"][0].pop("resources") == {
        "requests": {"cpu": "150m", "memory": "32Mi"},
        "limits": {"cpu": "200m", "memory": "128Mi"},
    }
    before = dict(made.document["spec"]["containers"][0])
    del before["resources"]
    assert spec["containers"] == [before]
    assert "hostname" not in spec


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"limits": {"memory": None}}, "resource limits cannot be removed"),
        ({"requests": {"cpu": "200m", "memory": "64Mi"}}, "Pod QOS Class may not change as a result of resizing"),
        ({"requests": {"cpu": "1"}}, "must be less than or equal to cpu limit of 200m"),
        ({"requests": {"ephemeral-storage": "1Gi"}}, "only cpu and memory resources are mutable"),
        ({"requests": {"cpu": "a lot"}}, "spec.containers[0].resources.requests"),
    ],
)
async def test_what_a_resize_may_not_do(reception: Reception, resources: Any, message: str) -> None:
    await reception.create(builders.pod_document("web", C("c", resources=AMOUNTS)), source="api")
    assert message in await _refused(reception, "resize", {"containers": [{"name": "c", "resources": resources}]})


async def test_a_best_effort_pod_stays_one(reception: Reception) -> None:
    await reception.create(builders.pod_document(), source="api")
    change = {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]}
    assert "Pod QOS Class may not change" in await _refused(reception, "resize", change)


async def test_containers_are_neither_added_nor_renamed_by_it(reception: Reception) -> None:
    await reception.create(builders.pod_document("web", C("c", resources=AMOUNTS)), source="api")
    change = {"containers": [{"name": "d", "resources": AMOUNTS}]}
    assert "containers may not be renamed or reordered on resize" in await _refused(reception, "resize", change)


async def test_a_sidecar_may_be_resized_and_a_plain_init_container_not(reception: Reception) -> None:
    document = builders.pod_document(
        "web",
        C("c", resources=AMOUNTS),
        initContainers=[C("side", restartPolicy="Always", resources=AMOUNTS), C("init", resources=AMOUNTS)],
    )
    await reception.create(document, source="api")
    more = {"limits": {"cpu": "400m"}}
    spec = await _patch(reception, "resize", {"initContainers": [{"name": "side", "resources": more}]})
    assert spec["initContainers"][0]["resources"]["limits"]["cpu"] == "400m"
    change = {"initContainers": [{"name": "init", "resources": more}]}
    message = await _refused(reception, "resize", change)
    assert "resources for non-sidecar init containers are immutable" in message


async def test_only_the_owner_resizes(reception: Reception) -> None:
    await reception.apply(builders.pod_document("web", C("c", resources=AMOUNTS)), source="mqtt", digest="d")
    with pytest.raises(ConflictError):
        await _patch(reception, "resize", {"containers": [{"name": "c", "resources": {"limits": {"cpu": "1"}}}]})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMED = st.fixed_dictionaries({}, optional={"name": JSON, "resources": JSON, "image": JSON})


@given(
    spec=JSON | st.fixed_dictionaries({}, optional={"containers": st.lists(NAMED) | JSON, "ephemeralContainers": JSON})
)
@pytest.mark.parametrize("name", sorted(spec_part.PARTS))
def test_whatever_is_wanted_only_the_part_changes(name: str, spec: Any) -> None:
    old = builders.complete_pod_document("web", C("c", resources=AMOUNTS))
    narrowed = spec_part.PARTS[name].narrowed(old, {"spec": spec})
    changed = {field for field in narrowed["spec"] if narrowed["spec"][field] != old["spec"].get(field)}
    assert changed <= {"containers", "ephemeralContainers"}
    assert [one["name"] for one in narrowed["spec"]["containers"]] == ["c"]
