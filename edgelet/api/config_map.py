"""ConfigMap: keys and values for pods."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgelet.api.meta import ObjectMeta
from edgelet.api.value import Value


class ConfigMap(Value):
    """Texts in `data`, base64 in `binary_data`; no key may be in both."""

    api_version: Literal["v1"] = "v1"
    kind: Literal["ConfigMap"] = "ConfigMap"
    metadata: ObjectMeta = ObjectMeta()
    immutable: bool | None = None
    data: dict[str, str] = Field(default_factory=dict)
    binary_data: dict[str, str] = Field(default_factory=dict)
