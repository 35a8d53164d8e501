from __future__ import annotations

import asyncio
import multiprocessing
import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.sqlite.opening import Damage
from edgelet.adapters.sqlite.store import SqliteStore, start_empty
from edgelet.api.errors import StorageError
from edgelet.ports.object_store import Key
from tests.fakes.virtual_time import VirtualClock

WEB = Key("Pod", "default", "web")


def open_store(path: Path, **more: Any) -> SqliteStore:
    return SqliteStore.open(path, clock=VirtualClock(), max_objects=1000, max_total_bytes=1 << 24, **more)


async def fill(path: Path, *, objects: int = 1, padding: int = 10) -> None:
    store = open_store(path)
    for n in range(objects):
        key = Key("Pod", "default", f"web{n or ''}")
        await store.put(key, {"spec": {"n": n, "padding": "x" * padding}}, source="mqtt")
    await store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "state.db"


async def test_the_files_are_for_the_owner_only(path: Path) -> None:
    os.umask(os.umask(0o022))
    store = open_store(path)
    await store.put(WEB, {}, source="mqtt")
    modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in path.parent.iterdir()}
    assert modes == {"state.db": 0o600, "state.db-wal": 0o600, "state.db.lock": 0o600}
    await store.close()


async def test_a_second_opening_is_refused_until_the_first_is_closed(path: Path) -> None:
    first = open_store(path)
    with pytest.raises(StorageError, match="another process has it open"):
        open_store(path)
    await first.close()
    await open_store(path).close()


def _open_elsewhere(path: Path, outcome: Any) -> None:
    try:
        open_store(path)
        outcome.send("opened")
    except StorageError as error:
        outcome.send(error.message)


async def test_another_process_is_refused_too(path: Path) -> None:
    first = open_store(path)
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_open_elsewhere, args=(path, there))
    process.start()
    assert await asyncio.to_thread(here.poll, 20)
    assert "another process has it open" in here.recv()
    process.join()
    await first.close()


async def test_a_newer_database_is_left_alone(path: Path) -> None:
    await fill(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="newer edgelet"):
        open_store(path)
    assert path.read_bytes() == before
    with pytest.raises(StorageError, match="newer edgelet"):  # the lock was given back
        open_store(path)


async def test_another_programs_database_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE theirs (x); PRAGMA user_version = 1;")
    connection.close()
    with pytest.raises(StorageError, match="another program"):
        open_store(path)
    assert not list(path.parent.glob("*.damaged-*"))


async def test_a_directory_in_the_way_is_a_storage_error(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StorageError, match="cannot open the state database"):
        open_store(path)


def garble_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(os.urandom(200))


