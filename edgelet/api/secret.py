"""Secret: keys and values that are nobody else's business."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edgelet.api.meta import ObjectMeta
from edgelet.api.value import Value


class Secret(Value):
    """Base64 in `data`. `string_data` is only ever written: defaults fold it into `data`."""

    api_version: Literal["v1"] = "v1"
    kind: Literal["Secret"] = "Secret"
    metadata: ObjectMeta = ObjectMeta()
    immutable: bool | None = None
    data: dict[str, str] = Field(default_factory=dict)
    string_data: dict[str, str] = Field(default_factory=dict)
    type: str | None = None

    def __repr__(self) -> str:
        return f"Secret({self.metadata.namespace}/{self.metadata.name}, type={self.type})"  # never the values

    __str__ = __repr__
