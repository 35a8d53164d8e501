"""Parts of a pod's spec that change while it runs, each through a subresource of its own (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edgelet.api.errors import FieldError
from edgelet.intake import ephemeral_containers, resize
from edgelet.ports.object_store import Document


@dataclass(frozen=True, slots=True)
class SpecPart:
    """How one subresource is judged.

    Args:
        narrowed: Takes from a wanted document what the subresource may change; the rest stays as it was.
        check: Judges the old document, the wanted one, and the one that would be stored.
        owners_only: Whether another source than the pod's own is turned away.
    """

    narrowed: Callable[[Document, Mapping[str, Any]], dict[str, Any]]
    check: Callable[[Document, Mapping[str, Any], Mapping[str, Any]], tuple[FieldError, ...]]
    owners_only: bool


PARTS: Mapping[str, SpecPart] = {
    # To look into a pod is no change of what its owner wants.
    "ephemeralcontainers": SpecPart(ephemeral_containers.narrowed, ephemeral_containers.check, owners_only=False),
    "resize": SpecPart(resize.narrowed, resize.check, owners_only=True),
}