def garble_pages(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 4096 * 6)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def spoil_a_document(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE objects SET document = '{\"spec\":' WHERE name = 'web3'")
    connection.commit()
    connection.close()


def drop_a_table(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE ledger")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("spoil", [garble_header, garble_pages, cut, spoil_a_document, drop_a_table])
async def test_a_damaged_database_is_moved_aside_and_told(path: Path, spoil: Any) -> None:
    await fill(path, objects=30, padding=1000)
    spoil(path)
    spoiled = path.stat().st_size
    told: list[Damage] = []
    store = open_store(path, recover=told.append)
    assert store.damage is not None
    assert told == [store.damage]
    assert store.damage.moved_to == path.with_name("state.db.damaged-1")
    assert store.damage.reason
    assert store.damage.moved_to.stat().st_size == spoiled
    assert store.list("Pod") == ()
    await store.put(WEB, {}, source="mqtt")
    await store.close()
    again = open_store(path)
    assert again.damage is None
    assert again.get(WEB) is not None
    await again.close()


async def test_a_saved_database_can_take_the_place_of_a_damaged_one(path: Path) -> None:
    await fill(path)
    saved = path.read_bytes()
    garble_header(path)

    def restore(damage: Damage) -> None:
        assert damage.moved_to.exists()
        path.write_bytes(saved)

    store = open_store(path, recover=restore)
    assert store.damage is not None
    assert store.get(WEB) is not None
    await store.close()


async def test_a_saved_database_that_is_damaged_too_is_moved_aside_too(path: Path) -> None:
    await fill(path)
    garble_header(path)

    def restore(_: Damage) -> None:
        path.write_bytes(b"rubbish" * 999)

    store = open_store(path, recover=restore)
    assert store.list("Pod") == ()
    assert sorted(found.name for found in path.parent.glob("*.damaged-*")) == [
        "state.db.damaged-1",
        "state.db.damaged-2",
    ]
    await store.close()


async def test_a_log_cut_or_spoilt_anywhere_leaves_whole_transactions_in_order(path: Path) -> None:
    store = open_store(path)
    for n in range(12):
        keys = (Key("Pod", "default", f"{half}-{n:02}") for half in ("left", "right"))
        await asyncio.gather(*(store.put(key, {"spec": {"padding": "x" * 700}}, source="mqtt") for key in keys))
    database, log = path.read_bytes(), path.with_name("state.db-wal").read_bytes()
    await store.close()
    lengths = set()
    for cut_at in range(len(log) // 4, len(log), len(log) // 40):
        for tail in (b"", os.urandom(5000)):
            copy = path.parent / f"{cut_at}-{len(tail)}" / "state.db"
            copy.parent.mkdir()
            copy.write_bytes(database)
            copy.with_name("state.db-wal").write_bytes(log[:cut_at] + tail)
            found = open_store(copy)
            assert found.damage is None
            names = sorted(stored.key.name for stored in found.list("Pod"))
            half = len(names) // 2
            assert names == [f"{side}-{n:02}" for side in ("left", "right") for n in range(half)]
            lengths.add(half)
            await found.close()
    assert len(lengths) > 5


async def test_three_damaged_databases_are_kept(path: Path) -> None:
    for _ in range(5):
        await fill(path)
        garble_header(path)
    store = open_store(path, recover=start_empty)
    assert store.damage is not None
    assert store.damage.moved_to.name == "state.db.damaged-5"
    assert sorted(found.name[-1] for found in path.parent.glob("*.damaged-*")) == ["3", "4", "5"]
    await store.close()


async def test_an_empty_file_of_a_cut_short_first_start_is_a_new_database(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    store = open_store(path)
    assert store.damage is None
    await store.close()


async def test_the_log_does_not_grow_and_no_second_index_file_is_made(path: Path) -> None:
    store = open_store(path)
    log = path.with_name("state.db-wal")
    largest = 0
    for n in range(300):
        await store.put(WEB, {"spec": {"n": n, "padding": "x" * 20_000}}, source="mqtt")
        largest = max(largest, log.stat().st_size)
    assert largest < 2 * 1024 * 1024
    assert path.stat().st_size < 1024 * 1024
    assert not path.with_name("state.db-shm").exists()
    await store.close()


async def test_reading_equal_puts_and_volatile_statuses_write_nothing(path: Path) -> None:
    store = open_store(path)
    made = await store.put(WEB, {"spec": {"n": 1}}, source="mqtt", digest="d")
    await store.ledger.write("epoch", b"1")
    before = snapshot(path)
    for n in range(100):
        await store.put(WEB, {"spec": {"n": 1}}, source="mqtt", digest="d")
        await store.put_status(WEB, {"n": n}, uid=made.uid, durable=False)
        await store.ledger.write("epoch", b"1")
    store.list("Pod")
    assert snapshot(path) == before
    await store.close()


async def test_opening_writes_nothing_and_a_crash_of_an_idle_agent_costs_nothing(path: Path) -> None:
    await fill(path)
    before = path.read_bytes()
    store = open_store(path)
    assert path.read_bytes() == before
    await store.close()
    assert path.read_bytes() == before


def snapshot(path: Path) -> list[tuple[str, int, int]]:
    return sorted((found.name, found.stat().st_size, found.stat().st_mtime_ns) for found in path.parent.iterdir())
