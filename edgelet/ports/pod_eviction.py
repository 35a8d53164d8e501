"""Who ends a pod because the node is short of something."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, Protocol

Resource = Literal["memory", "ephemeral-storage", "inodes", "pids"]
Part = Literal["layers", "logs", "volumes"]  # of what a pod has on disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """What the node is short of. Amounts are for people, in Kubernetes' notation."""

    resource: Resource
    threshold: str
    available: str
    parts: Collection[Part] = ()  # what lies on the file system in question; nothing for memory and pids
    hard: bool = True  # a pod has one second to end; else its own grace period, within `max_grace_s`
    max_grace_s: float = 0.0  # 0: no bound


class PodEviction(Protocol):
    """Pods as something that can be given up."""

    async def evict(self, shortage: Shortage) -> bool:
        """End the pod that has to go first, and wait until it is gone, half a minute at most.

        False: there is none that may go, or none whose end would help.
        """
        ...
