"""Conditions: one statement about an object each, with the time its status last flipped."""

from __future__ import annotations

from typing import Literal

from edgelet.api.time import Time
from edgelet.api.value import Value

ConditionStatus = Literal["True", "False", "Unknown"]


class Condition(Value):
    """One statement. `reason` is for machines, `message` for people."""

    type: str
    status: ConditionStatus
    observed_generation: int | None = None
    last_probe_time: Time | None = None
    last_heartbeat_time: Time | None = None
    last_transition_time: Time | None = None
    reason: str | None = None
    message: str | None = None


def find(conditions: tuple[Condition, ...], kind: str) -> Condition | None:
    """Return the condition of a type, None where there is none."""
    return next((condition for condition in conditions if condition.type == kind), None)


def is_true(conditions: tuple[Condition, ...], kind: str) -> bool:
    """Whether the condition of a type is there and True."""
    found = find(conditions, kind)
    return found is not None and found.status == "True"


def merge(old: tuple[Condition, ...], new: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Return `new`, each keeping the transition time of its forerunner in `old` where the status did not flip."""
    return tuple(_keep_time(find(old, condition.type), condition) for condition in new)


def _keep_time(before: Condition | None, after: Condition) -> Condition:
    if before is None or before.status != after.status or before.last_transition_time is None:
        return after
    return after.replace(last_transition_time=before.last_transition_time)
