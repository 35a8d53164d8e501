"""A pod that the agent itself brings to its end: what its status will say, and how long its containers may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Eviction:
    """Decided once: there is no way back from it.

    Source: Kubernetes pkg/kubelet/lifecycle/interfaces.go ShouldEvictResponse.
    """

    reason: str
    message: str
    grace_s: float | None = None  # None: the pod's own
    disruption: bool = False  # told as the condition DisruptionTarget: the node was short of something
