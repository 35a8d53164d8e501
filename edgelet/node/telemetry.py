"""What `top` shows: metrics.k8s.io documents from two samples of the counters.

Nothing is sampled at rest: a question takes a sample and compares it with the one of the last question, or waits a
moment for a second one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from edgelet.api import time
from edgelet.api.quantity import Quantity
from edgelet.ports.clock import Clock
from edgelet.ports.host import HostUsage
from edgelet.ports.object_store import Document
from edgelet.ports.runtime import PodRef, Usage

_API_VERSION = "metrics.k8s.io/v1beta1"
_KIB = 1024
_WINDOW_MIN_S = 1.0  # shorter ones measure the clock ticks
_WINDOW_MAX_S = 60.0  # older ones say what was, not what is


@dataclass(frozen=True, slots=True)
class Sample:
    """Counters at one instant of the monotonic clock."""

    at_s: float
    host: HostUsage
    pods: Mapping[PodRef, tuple[Usage, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metrics:
    """One answer: the node, and the pods that could be measured, by namespace and name."""

    node: Document
    pods: tuple[Document, ...]


def cpu_nanocores(before_ns: float, after_ns: float, window_s: float) -> int | None:
    """Return the rate between two readings; None where there is none (the counter began anew, or no time passed)."""
    if window_s <= 0 or after_ns < before_ns:
        return None
    return round((after_ns - before_ns) / window_s)


def node_metrics(name: str, before: Sample, after: Sample, *, now: datetime) -> Document:
    """Return NodeMetrics between two samples."""
    window_s = after.at_s - before.at_s
    rate = cpu_nanocores(before.host.cpu_busy_s * 1e9, after.host.cpu_busy_s * 1e9, window_s)
    head = _head("NodeMetrics", {"name": name}, window_s, now)
    return {**head, "usage": _usage(rate or 0, after.host.memory_working_set_bytes)}


def pod_metrics(pod: PodRef, before: Sample, after: Sample, *, now: datetime) -> Document | None:
    """Return PodMetrics of the containers that ran all the time; None where there is no such container."""
    window_s = after.at_s - before.at_s
    earlier = {usage.container: usage for usage in before.pods.get(pod, ())}
    containers = []
    for usage in after.pods.get(pod, ()):
        known = earlier.get(usage.container)
        rate = cpu_nanocores(known.cpu_usage_ns, usage.cpu_usage_ns, window_s) if known else None
        if rate is not None:
            containers.append({"name": usage.container, "usage": _usage(rate, usage.working_set_bytes)})
    if not containers:
        return None
    head = _head("PodMetrics", {"name": pod.name, "namespace": pod.namespace}, window_s, now)
    return {**head, "containers": containers}


class UsageSampler:
    """Answers `measure`. Keeps one sample, of what was asked for last.

    Args:
        node_name: metadata.name of NodeMetrics.
        host_usage: Host.usage.
        pod_usage: Runtime.usage, by pod uid.
        clock: For the windows.
    """

    def __init__(
        self,
        *,
        node_name: str,
        host_usage: Callable[[], HostUsage],
        pod_usage: Callable[[str], Awaitable[tuple[Usage, ...]]],
        clock: Clock,
    ) -> None:
        self._node_name = node_name
        self._host_usage = host_usage
        self._pod_usage = pod_usage
        self._clock = clock
        self._last: Sample | None = None
        self._one_at_a_time = asyncio.Lock()

    async def measure(self, pods: Iterable[PodRef]) -> Metrics:
        """Return metrics of the node and of these pods, over the time since the last question (1 s to 60 s).

        Raises EngineError where the engine cannot say.
        """
        wanted = tuple(sorted(pods, key=lambda pod: (pod.namespace, pod.name)))
        async with self._one_at_a_time:
            before = await self._baseline(wanted)
            after = await self._sample(wanted)
            self._last = after
        now = self._clock.now()
        documents = (pod_metrics(pod, before, after, now=now) for pod in wanted)
        return Metrics(
            node_metrics(self._node_name, before, after, now=now),
            tuple(document for document in documents if document is not None),
        )

    async def _baseline(self, pods: tuple[PodRef, ...]) -> Sample:
        last = self._last
        age_s = self._clock.monotonic_s() - last.at_s if last else _WINDOW_MAX_S
        if last is None or age_s >= _WINDOW_MAX_S or not last.pods.keys() >= set(pods):
            last, age_s = await self._sample(pods), 0.0
        if age_s < _WINDOW_MIN_S:
            await self._clock.sleep(_WINDOW_MIN_S - age_s)
        return last

    async def _sample(self, pods: tuple[PodRef, ...]) -> Sample:
        usages = {pod: await self._pod_usage(pod.uid) for pod in pods}
        return Sample(self._clock.monotonic_s(), self._host_usage(), usages)


def _head(kind: str, metadata: dict[str, str], window_s: float, now: datetime) -> dict[str, object]:
    stamp = time.render(now)
    return {
        "apiVersion": _API_VERSION,
        "kind": kind,
        "metadata": {**metadata, "creationTimestamp": stamp},
        "timestamp": stamp,
        "window": f"{window_s:.3f}s",
    }


def _usage(nanocores: int, memory_bytes: int) -> dict[str, str]:
    # Whole KiB, as metrics-server tells it: a quantity of odd bytes is shown without a suffix.
    return {"cpu": str(Quantity(nanocores)), "memory": str(Quantity.of_bytes(memory_bytes // _KIB * _KIB))}
