from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from edgelet.api.errors import InvalidObjectError, StorageError
from edgelet.intake.manifest_folder import ManifestFolder
from edgelet.ports.object_store import Key
from tests.fakes import virtual_time
from tests.fakes.events import FakeEvents
from tests.fakes.folder_watch import FakeFolder
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.reception import FakeReception

WEB, DB = Key("Pod", "default", "web"), Key("Pod", "default", "db")


class StepClock:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def now(self) -> Any:
        raise NotImplementedError

    def monotonic_s(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Desk:
    """A manifest folder with fakes all around it; `agent` makes a new one on the same store, as a restart does."""

    def __init__(self) -> None:
        self.folder = FakeFolder()
        self.store = FakeObjectStore()
        self.reception = FakeReception(self.store)
        self.events = FakeEvents()
        self.clock = StepClock()
        self.agent()

    def agent(self) -> None:
        self.source = ManifestFolder(
            self.folder,
            reception=self.reception,
            store=self.store,
            events=self.events,
            node=Key("Node", "", "pi-01"),
            clock=self.clock,
            max_file_bytes=10_000,
        )

    async def sync(self) -> float:
        return await self.source.sync()

    async def sync_after(self, seconds: float) -> float:
        await self.source.sync()
        self.clock.now_s += seconds
        return await self.source.sync()

    def names(self) -> list[str]:
        return [stored.key.name for stored in self.store.list("Pod") if not stored.deleting]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def pod(name: str, image: str = "a:1") -> bytes:
    spec = {"containers": [{"name": "main", "image": image}]}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}).encode()


def both(*parts: bytes) -> bytes:
    return b"\n---\n".join(parts)


async def test_files_become_objects_that_say_where_they_are_from(desk: Desk) -> None:
    desk.folder.write("web.yaml", pod("web"))
    desk.folder.write("more.json", both(pod("db"), pod("cache")))
    await desk.sync()
    assert desk.names() == ["cache", "db", "web"]
    stored = desk.store.get(DB)
    assert stored is not None
    assert stored.source == "file"
    assert stored.document["metadata"]["annotations"] == {"edgelet/manifest": "more.json"}


async def test_other_files_are_left_alone(desk: Desk) -> None:
    for name in ("web.yaml~", "README", "web.yaml.swp", "4913", "web.yamlx"):
        desk.folder.write(name, pod("web"))
    await desk.sync()
    assert desk.folder.reads == []


async def test_nothing_is_read_when_nothing_changed(desk: Desk) -> None:
    desk.folder.write("web.yaml", pod("web"))
    desk.folder.write("bad.yaml", b"{")
    for _ in range(3):
        await desk.sync()
    assert desk.folder.reads == ["bad.yaml", "web.yaml"]
    assert desk.store.writes == 1


async def test_a_changed_file_changes_its_object_and_one_less_object_in_it_deletes_that(desk: Desk) -> None:
    desk.folder.write("all.yaml", both(pod("web"), pod("db")))
    await desk.sync()
    desk.folder.write("all.yaml", pod("web", "a:2"))
    await desk.sync()
    assert desk.names() == ["web"]
    stored = desk.store.get(WEB)
    assert stored is not None
    assert stored.document["spec"]["containers"][0]["image"] == "a:2"


@pytest.mark.parametrize(
    "content",
    [b"{", b"", b"\x00\xff", both(pod("web"), b'{"kind": "Widget"}'), both(pod("web"), pod("web")), b"x" * 20_000],
)
async def test_a_bad_file_keeps_all_its_objects_and_is_told_of_once(desk: Desk, content: bytes) -> None:
    desk.folder.write("all.yaml", both(pod("web"), pod("db")))
    await desk.sync()
    desk.folder.write("all.yaml", content)
    for _ in range(3):
        await desk.sync()
    assert desk.names() == ["db", "web"]
    assert desk.events.reasons() == ["FailedManifest"]
    assert "all.yaml" in desk.events.recorded[0].message


async def test_a_refused_object_in_a_file_deletes_none_of_the_others(desk: Desk) -> None:
    desk.folder.write("all.yaml", both(pod("web"), pod("db")))
    await desk.sync()
    desk.reception.refuse["web"] = InvalidObjectError("Pod", "web", ())
    desk.folder.write("all.yaml", pod("web", "a:2"))
    await desk.sync()
    assert desk.names() == ["db", "web"]


async def test_a_file_that_is_being_written_waits_until_it_is_closed(desk: Desk) -> None:
    desk.folder.write("web.yaml", pod("web"))
    desk.folder.being_written.add("web.yaml")
    await desk.sync()
    assert desk.folder.reads == []
    desk.folder.being_written.clear()
    await desk.sync()
    assert desk.names() == ["web"]


async def test_a_removed_file_takes_its_objects_along_after_a_moment(desk: Desk) -> None:
    desk.folder.write("web.yaml", pod("web"))
    desk.folder.write("db.yaml", pod("db"))
    await desk.sync()
    desk.folder.remove("web.yaml")
    assert await desk.sync() == 1.0
    assert desk.names() == ["db", "web"]
    desk.clock.now_s += 1.0
    assert await desk.sync() == 20.0
    assert desk.names() == ["db"]


