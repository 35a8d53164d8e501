from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.sqlite.batch import VERSION_BLOCK, Writing
from edgelet.adapters.sqlite.store import SqliteStore
from edgelet.api.errors import StorageError
from edgelet.ports.object_store import Key
from tests.fakes.virtual_time import VirtualClock

WEB = Key("Pod", "default", "web")


def open_store(path: Path, **more: Any) -> SqliteStore:
    return SqliteStore.open(path, clock=VirtualClock(), max_objects=1000, max_total_bytes=1 << 24, **more)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


class Transactions:
    """Counts what reaches the disk."""

    def __init__(self, store: SqliteStore) -> None:
        self.seen: list[Writing] = []
        self._real = store._writer._database.write
        store._writer._database.write = self._write  # type: ignore[method-assign]

    def _write(self, writing: Writing) -> None:
        self.seen.append(writing)
        self._real(writing)


async def test_writes_of_one_moment_share_one_transaction(path: Path) -> None:
    store = open_store(path)
    transactions = Transactions(store)
    keys = [Key("Pod", "default", f"p{n}") for n in range(50)]
    await asyncio.gather(*(store.put(key, {}, source="mqtt") for key in keys), store.ledger.write("fact", b"1"))
    assert len(transactions.seen) == 1
    await store.close()


async def test_a_write_is_not_visible_before_it_is_on_disk(path: Path) -> None:
    store = open_store(path)
    seen: list[object] = []
    real = store._writer._database.write

    def looking(writing: Writing) -> None:
        real(writing)
        seen.append(store.get(WEB))

    store._writer._database.write = looking  # type: ignore[method-assign]
    await store.put(WEB, {}, source="mqtt")
    assert seen == [None]
    assert store.get(WEB) is not None
    await store.close()


async def test_a_durable_write_takes_the_newest_status_along(path: Path) -> None:
    store = open_store(path)
    made = await store.put(WEB, {"spec": {"n": 1}}, source="mqtt")
    await store.put_status(WEB, {"phase": "Running"}, uid=made.uid, durable=False)
    await store.mark_deleted(WEB, grace_s=30)
    await store.close()
    again = open_store(path)
    kept = again.get(WEB)
    assert kept is not None
    assert kept.document["status"] == {"phase": "Running"}
    await again.close()


async def test_a_status_known_in_memory_reaches_the_disk_when_it_must_be_durable(path: Path) -> None:
    store = open_store(path)
    made = await store.put(WEB, {}, source="mqtt")
    volatile = await store.put_status(WEB, {"phase": "Failed"}, uid=made.uid, durable=False)
    durable = await store.put_status(WEB, {"phase": "Failed"}, uid=made.uid, durable=True)
    assert durable == volatile
    await store.close()
    again = open_store(path)
    kept = again.get(WEB)
    assert kept is not None
    assert kept.document["status"] == {"phase": "Failed"}
    assert kept.resource_version == durable.resource_version if durable else False
    await again.close()


async def test_volatile_statuses_are_visible_without_waiting(path: Path) -> None:
    store = open_store(path)
    made = await store.put(WEB, {}, source="mqtt")
    call = store.put_status(WEB, {"phase": "Running"}, uid=made.uid, durable=False)
    with pytest.raises(StopIteration):
        call.send(None)
    kept = store.get(WEB)
    assert kept is not None
    assert kept.document["status"] == {"phase": "Running"}
    await store.close()


async def test_thousands_of_volatile_statuses_cost_a_write_for_each_block_of_versions(path: Path) -> None:
    store = open_store(path)
    made = await store.put(WEB, {}, source="mqtt")
    transactions = Transactions(store)
    for n in range(3 * VERSION_BLOCK):
        await store.put_status(WEB, {"n": n}, uid=made.uid, durable=False)
    assert len(transactions.seen) == 2  # the first block came with the put
    assert all(writing.reserved and not writing.entries for writing in transactions.seen)
    version = store.resource_version
    await store.close()
    again = open_store(path)
    assert again.resource_version >= version
    await again.close()


