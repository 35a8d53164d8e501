"""What every object carries: ObjectMeta, references between objects, label selectors."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from edgelet.api.time import Time
from edgelet.api.value import Items, Value


class OwnerReference(Value):
    """Who made this object and takes it along when it goes."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Value):
    """Name and history of an object. uid to generation are the store's; a client's values for them do not count."""

    name: str = ""
    generate_name: str | None = None
    namespace: str = ""
    self_link: str | None = None
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    owner_references: Items[OwnerReference] = ()
    finalizers: Items[str] = ()
    managed_fields: Items[dict[str, Any]] = ()

    def to_document(self) -> dict[str, Any]:
        """Return JSON's shape; like Kubernetes without an empty name, namespace, uid, version or generation 0."""
        return {
            key: value for key, value in super().to_document().items() if value or key == "deletionGracePeriodSeconds"
        }


class ObjectReference(Value):
    """One object, or one part of it (fieldPath: spec.containers{web})."""

    api_version: str | None = None
    kind: str | None = None
    namespace: str | None = None
    name: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    field_path: str | None = None


class LocalObjectReference(Value):
    """An object of the same namespace, by name."""

    name: str = ""


class LabelSelectorRequirement(Value):
    """key In|NotIn|Exists|DoesNotExist values."""

    key: str
    operator: str
    values: Items[str] = ()


class LabelSelector(Value):
    """All of these must fit; an empty one selects everything."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    match_expressions: Items[LabelSelectorRequirement] = ()
