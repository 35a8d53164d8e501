"""Huge pages as Kubernetes names them: the resource hugepages-2Mi, the medium HugePages-2Mi.

Source: Kubernetes pkg/apis/core/v1/helper/helpers.go.
"""

from __future__ import annotations

from edgelet.api.quantity import Quantity

RESOURCE = "hugepages-"
MEDIUM = "HugePages"
_SIZED_MEDIUM = f"{MEDIUM}-"


def is_resource(name: str) -> bool:
    """Whether a resource is huge pages."""
    return name.startswith(RESOURCE)


def is_medium(medium: str | None) -> bool:
    """Whether an emptyDir is made of huge pages."""
    return medium is not None and (medium == MEDIUM or medium.startswith(_SIZED_MEDIUM))


def resource(page_bytes: int) -> str:
    """Return the resource of a page size."""
    return f"{RESOURCE}{Quantity.of_bytes(page_bytes)}"


def page_bytes(name: str) -> int:
    """Return the page size that a resource names, or a medium; 0 for the medium without one.

    Raises:
        ValueError: It names no size.
    """
    size = name.removeprefix(RESOURCE).removeprefix(MEDIUM).removeprefix("-")
    if not size and name == MEDIUM:
        return 0
    amount = Quantity.parse(size)
    if amount.nano <= 0 or amount.to_bytes() * 10**9 != amount.nano:
        raise ValueError(f"{size!r} is no size of a page")
    return amount.to_bytes()
