"""A Kubernetes Status small enough to be told ten thousand times."""

from __future__ import annotations

from typing import Any

from edgelet.ports.object_store import Document

_MAX_CHARACTERS = 1024
_MAX_CAUSES = 16


def shortened(status: Document) -> dict[str, Any]:
    """Return a Status with its message and the list of its causes cut."""
    short = {**status, "message": _cut(str(status.get("message", "")))}
    details = status.get("details")
    if isinstance(details, dict) and "causes" in details:
        causes = [
            {**cause, "message": _cut(str(cause.get("message", "")))} for cause in details["causes"][:_MAX_CAUSES]
        ]
        short["details"] = {**details, "causes": causes}
    return short


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_CHARACTERS else text[: _MAX_CHARACTERS - 3] + "..."
