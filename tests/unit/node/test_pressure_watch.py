from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from edgelet.config.eviction import DEFAULT_HARD
from edgelet.node import pressure
from edgelet.node.pressure import Observation, Seen
from edgelet.node.pressure_watch import PressurePorts, PressureRules, PressureWatch
from edgelet.ports.object_store import Key
from edgelet.ports.pod_eviction import Shortage
from tests.fakes import virtual_time
from tests.fakes.events import FakeEvents
from tests.fakes.virtual_time import VirtualClock

MIB = 1 << 20
GIB = 1 << 30


class Node:
    """A node with `free` bytes of memory and of disk; each pod that goes frees `each`."""

    def __init__(self, **rules: float) -> None:
        self.memory, self.disk = GIB, 90
        self.pods, self.each = 0, 0
        self.clutter = 0  # of the disk; what can be removed without giving up a pod
        self.broken = False
        self.evicted: list[tuple[float, Shortage]] = []
        self.looks = 0
        self.told: list[Mapping[str, str]] = []
        self.events = FakeEvents()
        thresholds = pressure.thresholds(DEFAULT_HARD, {}, grace_s={}, reclaim={})
        self.watch = PressureWatch(
            PressurePorts(
                observe=self.observe,
                make_room=self.make_room,
                pods=self,
                events=self.events,
                clock=VirtualClock(),
                changed=self.told.append,
            ),
            node=Key("Node", "", "board"),
            rules=PressureRules(thresholds=thresholds, **rules),
        )

    def observe(self) -> Seen:
        self.looks += 1
        if self.broken:
            raise OSError("no /proc")
        return {
            "memory.available": (Observation(available=self.memory, capacity=GIB),),
            "nodefs.available": (Observation(available=self.disk, capacity=100, place="/", parts={"logs"}),),
        }

    async def make_room(self) -> None:
        self.disk, self.clutter = self.disk + self.clutter, 0

    async def evict(self, shortage: Shortage) -> bool:
        if not self.pods:
            return False
        self.pods -= 1
        self.evicted.append((VirtualClock().monotonic_s(), shortage))
        await VirtualClock().sleep(2)
        self.memory += self.each
        return True

    async def live(self, seconds: float) -> None:
        task = asyncio.create_task(self.watch.run())
        await VirtualClock().sleep(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def on_a_node(scene: Callable[[Node], Awaitable[None]], **rules: float) -> None:
    async def main() -> None:
        await scene(Node(**rules))

    virtual_time.run(main())


def test_at_rest_it_looks_every_ten_seconds_and_says_nothing() -> None:
    async def scene(node: Node) -> None:
        await node.live(599)
        assert node.looks == 60
        assert (node.told, node.events.recorded) == ([], [])

    on_a_node(scene)


def test_pods_go_one_after_the_other_until_there_is_enough() -> None:
    async def scene(node: Node) -> None:
        node.memory, node.pods, node.each = 10 * MIB, 5, 50 * MIB
        await node.live(60)
        assert node.pods == 3
        (first_s, first), (second_s, _) = node.evicted
        assert second_s - first_s == 2, "it looks again as soon as the first one is gone"
        assert (first.resource, first.threshold, first.available, first.hard) == ("memory", "100Mi", "10Mi", True)
        assert node.events.reasons() == ["NodeHasInsufficientMemory", "EvictionThresholdMet"]
        assert node.told == [{"MemoryPressure": "memory has 10Mi available, less than 100Mi"}]
        await node.live(310)
        assert node.events.reasons()[-1] == "NodeHasSufficientMemory"
        assert node.told[-1] == {}

    on_a_node(scene)


def test_with_nobody_left_to_go_it_is_told_once() -> None:
    async def scene(node: Node) -> None:
        node.memory = 10 * MIB
        await node.live(600)
        assert node.events.reasons() == ["NodeHasInsufficientMemory", "EvictionThresholdMet"]
        assert len(node.told) == 1

    on_a_node(scene)


def test_room_on_disk_is_made_before_a_pod_goes() -> None:
    async def scene(node: Node) -> None:
        node.disk, node.clutter, node.pods = 5, 20, 3
        await node.live(30)
        assert node.evicted == []
        assert list(node.told[-1]) == ["DiskPressure"]
        node.disk = 5
        await node.live(1)
        assert [(one.resource, set(one.parts)) for _, one in node.evicted] == [("ephemeral-storage", {"logs"})]

    on_a_node(scene)


def test_a_look_that_fails_costs_that_look() -> None:
    async def scene(node: Node) -> None:
        node.broken = True
        await node.live(30)
        node.broken, node.memory, node.pods, node.each = False, 0, 1, GIB
        await node.live(10)
        assert len(node.evicted) == 1

    on_a_node(scene)


def test_with_every_threshold_off_nothing_is_looked_at() -> None:
    async def main() -> None:
        node = Node()
        ports = PressurePorts(
            observe=node.observe,
            make_room=node.make_room,
            pods=node,
            events=node.events,
            clock=VirtualClock(),
            changed=node.told.append,
        )
        await PressureWatch(ports, node=Key("Node", "", "board"), rules=PressureRules(thresholds=())).run()
        assert node.looks == 0

    virtual_time.run(main())
