"""Namespace: a scope of names. It exists as soon as something is in it."""

from __future__ import annotations

from typing import Literal

from edgelet.api.conditions import Condition
from edgelet.api.meta import ObjectMeta
from edgelet.api.value import Items, Value


class NamespaceSpec(Value):
    """Who has to agree before it is gone."""

    finalizers: Items[str] = ()


class NamespaceStatus(Value):
    """Active, or on its way out."""

    phase: Literal["Active", "Terminating"] | None = None
    conditions: Items[Condition] = ()


class Namespace(Value):
    """A scope of names."""

    api_version: Literal["v1"] = "v1"
    kind: Literal["Namespace"] = "Namespace"
    metadata: ObjectMeta = ObjectMeta()
    spec: NamespaceSpec = NamespaceSpec()
    status: NamespaceStatus = NamespaceStatus()