async def test_an_editor_that_removes_and_writes_anew_deletes_nothing(desk: Desk) -> None:
    desk.folder.write("web.yaml", pod("web"))
    await desk.sync()
    desk.folder.remove("web.yaml")
    await desk.sync()
    desk.clock.now_s += 0.5
    desk.folder.write("web.yaml", pod("web", "a:2"))
    await desk.sync_after(5)
    assert desk.names() == ["web"]


async def test_a_file_removed_while_the_agent_was_down_takes_its_objects_along(desk: Desk) -> None:
    desk.folder.write("web.yaml", pod("web"))
    await desk.sync()
    desk.folder.remove("web.yaml")
    desk.agent()
    await desk.sync_after(1)
    assert desk.names() == []


async def test_a_restart_applies_nothing_that_is_there_already(desk: Desk) -> None:
    desk.folder.write("web.yaml", pod("web"))
    await desk.sync()
    desk.agent()
    await desk.sync()
    assert len(desk.reception.applied) == 1


async def test_a_folder_that_is_not_there_deletes_nothing(desk: Desk) -> None:
    desk.folder.write("web.yaml", pod("web"))
    await desk.sync()
    desk.folder.there = False
    await desk.sync_after(100)
    assert desk.names() == ["web"]
    desk.folder.there = True
    desk.folder.remove("web.yaml")
    await desk.sync_after(1)
    assert desk.names() == []


async def test_the_first_file_keeps_an_object_that_two_define_and_the_second_inherits_it(desk: Desk) -> None:
    desk.folder.write("a.yaml", pod("web"))
    await desk.sync()
    desk.folder.write("b.yaml", pod("web", "b:1"))
    await desk.sync()
    stored = desk.store.get(WEB)
    assert stored is not None
    assert stored.document["spec"]["containers"][0]["image"] == "a:1"
    assert "already defined in a.yaml" in desk.events.recorded[0].message
    desk.folder.remove("a.yaml")
    await desk.sync_after(1)
    heir = desk.store.get(WEB)
    assert heir is not None
    assert heir.uid == stored.uid
    assert not heir.deleting
    assert heir.document["spec"]["containers"][0]["image"] == "b:1"
    assert heir.document["metadata"]["annotations"]["edgelet/manifest"] == "b.yaml"


async def test_an_object_of_another_source_is_a_conflict(desk: Desk) -> None:
    await desk.store.put(WEB, json.loads(pod("web")), source="mqtt")
    desk.folder.write("web.yaml", pod("web", "b:1"))
    await desk.sync()
    assert "belongs to mqtt" in desk.events.recorded[0].message
    desk.folder.remove("web.yaml")
    await desk.sync_after(1)
    assert desk.names() == ["web"]


async def test_an_error_of_the_disk_is_tried_again_soon(desk: Desk) -> None:
    desk.folder.write("web.yaml", pod("web"))
    desk.folder.fail_with = StorageError("input/output error")
    assert await desk.sync() == 5.0
    desk.store.fail_with = StorageError("disk full")
    assert await desk.sync() == 5.0
    await desk.sync()
    assert desk.names() == ["web"]


async def test_a_file_that_cannot_be_read_holds_up_no_other(desk: Desk) -> None:
    desk.folder.write("a.yaml", pod("db"))
    desk.folder.write("web.yaml", pod("web"))
    desk.folder.fail_with = StorageError("cannot read a.yaml: Input/output error")
    assert await desk.sync() == 5.0
    assert desk.names() == ["web"]
    assert [event.reason for event in desk.events.recorded] == ["FailedManifest"]
    assert await desk.sync() == 20.0
    assert desk.names() == ["db", "web"]


async def test_a_file_whose_name_is_no_text_is_told_of_and_disturbs_nothing(desk: Desk) -> None:
    desk.folder.write("a\udcff.yaml", pod("db"))
    desk.folder.write("web.yaml", pod("web"))
    await desk.sync()
    assert desk.names() == ["web"]
    message = desk.events.recorded[0].message
    assert message.encode("utf-8").startswith(b"manifest a\\xff.yaml: its name is not UTF-8")
    desk.folder.remove("a\udcff.yaml")
    await desk.sync_after(1.5)
    assert desk.names() == ["web"]


def test_running_sees_changes_and_restores_what_was_deleted_by_hand() -> None:
    async def scenario() -> None:
        desk = Desk()
        desk.source._clock = virtual_time.VirtualClock()
        task = asyncio.create_task(desk.source.run())
        await asyncio.sleep(1)
        desk.folder.write("web.yaml", pod("web"))
        await asyncio.sleep(0.1)
        first = desk.store.get(WEB)
        assert first is not None
        await desk.store.mark_deleted(WEB, grace_s=0)
        await desk.store.remove(WEB)
        await asyncio.sleep(0.1)
        second = desk.store.get(WEB)
        assert second is not None
        assert second.uid != first.uid
        desk.folder.remove("web.yaml")
        await asyncio.sleep(2)
        assert desk.names() == []
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert desk.folder.closed

    virtual_time.run(scenario())
