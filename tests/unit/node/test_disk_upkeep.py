from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from edgelet.config.eviction import DEFAULT_HARD
from edgelet.node import disk_plan, pressure
from edgelet.node.disk_plan import SeenDisks, Thresholds
from edgelet.node.disk_upkeep import DiskPorts, DiskUpkeep
from edgelet.node.pressure_watch import PressurePorts, PressureRules, PressureWatch
from edgelet.ports.host import DiskUsage
from edgelet.ports.object_store import Key
from edgelet.ports.pod_eviction import Shortage
from edgelet.ports.pod_files import EmptyDirectory
from tests.builders import container_document, pod_document
from tests.fakes import virtual_time
from tests.fakes.events import FakeEvents
from tests.fakes.images import FakeImages
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.pod_files import FakePodFiles
from tests.fakes.runtime import FakeRuntime
from tests.fakes.virtual_time import VirtualClock

NODE = Key("Node", "", "board")
IMAGE_BYTES = 1000
RULES = PressureRules(thresholds=pressure.thresholds(DEFAULT_HARD, {}, grace_s={}, reclaim={}))


class Reserve:
    def __init__(self) -> None:
        self.held = False

    def release(self) -> None:
        self.held = False

    def hold(self) -> None:
        self.held = True


class NoPods:
    """Nobody who could be evicted; `asked` counts."""

    def __init__(self) -> None:
        self.asked: list[Shortage] = []

    async def evict(self, shortage: Shortage) -> bool:
        self.asked.append(shortage)
        return False


class Board:
    """A disk of 10 000 bytes: each image takes 1000, `other` whatever it is set to."""

    def __init__(self) -> None:
        self.images = FakeImages()
        self.store = FakeObjectStore()
        self.events = FakeEvents()
        self.files = FakePodFiles()
        self.other = 0
        self.forget = True
        self.told: list[set[str]] = []
        self.pods = NoPods()
        self.reserve = Reserve()
        self.runtime = FakeRuntime(VirtualClock())
        self.upkeep = DiskUpkeep(
            DiskPorts(
                store=self.store,
                images=self.images,
                runtime=self.runtime,
                files=self.files,
                events=self.events,
                clock=VirtualClock(),
                disks=self.disks,
                reserve=self.reserve,
                may_forget=lambda: self.forget,
            ),
            node=NODE,
            thresholds=Thresholds(eviction=RULES.thresholds),
        )
        self.watch = PressureWatch(
            PressurePorts(
                observe=lambda: disk_plan.observations(self.disks()),
                make_room=self.upkeep.make_room,
                pods=self.pods,
                events=self.events,
                clock=VirtualClock(),
                changed=lambda pressures: self.told.append(set(pressures)),
            ),
            node=NODE,
            rules=RULES,
        )

    def disks(self) -> SeenDisks:
        free = 10_000 - self.other - IMAGE_BYTES * len(self.images.here)
        one = DiskUsage(10_000, max(0, free), device=1)
        return SeenDisks(node={"/state": one}, image=one, image_path="/images")

    async def pull(self, *names: str) -> None:
        for name in names:
            self.images.registries.offer(name)
            await self.images.pull(name)
        self.upkeep.note(await self.images.list())

    def here(self) -> set[str]:
        return {one.names[0] for one in self.images.here.values()}

    async def turns(self, seconds: float) -> None:
        async def keep() -> None:
            while True:
                await VirtualClock().sleep(await self.upkeep.turn())

        tasks = [asyncio.create_task(self.watch.run()), asyncio.create_task(keep())]
        await VirtualClock().sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def on_a_board(scene: Callable[[Board], Awaitable[None]]) -> None:
    async def main() -> None:
        await scene(Board())

    virtual_time.run(main())


def test_with_room_nothing_is_asked_and_nothing_removed() -> None:
    async def scene(board: Board) -> None:
        await board.pull("r.io/a:1")
        await board.turns(600)
        assert board.here() == {"r.io/a:1"}
        assert board.reserve.held
        assert not board.events.recorded
        assert not board.runtime.calls

    on_a_board(scene)


def test_unused_images_go_until_there_is_room_and_the_pods_own_stay() -> None:
    async def scene(board: Board) -> None:
        await board.pull("r.io/used:1", "r.io/a:1", "r.io/b:1", "localhost/own:1")
        pod = pod_document("web", container_document(image="r.io/used:1"))
        await board.store.put(Key("Pod", "default", "web"), pod, source="api")
        await board.turns(300)
        board.other = 6000
        await board.turns(60)  # nothing is available: both have to go
        assert board.here() == {"r.io/used:1", "localhost/own:1"}
        assert not board.pods.asked, "room is made before a pod has to go"
        await board.turns(300)
        assert sorted(board.events.reasons()) == [
            "EvictionThresholdMet",
            "FreedDiskSpace",
            "NodeHasDiskPressure",
            "NodeHasNoDiskPressure",
        ]
        assert board.told == [{"DiskPressure"}, set()]

    on_a_board(scene)


def test_a_disk_that_nothing_can_be_removed_from_is_told_once_and_not_searched_again_and_again() -> None:
    async def scene(board: Board) -> None:
        board.other = 9500
        await board.turns(290)
        assert sorted(board.events.reasons()) == ["EvictionThresholdMet", "FreeDiskSpaceFailed", "NodeHasDiskPressure"]
        assert board.runtime.calls == ["pods"]
        assert not board.reserve.held
        assert {one.resource for one in board.pods.asked} == {"ephemeral-storage"}
        board.other = 0
        await board.turns(310)
        assert board.events.reasons()[-1] == "NodeHasNoDiskPressure"
        assert board.reserve.held

    on_a_board(scene)


def test_an_image_that_just_came_is_spared_and_goes_when_it_is_old_enough() -> None:
    async def scene(board: Board) -> None:
        board.upkeep.note(())
        await board.pull("r.io/a:1")
        board.other = 8500
        await board.turns(60)
        assert board.here() == {"r.io/a:1"}
        await board.turns(80)
        assert not board.here()

    on_a_board(scene)


def test_images_that_were_there_before_the_agent_may_go_at_once_rather_than_pods() -> None:
    async def scene(board: Board) -> None:
        await board.pull("r.io/a:1")
        board.other = 8500
        await board.turns(5)
        assert not board.here()
        assert not board.pods.asked

    on_a_board(scene)


def test_files_of_pods_that_are_gone_go_but_not_before_the_sources_have_spoken() -> None:
    async def scene(board: Board) -> None:
        path = board.files.paths.empty_directory("u-gone", "v")
        await board.files.prepare("u-gone", [EmptyDirectory("v", path)])
        board.forget, board.other = False, 9500
        await board.turns(20)
        assert await board.files.list() == {"u-gone"}
        board.forget = True
        await board.turns(600)
        assert await board.files.list() == set()

    on_a_board(scene)


def test_the_image_of_a_pod_that_had_to_go_does_not_stay_for_its_sake() -> None:
    async def scene(board: Board) -> None:
        await board.pull("r.io/used:1")
        key = Key("Pod", "default", "web")
        stored = await board.store.put(key, pod_document("web", container_document(image="r.io/used:1")), source="api")
        await board.turns(200)
        board.other = 8900
        await board.turns(30)
        assert board.here() == {"r.io/used:1"}
        status = {"phase": "Failed", "reason": "Evicted"}
        await board.store.put_status(key, status, uid=stored.uid, durable=True)
        await board.turns(30)  # although nothing was found at first
        assert not board.here()

    on_a_board(scene)
