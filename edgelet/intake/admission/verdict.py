"""What is made of a field that is set."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Plain(Enum):
    """HONOURED: acted on. SCHEDULER: only a scheduler, of which there is none here, would look at it."""

    HONOURED = "honoured"
    SCHEDULER = "scheduler"


@dataclass(frozen=True, slots=True)
class Refused:
    """Not acted on. `harmless` values mean the same as leaving the field out, so they pass."""

    reason: str
    harmless: tuple[object, ...] = (False, "", {})


@dataclass(frozen=True, slots=True)
class Only:
    """Acted on for these values; of a map, for these keys."""

    values: tuple[object, ...]
    reason: str
    beginning: str = ""  # what begins with it is acted on too

    def has(self, value: object) -> bool:
        """Whether it is acted on."""
        return value in self.values or bool(self.beginning and str(value).startswith(self.beginning))


@dataclass(frozen=True, slots=True)
class Beside:
    """Acted on where another field of the same object has one of these values; without values, where it is set.

    `harmless` values pass wherever they stand.
    """

    sibling: str
    values: tuple[object, ...]
    reason: str
    harmless: tuple[object, ...] = ()


Verdict = Plain | Refused | Only | Beside
