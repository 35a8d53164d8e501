from __future__ import annotations

import copy
from typing import Any

import pytest

from edgelet.api.errors import DecodeError
from edgelet.intake import strategic_patch

SPEC = {
    "containers": [{"name": "a", "image": "x:1", "env": [{"name": "K", "value": "1"}]}, {"name": "b", "image": "y:1"}],
    "tolerations": [{"key": "t"}],
    "volumes": [{"name": "v", "emptyDir": {}}],
}


def _apply(change: Any, target: Any = SPEC) -> Any:
    before = copy.deepcopy(target)
    found = strategic_patch.apply(target, change)
    assert target == before
    return found


def test_containers_are_merged_by_name() -> None:
    found = _apply({"containers": [{"name": "b", "image": "y:2"}, {"name": "c", "image": "z"}]})

    assert [(one["name"], one["image"]) for one in found["containers"]] == [("a", "x:1"), ("b", "y:2"), ("c", "z")]


def test_lists_inside_lists_are_merged_too() -> None:
    found = _apply({"containers": [{"name": "a", "env": [{"name": "L", "value": "2"}]}]})

    assert found["containers"][0]["env"] == [{"name": "K", "value": "1"}, {"name": "L", "value": "2"}]


def test_other_lists_are_replaced() -> None:
    assert _apply({"tolerations": [{"key": "u"}]})["tolerations"] == [{"key": "u"}]


def test_null_removes_a_field() -> None:
    assert "volumes" not in _apply({"volumes": None})
    assert "image" not in _apply({"containers": [{"name": "a", "image": None}]})["containers"][0]


def test_an_item_can_be_deleted() -> None:
    assert [one["name"] for one in _apply({"containers": [{"name": "a", "$patch": "delete"}]})["containers"]] == ["b"]
    assert _apply({"containers": [{"name": "nobody", "$patch": "delete"}]}) == SPEC


def test_a_list_and_a_mapping_can_be_replaced() -> None:
    assert _apply({"containers": [{"$patch": "replace"}, {"name": "n"}]})["containers"] == [{"name": "n"}]
    assert _apply({"m": {"$patch": "replace", "b": 2}}, {"m": {"a": 1}}) == {"m": {"b": 2}}
    assert _apply({"m": {"$patch": "delete"}}, {"m": {"a": 1}}) == {}


def test_retain_keys_drops_the_other_source_of_a_volume() -> None:
    change = {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]}

    assert _apply(change)["volumes"] == [{"name": "v", "hostPath": {"path": "/x"}}]


def test_the_order_can_be_said() -> None:
    order = {"$setElementOrder/containers": [{"name": "c"}, {"name": "b"}, {"name": "a"}]}

    found = _apply({**order, "containers": [{"name": "c", "image": "z"}]})

    assert [one["name"] for one in found["containers"]] == ["c", "b", "a"]


def test_finalizers_are_added_to_and_deleted_from() -> None:
    target = {"finalizers": ["a", "b"]}

    assert _apply({"finalizers": ["b", "c"]}, target) == {"finalizers": ["a", "b", "c"]}
    assert _apply({"$deleteFromPrimitiveList/finalizers": ["a"]}, target) == {"finalizers": ["b"]}
    assert _apply({"$deleteFromPrimitiveList/finalizers": ["a", "b"]}, target) == {}


def test_conditions_are_merged_by_type() -> None:
    target = {"conditions": [{"type": "Ready", "status": "True"}]}

    found = _apply({"conditions": [{"type": "my/gate", "status": "True"}]}, target)

    assert [one["type"] for one in found["conditions"]] == ["Ready", "my/gate"]


def test_two_ports_of_one_number_are_told_apart_by_protocol() -> None:
    target = {"ports": [{"containerPort": 53, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}]}

    found = _apply({"ports": [{"containerPort": 53, "protocol": "UDP", "name": "dns"}]}, target)

    assert found["ports"] == [
        {"containerPort": 53, "protocol": "TCP"},
        {"containerPort": 53, "protocol": "UDP", "name": "dns"},
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"containers": [{"image": "x"}]},
        {"$patch": "dance"},
        {"$retainKeys": 5},
        {"$deleteFromPrimitiveList/finalizers": [5]},
        {"finalizers": [5]},
        {"containers": [{"name": str(number)} for number in range(1001)]},
    ],
)
def test_a_patch_of_a_wrong_shape_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        _apply(change)


def test_a_whole_list_where_there_was_none_loses_its_directives_and_nulls() -> None:
    found = _apply({"containers": [{"name": "n", "image": None, "m": {"a": None, "b": 1}}]}, {})

    assert found == {"containers": [{"name": "n", "m": {"b": 1}}]}


@pytest.mark.parametrize("value", [5, "text", {"a": 1}, None])
def test_an_order_of_what_is_no_list_changes_nothing(value: Any) -> None:
    document = {"metadata": {"labels": value}}
    assert strategic_patch.apply(document, {"metadata": {"$setElementOrder/labels": ["a", 5]}}) == document
