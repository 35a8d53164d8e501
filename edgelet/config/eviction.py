"""[eviction]: from when on the node is short of something, and pods have to go."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from edgelet.api.amount import Amount
from edgelet.config.section import Section

# Source: Kubernetes pkg/kubelet/eviction/defaults_linux.go.
DEFAULT_HARD = {
    "memory.available": "100Mi",
    "nodefs.available": "10%",
    "nodefs.inodesFree": "5%",
    "imagefs.available": "15%",
    "imagefs.inodesFree": "5%",
}
SIGNALS = frozenset({*DEFAULT_HARD, "pid.available"})


def _known(values: dict[str, object]) -> None:
    for name in values.keys() - SIGNALS:
        raise ValueError(f"{name!r} is none of {', '.join(sorted(SIGNALS))}")


def _thresholds(values: dict[str, str]) -> dict[str, str]:
    _known(dict(values))
    for name, text in values.items():
        amount = Amount.parse(text)
        if amount.quantity is not None and not amount.quantity:
            raise ValueError(f"{name}: {text!r} is no bound; 0% switches it off")
    return values


def _with_defaults(values: dict[str, str]) -> dict[str, str]:
    return {**DEFAULT_HARD, **values}


def _reclaims(values: dict[str, str]) -> dict[str, str]:
    _known(dict(values))
    for text in values.values():
        Amount.parse(text)
    return values


def _periods(values: dict[str, float]) -> dict[str, float]:
    _known(dict(values))
    for name, seconds in values.items():
        if seconds < 0:
            raise ValueError(f"{name}: {seconds:g} is less than 0")
    return values


_Thresholds = Annotated[dict[str, str], AfterValidator(_thresholds)]


class EvictionSettings(Section):
    """The kubelet's settings, by its names of signals. A signal that `hard` does not name keeps its default."""

    look_s: float = Field(default=10.0, ge=1.0)  # kubelet: monitoringInterval
    hard: Annotated[_Thresholds, AfterValidator(_with_defaults)] = Field(default_factory=lambda: dict(DEFAULT_HARD))
    soft: _Thresholds = Field(default_factory=dict)
    soft_grace_period_s: Annotated[dict[str, float], AfterValidator(_periods)] = Field(default_factory=dict)
    max_pod_grace_period_s: float = Field(default=0.0, ge=0)  # of soft evictions; 0: the pod's own
    minimum_reclaim: Annotated[dict[str, str], AfterValidator(_reclaims)] = Field(default_factory=dict)
    pressure_transition_period_s: float = Field(default=300.0, ge=0)  # a condition stays so long after its cause
