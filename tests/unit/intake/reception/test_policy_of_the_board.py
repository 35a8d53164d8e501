from __future__ import annotations

from typing import Any

import pytest

from edgelet.api.errors import ForbiddenError
from edgelet.intake.reception import Reception
from tests import builders
from tests.fakes.object_store import FakeObjectStore
from tests.unit.intake.reception.conftest import C, make_reception


def _ruled(store: FakeObjectStore, text: str, *, profile: Any = "baseline", closed: str = "") -> Reception:
    return make_reception(store, builders.policy(text, profile=profile, closed=closed), max_object_bytes=131_072)


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
