from __future__ import annotations

from collections.abc import Awaitable, Callable

from edgelet.node.disk_plan import SeenDisks, Thresholds
from edgelet.node.disk_upkeep import DiskPorts, DiskUpkeep
from edgelet.ports.host import DiskUsage
from edgelet.ports.object_store import Key
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


class Reserve:
    def __init__(self) -> None:
        self.held = False

    def release(self) -> None:
        self.held = False

    def hold(self) -> None:
        self.held = True


class Board:
    """A disk of 10 000 bytes: each image takes 1000, `other` whatever it is set to."""

    def __init__(self) -> None:
        self.images = FakeImages()
        self.store = FakeObjectStore()
        self.events = FakeEvents()
        self.files = FakePodFiles()
        self.other = 0
        self.forget = True
        self.told: list[str] = []
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
                changed=self.told.append,
            ),
            node=NODE,
            thresholds=Thresholds(),
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
        end = VirtualClock().monotonic_s() + seconds
        while VirtualClock().monotonic_s() < end:
            await VirtualClock().sleep(await self.upkeep.turn())


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
        assert board.events.reasons() == ["NodeHasDiskPressure", "NodeHasNoDiskPressure", "FreedDiskSpace"]
        assert [bool(one) for one in board.told] == [True, False]

    on_a_board(scene)


def test_a_disk_that_nothing_can_be_removed_from_is_told_once_and_not_searched_again_and_again() -> None:
    async def scene(board: Board) -> None:
        board.other = 9500
        await board.turns(290)
        assert board.events.reasons() == ["NodeHasDiskPressure", "FreeDiskSpaceFailed"]
        assert board.runtime.calls == ["pods"]
        assert not board.reserve.held
        board.other = 0
        await board.turns(30)
        assert board.events.reasons()[-1] == "NodeHasNoDiskPressure"
        assert board.upkeep.pressure == ""

    on_a_board(scene)


def test_an_image_that_just_came_is_spared_and_goes_when_it_is_old_enough() -> None:
    async def scene(board: Board) -> None:
        await board.pull("r.io/a:1")
        board.other = 8500
        await board.turns(60)
        assert board.here() == {"r.io/a:1"}
        await board.turns(80)
        assert not board.here()

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
