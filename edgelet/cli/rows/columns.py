"""A kind's table: its columns, and one row of cells for an object."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Document = Mapping[str, Any]
NONE = "<none>"


@dataclass(frozen=True, slots=True)
class Columns:
    """How a kind is shown. `cells` gives one text for each column, the wide ones too."""

    names: tuple[str, ...]
    cells: Callable[[Document, datetime], Sequence[str]]
    only_wide: frozenset[str] = frozenset()

    def shown(self, *, wide: bool) -> tuple[int, ...]:
        """The positions of the columns to show."""
        return tuple(at for at, name in enumerate(self.names) if wide or name not in self.only_wide)


def part(document: Document, *keys: str) -> Any:
    """What lies at the path of keys, None where any of them is missing."""
    value: Any = document
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def name(document: Document) -> str:
    """The object's name."""
    return str(part(document, "metadata", "name") or "")


def created(document: Document) -> object:
    """When the object was created."""
    return part(document, "metadata", "creationTimestamp")


def labels(document: Document) -> str:
    """The labels as one cell: `a=b,c=d`."""
    found = part(document, "metadata", "labels") or {}
    return ",".join(f"{key}={found[key]}" for key in sorted(found)) or NONE
