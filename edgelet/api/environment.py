"""Where a container's environment comes from."""

from __future__ import annotations

from edgelet.api.quantity import Quantity
from edgelet.api.value import Value


class ObjectFieldSelector(Value):
    """A field of the pod itself: metadata.name, status.podIP ..."""

    api_version: str | None = None
    field_path: str


class ResourceFieldSelector(Value):
    """limits.cpu and the like, of this or a named container, divided and rounded up."""

    container_name: str | None = None
    resource: str
    divisor: Quantity | None = None


class KeySelector(Value):
    """One key of a ConfigMap or Secret of the namespace."""

    name: str = ""
    key: str
    optional: bool | None = None


class FileKeySelector(Value):
    """One key of an environment file in a volume of the pod."""

    volume_name: str
    path: str
    key: str
    optional: bool | None = None


class EnvVarSource(Value):
    """Exactly one."""

    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    config_map_key_ref: KeySelector | None = None
    secret_key_ref: KeySelector | None = None
    file_key_ref: FileKeySelector | None = None


class EnvVar(Value):
    """One variable: a text in which $(VAR) is expanded, or a source."""

    name: str
    value: str | None = None
    value_from: EnvVarSource | None = None


class EnvSource(Value):
    """All keys of a ConfigMap or Secret."""

    name: str = ""
    optional: bool | None = None


class EnvFromSource(Value):
    """Exactly one source; `prefix` stands before each key."""

    prefix: str | None = None
    config_map_ref: EnvSource | None = None
    secret_ref: EnvSource | None = None
