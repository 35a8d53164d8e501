"""Strategic merge patch: like a merge patch, but lists of objects are merged by a key.

Source: apimachinery pkg/util/strategicpatch; keys from the patchMergeKey tags of core/v1 types.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from edgelet.api.errors import DecodeError

# Lists of objects that are merged, by the name of the field. All others are replaced as a whole.
MERGE_KEYS = {
    "addresses": "type",
    "conditions": "type",
    "containers": "name",
    "env": "name",
    "ephemeralContainers": "name",
    "hostAliases": "ip",
    "hostIPs": "ip",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "ownerReferences": "uid",
    "podIPs": "ip",
    "ports": "containerPort",
    "resourceClaims": "name",
    "schedulingGates": "name",
    "secrets": "name",
    "topologySpreadConstraints": "topologyKey",
    "volumeDevices": "devicePath",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
_PRIMITIVE_LISTS = frozenset({"finalizers"})

_MAX_ITEMS = 1000  # of one list: each is looked for among those that are there

_DIRECTIVE = "$patch"
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder/"
_DELETE_FROM = "$deleteFromPrimitiveList/"


def apply(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return the target with the patch merged in. Nothing given is changed in place. Raises DecodeError."""
    directive = patch.get(_DIRECTIVE)
    if directive == "replace":
        return {name: value for name, value in patch.items() if not name.startswith("$")}
    if directive == "delete":
        return {}
    if directive is not None:
        raise DecodeError(f'cannot apply the patch: "{directive}" is no $patch directive: use replace or delete')
    merged = dict(target)
    retained = patch.get(_RETAIN)
    if retained is not None:
        kept = set(_strings(_RETAIN, retained))
        merged = {name: value for name, value in merged.items() if name in kept}
    for name, value in patch.items():
        if name.startswith(_DELETE_FROM):
            _delete_from(merged, name.removeprefix(_DELETE_FROM), _strings(name, value))
        elif not name.startswith("$"):
            _field(merged, name, value)
    for name, value in patch.items():
        if name.startswith(_ORDER):
            _reorder(merged, name.removeprefix(_ORDER), value)
    return merged


def _field(merged: dict[str, Any], name: str, value: Any) -> None:
    if value is None:
        merged.pop(name, None)
    elif isinstance(value, Mapping):
        old = merged.get(name)
        merged[name] = apply(old if isinstance(old, Mapping) else {}, value)
        if value.get(_DIRECTIVE) == "delete":
            del merged[name]
    elif isinstance(value, list) and name in MERGE_KEYS and all(isinstance(item, Mapping) for item in value):
        merged[name] = _objects(merged.get(name), value, MERGE_KEYS[name], name)
    elif isinstance(value, list) and name in _PRIMITIVE_LISTS:
        merged[name] = list(dict.fromkeys([*_list(merged.get(name)), *_strings(name, value)]))
    else:
        merged[name] = value


def _objects(old: Any, patches: list[Mapping[str, Any]], key: str, name: str) -> list[Any]:
    if any(patch.get(_DIRECTIVE) == "replace" for patch in patches):
        return [apply({}, patch) for patch in patches if _DIRECTIVE not in patch]
    if len(patches) > _MAX_ITEMS:
        raise DecodeError(f"cannot apply the patch: more than {_MAX_ITEMS} items of {name}")
    merged = _list(old)
    for patch in patches:
        if key not in patch:
            raise DecodeError(f'cannot apply the patch: an item of {name} does not contain the merge key "{key}"')
        index = _find(merged, patch, key, name)
        if patch.get(_DIRECTIVE) == "delete":
            if index is not None:
                del merged[index]
        elif index is None:
            merged.append(apply({}, patch))
        else:
            merged[index] = apply(merged[index], patch)
    return merged


def _find(items: list[Any], patch: Mapping[str, Any], key: str, name: str) -> int | None:
    for index, item in enumerate(items):
        if not isinstance(item, Mapping) or item.get(key) != patch[key]:
            continue
        # Two ports may have one number and differ in protocol; the protocol tells them apart where it is given.
        if name == "ports" and "protocol" in patch and item.get("protocol", "TCP") != patch["protocol"]:
            continue
        return index
    return None


def _reorder(merged: dict[str, Any], name: str, order: Any) -> None:
    """Sort a list as the patch asks; what it does not name keeps its place behind what stood before it."""
    items = merged.get(name)
    if not isinstance(items, list) or not isinstance(order, list):
        return
    key = MERGE_KEYS.get(name)
    wanted: dict[str, int] = {}
    for place, item in enumerate(order):
        wanted.setdefault(_identity(item, key), place)
    positions: list[tuple[int, int]] = []
    last = -1
    for index, item in enumerate(items):
        last = wanted.get(_identity(item, key), last)
        positions.append((last, index))
    merged[name] = [items[index] for _, index in sorted(positions)]


def _identity(item: Any, key: str | None) -> str:
    """Return what tells an item of a list from the others."""
    return json.dumps(item.get(key) if isinstance(item, Mapping) else item, sort_keys=True)


def _delete_from(merged: dict[str, Any], name: str, values: list[str]) -> None:
    gone = set(values)
    left = [item for item in _list(merged.get(name)) if not isinstance(item, str) or item not in gone]
    if left:
        merged[name] = left
    else:
        merged.pop(name, None)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else []


def _strings(name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise DecodeError(f"cannot apply the patch: {name} must be a list of strings")
    return value
