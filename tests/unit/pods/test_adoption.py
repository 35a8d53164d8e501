from __future__ import annotations

from datetime import UTC, datetime

from edgelet.pods import adoption
from edgelet.pods.adoption import SPEC_LABEL, Adoption
from edgelet.ports.object_store import Key
from edgelet.ports.runtime import ObservedContainer, ObservedPod, PodRef, Running

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WEB = Key("Pod", "default", "web")
SPEC = {"containers": [{"name": "c", "image": "i"}]}


def running(uid: str, *specs: object) -> ObservedPod:
    containers = tuple(
        ObservedContainer(
            f"{uid}{n}", f"c{n}", 0, "", "", "", Running(NOW, 1), NOW.replace(hour=n),
            labels={SPEC_LABEL: adoption.spec_digest(spec)},
        )
        for n, spec in enumerate(specs)
    )  # fmt: skip
    return ObservedPod(PodRef(uid, "default", "web"), None, containers)


def test_a_pod_that_is_told_again_as_it_was_keeps_its_uid() -> None:
    known = Adoption()
    known.learn((running("u1", SPEC),), stored=())
    assert known.uid_of(WEB, {"spec": dict(reversed(SPEC.items()))}) == "u1"


def test_another_spec_name_or_kind_is_another_object() -> None:
    known = Adoption()
    known.learn((running("u1", SPEC),), stored=())
    assert known.uid_of(WEB, {"spec": {**SPEC, "hostNetwork": True}}) == ""
    assert known.uid_of(Key("Pod", "other", "web"), {"spec": SPEC}) == ""
    assert known.uid_of(Key("ConfigMap", "default", "web"), {"spec": SPEC}) == ""


def test_what_the_store_still_has_is_not_lost() -> None:
    known = Adoption()
    known.learn((running("u1", SPEC),), stored={"u1"})
    assert known.uid_of(WEB, {"spec": SPEC}) == ""


def test_the_newest_container_tells_the_spec() -> None:
    known = Adoption()
    old = {"containers": [{"name": "c", "image": "old"}]}
    known.learn((running("u1", old, SPEC),), stored=())
    assert known.uid_of(WEB, {"spec": SPEC}) == "u1"
    assert known.uid_of(WEB, {"spec": old}) == ""
