"""What may change in an object that is there, and what a new version takes over from the old one (pure).

Source: Kubernetes ValidatePodUpdate, ValidateConfigMapUpdate, ValidateSecretUpdate.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from edgelet.api.errors import FieldError
from edgelet.intake import defaults, faults

_POD_RULE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_MAX_NAMED = 10
_IMAGES = ("containers", "initContainers")
_EPHEMERAL = "ephemeralContainers"


def inherit(old: Mapping[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Let a pod's new version, defaults not yet filled in, keep what nobody writes into a manifest.

    Pull policies were filled in after the image's tag; without this a new tag would look like a change of
    imagePullPolicy too. Ephemeral containers came by a subresource.
    """
    for part in _IMAGES:
        kept = {one["name"]: one for one in old.get("spec", {}).get(part, ())}
        for container in new.get("spec", {}).get(part, ()):
            policy = kept.get(container.get("name"), {}).get("imagePullPolicy")
            if policy is not None:
                container.setdefault("imagePullPolicy", policy)
    if (debugging := old.get("spec", {}).get(_EPHEMERAL)) is not None:
        new["spec"].setdefault(_EPHEMERAL, copy.deepcopy(debugging))
    return new


def check(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """Return what the new version of an object changes and may not. Both have their defaults."""
    match new["kind"]:
        case "Pod":
            return tuple(_pod(old, new))
        case "ConfigMap":
            return tuple(_immutable(old, new, ("data", "binaryData")))
        case "Secret":
            return (*_secret_type(old, new), *_immutable(old, new, ("data",)))
        case _:
            return ()


def _immutable(old: Mapping[str, Any], new: Mapping[str, Any], parts: tuple[str, ...]) -> Iterator[FieldError]:
    if not old.get("immutable"):
        return
    for name in ("immutable", *parts):
        if old.get(name) != new.get(name):
            yield faults.forbidden(name, "field is immutable when `immutable` is set")


def _secret_type(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[FieldError]:
    if old.get("type", "Opaque") != new.get("type"):
        yield faults.invalid("type", new.get("type"), "field is immutable")


def _pod(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[FieldError]:
    # A version that was stored by an older edgelet may lack defaults that came later.
    before: dict[str, Any] = defaults.complete(copy.deepcopy(dict(old)))["spec"]
    after: dict[str, Any] = dict(new["spec"])
    yield from _deadline(before.get("activeDeadlineSeconds"), after.get("activeDeadlineSeconds"))
    yield from _tolerations(before.get("tolerations", []), after.get("tolerations", []))
    changed = [name for name in sorted(before.keys() | after.keys()) if _differs(name, before, after)]
    if changed:
        named = ", ".join(f"spec.{name}" for name in changed[:_MAX_NAMED])
        yield faults.forbidden("spec", f"{_POD_RULE}; changed here: {named}")


def _differs(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    if name in ("activeDeadlineSeconds", "tolerations"):
        return False
    if name not in _IMAGES:
        return bool(before.get(name) != after.get(name))
    old, new = before.get(name, []), after.get(name, [])
    return [_without_image(one) for one in old] != [_without_image(one) for one in new]


def _without_image(container: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in container.items() if name != "image"}


def _deadline(old: int | None, new: int | None) -> Iterator[FieldError]:
    if old is None or (new is not None and new <= old):
        return
    detail = (
        "must be less than or equal to previous value"
        if new is not None
        else "must not update from a positive integer to nil value"
    )
    yield faults.invalid("spec.activeDeadlineSeconds", "null" if new is None else new, detail)


def _tolerations(old: list[Any], new: list[Any]) -> Iterator[FieldError]:
    kept = {_without_seconds(one) for one in new}
    if any(_without_seconds(one) not in kept for one in old):
        yield faults.forbidden(
            "spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"
        )


def _without_seconds(toleration: Mapping[str, Any]) -> frozenset[tuple[str, Any]]:
    return frozenset((name, value) for name, value in toleration.items() if name != "tolerationSeconds")
