from __future__ import annotations

from pathlib import Path

from edgelet.adapters.host.log_keeper import HostLogKeeper
from edgelet.api.errors import EngineError
from edgelet.node.log_plan import LogBounds
from edgelet.node.log_upkeep import LogUpkeep
from edgelet.ports.object_store import Key
from tests.builders import pod_document
from tests.fakes import virtual_time
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.virtual_time import VirtualClock

BOUNDS = LogBounds(max_bytes=100, max_files=3)


class Site:
    """A pod that runs, its log on a real disk, and a conmon that makes the file anew when told to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = FakeObjectStore()
        self.reopened: list[str] = []
        self.deaf = False
        self.upkeep = LogUpkeep(
            self.store, HostLogKeeper(root), reopen=self.reopen, clock=VirtualClock(), bounds=BOUNDS
        )

    async def begin(self, *, running: bool = True) -> None:
        key = Key("Pod", "default", "web")
        stored = await self.store.put(key, pod_document("web"), source="api")
        state = {"running": {}} if running else {"terminated": {"exitCode": 0}}
        status = {
            "containerStatuses": [{"name": "c", "restartCount": 2, "containerID": "podman://abc", "state": state}]
        }
        await self.store.put_status(key, status, uid=stored.uid, durable=False)
        self.log = self.root / f"default_web_{stored.uid}" / "c" / "2.log"
        self.log.parent.mkdir(parents=True)

    async def reopen(self, container_id: str) -> None:
        if self.deaf:
            raise EngineError("EngineUnavailable", "away")
        self.reopened.append(container_id)
        self.log.write_text("")

    def files(self) -> dict[str, str]:
        return {one.name: one.read_text() for one in self.log.parent.iterdir()}


def test_a_long_log_is_renamed_before_conmon_is_told_and_old_parts_go(tmp_path: Path) -> None:
    async def main() -> None:
        site = Site(tmp_path)
        await site.begin()
        for text in ("a", "b", "c", "d"):
            site.log.write_text(text * 200)
            await site.upkeep.turn()
        assert site.files() == {"2.log": "", "2.log.3": "c" * 200, "2.log.4": "d" * 200}
        assert site.reopened == ["abc"] * 4

    virtual_time.run(main())


def test_an_ended_container_is_not_touched(tmp_path: Path) -> None:
    async def main() -> None:
        site = Site(tmp_path)
        await site.begin(running=False)
        site.log.write_text("x" * 500)
        await site.upkeep.turn()
        assert site.files() == {"2.log": "x" * 500}

    virtual_time.run(main())


def test_a_monitor_that_could_not_be_told_is_told_at_the_next_turn_and_nothing_is_lost(tmp_path: Path) -> None:
    async def main() -> None:
        site = Site(tmp_path)
        await site.begin()
        site.log.write_text("x" * 200)
        site.deaf = True
        await site.upkeep.turn()
        assert site.files() == {"2.log.1": "x" * 200}
        site.deaf = False
        await site.upkeep.turn()
        assert site.files() == {"2.log": "", "2.log.1": "x" * 200}

    virtual_time.run(main())
