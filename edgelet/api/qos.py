"""The class of service that a pod's amounts make.

Source: Kubernetes pkg/apis/core/v1/helper/qos/qos.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from edgelet.api.pod import Pod
from edgelet.api.quantity import Quantity

QosClass = Literal["Guaranteed", "Burstable", "BestEffort"]
_COUNTED = ("cpu", "memory")


def of(pod: Pod) -> QosClass:
    """Return the class, which never changes in a pod's life."""
    whole = pod.spec.resources
    if whole and (_positive(whole.requests) or _positive(whole.limits)):
        parts = [whole]
    else:
        parts = [container.resources for container in (*pod.spec.init_containers, *pod.spec.containers)]
    requests: dict[str, Quantity] = {}
    limits: dict[str, Quantity] = {}
    everywhere_limited = True
    for part in parts:
        limited = _positive(part.limits)
        _add(requests, _positive(part.requests))
        _add(limits, limited)
        everywhere_limited = everywhere_limited and len(limited) == len(_COUNTED)
    if not requests and not limits:
        return "BestEffort"
    return "Guaranteed" if everywhere_limited and requests == limits else "Burstable"


def _add(total: dict[str, Quantity], amounts: Mapping[str, Quantity]) -> None:
    for name, amount in amounts.items():
        total[name] = total[name] + amount if name in total else amount


def _positive(amounts: Mapping[str, Quantity]) -> dict[str, Quantity]:
    return {name: amounts[name] for name in _COUNTED if name in amounts and amounts[name] > Quantity(0)}
