"""The lines of a description: tabbed text, indented by level, aligned at the end. As kubectl's describers write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgelet.cli import durations, tabwriter

NONE = "<none>"
LONGEST_ANNOTATION = 140  # characters, then ...
HIDDEN_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


class Prose:
    """Lines in the making."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def line(self, level: int, text: str) -> None:
        """Add a line; its columns are ended by tabs."""
        self._lines.append("  " * level + text.replace("\n", "\n" + "  " * level))

    def field(self, level: int, label: str, value: object) -> None:
        """Add `Label:  value`."""
        self.line(level, f"{label}:\t{value}")

    def mapping(self, label: str, found: Mapping[str, Any] | None) -> None:
        """Add labels: the first beside the label, the others below it."""
        shown = [f"{key}={value}" for key, value in sorted((found or {}).items())] or [NONE]
        self.column(label, shown)

    def annotations(self, found: Mapping[str, Any] | None) -> None:
        """Add annotations; long ones and those of several lines below their keys."""
        kept = {key: str(value) for key, value in sorted((found or {}).items()) if key != HIDDEN_ANNOTATION}
        shown: list[str] = []
        for key, value in kept.items():
            text = value.rstrip("\n")
            if "\n" in text or len(text) + len(key) + 2 > LONGEST_ANNOTATION:
                cut = text if len(text) <= LONGEST_ANNOTATION else f"{text[:LONGEST_ANNOTATION]}..."
                shown += [f"{key}:", *(f"  {line}" for line in cut.split("\n"))]
            else:
                shown.append(f"{key}: {text}")
        self.column("Annotations", shown or [NONE])

    def column(self, label: str, values: list[str]) -> None:
        """Add several values of one label below each other."""
        for at, value in enumerate(values):
            self.line(0, f"{label if at == 0 else ''}{':' if at == 0 else ''}\t{value}")

    def text(self) -> str:
        """All of it, aligned."""
        return tabwriter.align("".join(f"{line}\n" for line in self._lines))


def moment(timestamp: object) -> str:
    """A timestamp as descriptions write it: `Mon, 02 Jan 2006 15:04:05 +0000`."""
    then = durations.instant(timestamp) if isinstance(timestamp, str) and timestamp else None
    return "<unknown>" if then is None else f"{then:%a, %d %b %Y %H:%M:%S %z}"


def truth(value: object) -> str:
    """`True` or `False`."""
    return "True" if value else "False"
