from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from edgelet.intake import defaults, update
from tests import builders

Document = dict[str, Any]


def _old() -> Document:
    return builders.complete_pod_document(
        "web",
        builders.container_document(),
        initContainers=[builders.container_document("i")],
        activeDeadlineSeconds=100,
        tolerations=[{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}],
    )


def _paths(change: Callable[[Document], None]) -> list[str]:
    old = _old()
    new = copy.deepcopy(old)
    change(new)
    return [fault.path for fault in update.check(old, new)]


@pytest.mark.parametrize(
    "change",
    [
        lambda new: new.update(kind="Pod"),
        lambda new: new["spec"]["containers"][0].update(image="other:2"),
        lambda new: new["spec"]["initContainers"][0].update(image="other:2"),
        lambda new: new["spec"].update(activeDeadlineSeconds=50),
        lambda new: new["spec"]["tolerations"].append({"key": "b", "operator": "Exists"}),
        lambda new: new["spec"]["tolerations"][0].update(tolerationSeconds=9),
        lambda new: new["metadata"].update(labels={"a": "b"}, annotations={"c": "d"}),
    ],
)
def test_a_running_pod_may_change_in_this(change: Callable[[Document], None]) -> None:
    assert _paths(change) == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda new: new["spec"]["containers"][0].update(args=["x"]), "spec"),
        (lambda new: new["spec"]["containers"].append(builders.container_document("d")), "spec"),
        (lambda new: new["spec"].update(restartPolicy="Never"), "spec"),
        (lambda new: new["spec"].update(terminationGracePeriodSeconds=1), "spec"),
        (lambda new: new["spec"].update(activeDeadlineSeconds=101), "spec.activeDeadlineSeconds"),
        (lambda new: new["spec"].pop("activeDeadlineSeconds"), "spec.activeDeadlineSeconds"),
        (lambda new: new["spec"]["tolerations"].clear(), "spec.tolerations"),
    ],
)
def test_a_running_pod_may_not_change_in_that(change: Callable[[Document], Any], path: str) -> None:
    assert _paths(change) == [path]


def test_the_refusal_says_what_may_change_and_what_did() -> None:
    old = _old()
    new = copy.deepcopy(old)
    new["spec"].update(restartPolicy="Never", hostNetwork=True)

    [fault] = update.check(old, new)

    assert fault.message.startswith(
        "Forbidden: pod updates may not change fields other than `spec.containers[*].image`"
    )
    assert fault.message.endswith("changed here: spec.hostNetwork, spec.restartPolicy")


def test_a_pod_stored_before_a_default_was_invented_has_not_changed() -> None:
    old = _old()
    new = copy.deepcopy(old)
    del old["spec"]["enableServiceLinks"]

    assert update.check(old, new) == ()


def test_a_new_tag_does_not_change_the_pull_policy_that_was_filled_in() -> None:
    old = builders.complete_pod_document("web", builders.container_document(image="nginx:1"))
    new = builders.pod_document("web", builders.container_document(image="nginx"))

    complete = defaults.complete(update.inherit(old, new))

    assert complete["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert update.check(old, complete) == ()


def test_what_is_immutable_stays_so_but_for_metadata() -> None:
    old = builders.config_map_document(data={"a": "1"}, immutable=True)

    def paths(**fields: Any) -> list[str]:
        return [fault.path for fault in update.check(old, builders.config_map_document(**fields))]

    assert paths(data={"a": "1"}, immutable=True) == []
    assert paths(data={"a": "2"}, immutable=True) == ["data"]
    assert paths(data={"a": "1"}) == ["immutable"]
    labelled = {**old, "metadata": {**old["metadata"], "labels": {"x": "y"}}}
    assert update.check(old, labelled) == ()


def test_a_secret_keeps_its_type() -> None:
    old = builders.secret_document(type="Opaque")

    assert [fault.path for fault in update.check(old, builders.secret_document(type="kubernetes.io/tls"))] == ["type"]
    assert update.check(old, builders.secret_document(type="Opaque", data={"a": ""})) == ()