async def test_a_caller_that_goes_away_while_queued_writes_nothing(path: Path) -> None:
    store = open_store(path)
    gone = asyncio.ensure_future(store.put(WEB, {}, source="mqtt"))
    stays = asyncio.ensure_future(store.put(Key("Pod", "default", "stays"), {}, source="mqtt"))
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    assert gone.cancelled()
    assert store.get(WEB) is None
    await store.close()


async def test_what_json_cannot_say_fails_its_caller_alone(path: Path) -> None:
    store = open_store(path)
    outcomes = await asyncio.gather(
        store.put(WEB, {"spec": float("nan")}, source="mqtt"),
        store.put(WEB, {"spec": object()}, source="mqtt"),
        store.put(WEB, {"spec": {}}, source="mqtt"),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], ValueError)
    assert isinstance(outcomes[1], TypeError)
    assert store.get(WEB) == outcomes[2]
    await store.close()


async def test_a_refused_write_is_told_until_one_is_taken(path: Path) -> None:
    store = open_store(path)
    assert store.trouble == ""
    await store.put(WEB, {"spec": {}}, source="api")
    store._writer._database._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StorageError):
        await store.put(WEB, {"spec": {"x": 1}}, source="api")
    assert "cannot write the state database" in store.trouble
    await store.look()
    assert "cannot write the state database" in store.trouble
    store._writer._database._connection.execute("PRAGMA query_only = OFF")
    await store.look()
    assert store.trouble == ""
    await store.close()


async def test_where_nothing_may_be_written_what_is_there_is_read_and_statuses_go_on(path: Path) -> None:
    store = open_store(path)
    uid = (await store.put(WEB, {"spec": {}}, source="api")).uid
    await store.close()
    store = open_store(path, refused="the file system is read-only")
    assert store.trouble == "the file system is read-only"
    for change in (
        store.put(WEB, {"spec": {"x": 1}}, source="api"),
        store.mark_deleted(WEB),
        store.remove(WEB),
        store.put_status(WEB, {"phase": "Running"}, uid=uid, durable=True),
        store.ledger.write("name", b"value"),
    ):
        with pytest.raises(StorageError, match="read-only"):
            await change
    assert await store.put_status(WEB, {"phase": "Running"}, uid=uid, durable=False) is not None
    stored = store.get(WEB)
    assert stored is not None
    assert stored.document["status"] == {"phase": "Running"}
    await store.look()
    assert "read-only" in store.trouble
    assert not await store.save_copy()
    await store.close()
    store = open_store(path)
    assert (store.trouble, "status" in store.list("Pod")[0].document) == ("", False)
    await store.close()


async def test_closing_finishes_what_is_queued_and_refuses_more(path: Path) -> None:
    store = open_store(path)
    with store.watch() as watch:
        writing = asyncio.ensure_future(store.put(WEB, {}, source="mqtt"))
        await asyncio.sleep(0)
        await store.close()
        assert (await writing).key == WEB
        with pytest.raises(StorageError, match="closed"):
            await store.put(WEB, {}, source="mqtt")
        assert [change async for change in watch] == []
    await store.close()
    again = open_store(path)
    assert again.get(WEB) is not None
    await again.close()


async def test_facts_beyond_their_bound_are_refused(path: Path) -> None:
    store = open_store(path, ledger_max_bytes=100)
    await store.ledger.write("a", bytes(60))
    with pytest.raises(StorageError, match="100 bytes"):
        await store.ledger.write("b", bytes(50))
    await store.ledger.write("a", bytes(90))
    assert store.ledger.read("b") is None
    await store.close()


async def test_facts_and_unicode_survive_a_restart(path: Path) -> None:
    store = open_store(path)
    await store.ledger.write("ring", bytes(range(256)))
    await store.put(WEB, {"metadata": {"labels": {"ort": "Küche \U0001f373"}}}, source="mqtt", digest="d")
    before = store.get(WEB)
    await store.close()
    again = open_store(path)
    assert again.ledger.read("ring") == bytes(range(256))
    assert again.get(WEB) == before
    await again.close()
