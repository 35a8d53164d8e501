"""The base of everything that crosses the wire: frozen, strict, camelCase outside and snake_case inside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from edgelet.api import time

# Words that Kubernetes writes in capitals when they do not open a name: podIP, hostIPs, containerID, setHostnameAsFQDN.
_ACRONYMS = {
    "api": "API",
    "cidr": "CIDR",
    "cidrs": "CIDRs",
    "fqdn": "FQDN",
    "id": "ID",
    "io": "IO",
    "ip": "IP",
    "ipc": "IPC",
    "ips": "IPs",
    "pid": "PID",
    "uuid": "UUID",
}

Item = TypeVar("Item")

# A JSON list. Strict mode would take a tuple only; the items keep their own strictness.
Items = Annotated[tuple[Item, ...], Field(strict=False)]


def camel_case(name: str) -> str:
    """Return the Kubernetes spelling of an attribute: host_ip -> hostIP, config_map -> configMap."""
    first, *rest = name.split("_")
    return first + "".join(_ACRONYMS.get(word) or word.capitalize() for word in rest)


class Value(BaseModel):
    """A part of a Kubernetes object.

    Unknown fields are ignored here; `intake` reports them before. Validators are built on first use (defer_build):
    most of the vocabulary is never spoken on a given board.
    """

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        validate_by_name=True,
        validate_by_alias=True,
        alias_generator=camel_case,
        defer_build=True,
        arbitrary_types_allowed=True,
    )

    def to_document(self) -> dict[str, Any]:
        """Return JSON's shape: camelCase, without what is None and without empty lists and maps.

        An empty sub-object (emptyDir: {}) stays: that it is there says something.
        """
        document: dict[str, Any] = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value is None or (isinstance(value, (tuple, dict)) and not value):
                continue
            document[field.alias or name] = _plain(value)
        return document

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some attributes (snake_case) changed. Not validated: the caller knows the types."""
        return self.model_copy(update=changes)


def _plain(value: Any) -> Any:
    """Return the JSON shape of one attribute's value."""
    if isinstance(value, Value):
        return value.to_document()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if value is None or isinstance(value, (str, int, float, list)):
        return value
    return time.render(value) if isinstance(value, datetime) else str(value)  # the latter: Quantity
