"""An event sink that is a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgelet.ports.object_store import Key


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded event."""

    regarding: Key
    uid: str
    type: str
    reason: str
    message: str
    container: str = ""


class FakeEvents:
    """Keeps what was recorded, in order."""

    def __init__(self) -> None:
        self.recorded: list[Recorded] = []

    def record(
        self,
        regarding: Key,
        uid: str,
        *,
        type: Literal["Normal", "Warning"],
        reason: str,
        message: str,
        container: str = "",
    ) -> None:
        self.recorded.append(Recorded(regarding, uid, type, reason, message, container))

    def reasons(self) -> list[str]:
        return [one.reason for one in self.recorded]
