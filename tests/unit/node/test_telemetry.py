from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgelet.node import telemetry
from edgelet.node.telemetry import Metrics, UsageSampler
from edgelet.ports.runtime import PodRef, Usage
from tests.fakes import virtual_time
from tests.fakes.host import USAGE, FakeHost
from tests.fakes.virtual_time import VirtualClock

WEB = PodRef("uid-web", "default", "web")
DB = PodRef("uid-db", "default", "db")


class Counters:
    """Pods that use a quarter of a core each; `restarted` begins its counter anew."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.began_s: dict[str, float] = {"uid-web": 0.0, "uid-db": 0.0}
        self.host = FakeHost()
        self.samples = 0

    async def pod(self, uid: str) -> tuple[Usage, ...]:
        if uid not in self.began_s:
            return ()
        used_ns = round((self.clock.monotonic_s() - self.began_s[uid]) * 0.25e9)
        return (Usage("app", used_ns, 10 * 1024**2 + 17, 3),)

    def board(self) -> Any:
        self.samples += 1
        return replace(USAGE, cpu_busy_s=1000 + self.clock.monotonic_s() * 1.5)


def sampler(counters: Counters) -> UsageSampler:
    return UsageSampler(node_name="pi", host_usage=counters.board, pod_usage=counters.pod, clock=counters.clock)


def names(metrics: Metrics) -> list[str]:
    return [pod["metadata"]["name"] for pod in metrics.pods]


@pytest.mark.parametrize(
    ("before_ns", "after_ns", "window_s", "rate"),
    [
        (0, 1_000_000_000, 1.0, 1_000_000_000),
        (5, 500_000_005, 2.0, 250_000_000),
        (7, 7, 1.0, 0),
        (8, 7, 1.0, None),
        (0, 5, 0.0, None),
    ],
)
def test_the_rate_is_the_difference_over_the_window(
    before_ns: float, after_ns: float, window_s: float, rate: int | None
) -> None:
    assert telemetry.cpu_nanocores(before_ns, after_ns, window_s) == rate


def test_the_first_question_waits_a_second_for_its_second_sample() -> None:
    async def main() -> None:
        clock = VirtualClock()
        metrics = await sampler(Counters(clock)).measure([WEB, DB])
        assert clock.monotonic_s() == pytest.approx(1.0)
        assert metrics.node == {
            "apiVersion": "metrics.k8s.io/v1beta1",
            "kind": "NodeMetrics",
            "metadata": {"name": "pi", "creationTimestamp": "2026-01-01T00:00:01Z"},
            "timestamp": "2026-01-01T00:00:01Z",
            "window": "1.000s",
            "usage": {"cpu": "1500m", "memory": "1Gi"},
        }
        assert names(metrics) == ["db", "web"]
        assert metrics.pods[0]["containers"] == [{"name": "app", "usage": {"cpu": "250m", "memory": "10Mi"}}]
        assert metrics.pods[0]["metadata"]["namespace"] == "default"

    virtual_time.run(main())


def test_a_later_question_is_answered_at_once_over_the_time_between() -> None:
    async def main() -> None:
        clock = VirtualClock()
        counters = Counters(clock)
        top = sampler(counters)
        await top.measure([WEB])
        await clock.sleep(15)
        before_s = clock.monotonic_s()
        metrics = await top.measure([WEB])
        assert clock.monotonic_s() == before_s
        assert metrics.pods[0]["window"] == "15.000s"
        assert counters.samples == 3

    virtual_time.run(main())


def test_an_old_sample_or_one_without_this_pod_is_not_compared_with() -> None:
    async def main() -> None:
        clock = VirtualClock()
        top = sampler(Counters(clock))
        await top.measure([WEB])
        await clock.sleep(61)
        assert (await top.measure([WEB])).pods[0]["window"] == "1.000s"
        await clock.sleep(10)
        assert (await top.measure([WEB, DB])).pods[0]["window"] == "1.000s"

    virtual_time.run(main())


def test_a_restarted_container_and_one_that_does_not_run_are_left_out() -> None:
    async def main() -> None:
        clock = VirtualClock()
        counters = Counters(clock)
        top = sampler(counters)
        gone = PodRef("uid-gone", "default", "gone")
        await clock.sleep(100)
        assert names(await top.measure([WEB, DB, gone])) == ["db", "web"]
        await clock.sleep(10)
        counters.began_s["uid-web"] = clock.monotonic_s()
        assert names(await top.measure([WEB, DB])) == ["db"]

    virtual_time.run(main())
