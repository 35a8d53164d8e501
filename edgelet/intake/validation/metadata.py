"""Rules for metadata, the same for every kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from edgelet.api import names
from edgelet.api.errors import FieldError
from edgelet.api.meta import ObjectMeta
from edgelet.intake import faults

_MAX_ANNOTATION_BYTES = 256 * 1024
_MAX_GENERATED_PREFIX = 253


def check(
    metadata: ObjectMeta, *, namespaced: bool, rule: Callable[[str], str | None] = names.dns_subdomain
) -> Iterator[FieldError]:
    """Check name, namespace, labels, annotations, owners and finalizers. `rule` judges the name."""
    yield from _name(metadata, rule)
    if namespaced:
        if not metadata.namespace:
            yield faults.required("metadata.namespace")
        elif fault := names.dns_label(metadata.namespace):
            yield faults.invalid("metadata.namespace", metadata.namespace, fault)
    elif metadata.namespace:
        yield faults.forbidden("metadata.namespace", "not allowed on this type")
    yield from labels(metadata.labels, "metadata.labels")
    yield from _annotations(metadata.annotations)
    for index, owner in enumerate(metadata.owner_references):
        for field, value in (("kind", owner.kind), ("name", owner.name), ("uid", owner.uid)):
            if not value:
                yield faults.required(f"metadata.ownerReferences[{index}].{field}")
    for index, finalizer in enumerate(metadata.finalizers):
        if fault := names.qualified_name(finalizer):
            yield faults.invalid(f"metadata.finalizers[{index}]", finalizer, fault)


def _name(metadata: ObjectMeta, rule: Callable[[str], str | None]) -> Iterator[FieldError]:
    if metadata.name:
        if fault := rule(metadata.name):
            yield faults.invalid("metadata.name", metadata.name, fault)
    elif not metadata.generate_name:
        yield faults.required("metadata.name", "name or generateName is required")
    # A generated name ends in a letter or a digit, so a prefix may end in a hyphen.
    elif fault := rule(metadata.generate_name[:_MAX_GENERATED_PREFIX].rstrip("-.") or "-"):
        yield faults.invalid("metadata.generateName", metadata.generate_name, fault)


def labels(found: dict[str, str], path: str) -> Iterator[FieldError]:
    """Check labels, or a selector made of them."""
    for key, value in found.items():
        if fault := names.qualified_name(key):
            yield faults.invalid(path, key, fault)
        if fault := names.label_value(value):
            yield faults.invalid(f"{path}[{key}]", value, fault)


def _annotations(found: dict[str, str]) -> Iterator[FieldError]:
    for key in found:
        if fault := names.qualified_name(key.lower()):
            yield faults.invalid("metadata.annotations", key, fault)
    if sum(len(key.encode()) + len(value.encode()) for key, value in found.items()) > _MAX_ANNOTATION_BYTES:
        yield faults.too_long("metadata.annotations", _MAX_ANNOTATION_BYTES, "bytes")
