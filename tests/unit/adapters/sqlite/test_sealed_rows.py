from __future__ import annotations

import base64
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from edgelet.adapters.sealing import key_file, node_keys
from edgelet.adapters.sealing.node_keys import NodeKeys
from edgelet.adapters.sqlite import database, opening, saved_copy, scrub
from edgelet.adapters.sqlite.store import SqliteStore
from edgelet.api.errors import EdgeletError
from edgelet.intake.waiting_payloads import Named, Payload
from edgelet.ports.object_store import Document, Key
from tests.fakes.virtual_time import VirtualClock

DB, OTHER, POD = Key("Secret", "shop", "db"), Key("Secret", "shop", "other"), Key("Pod", "shop", "web")
CANARY = "canary-6b1f-in-a-secret"
FORMS = (CANARY.encode(), base64.b64encode(CANARY.encode()).rstrip(b"="), CANARY.encode().hex().encode())


def secret(text: str = CANARY) -> Document:
    data = {"password": base64.b64encode(text.encode()).decode()}
    metadata = {"labels": {"app": "web"}, "annotations": {"note": text}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}


def keys_of(folder: Path) -> NodeKeys:
    return NodeKeys.of_file(folder / "secrets" / "node.key", default=folder / "secrets" / "node.key")


def opened(folder: Path, keys: NodeKeys | None) -> SqliteStore:
    def restore(_: opening.Damage) -> None:
        saved_copy.restore(folder / "state.db")

    return SqliteStore.open(
        folder / "state.db",
        clock=VirtualClock(),
        max_objects=100,
        max_total_bytes=1 << 20,
        at_rest=keys,
        recover=restore,
    )


def everything(folder: Path) -> bytes:
    return b"".join(one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file())


def assert_nothing_in_clear(folder: Path) -> None:
    content = everything(folder)
    assert [form for form in FORMS if form in content] == []


async def lived_in_clear(folder: Path) -> None:
    """An agent from before kept Secrets here: rows, free pages, log, good copy and a database moved aside."""
    store = opened(folder, None)
    for number in range(3):
        await store.put(DB, secret(f"{CANARY} {number} {'x' * 5000}"), source="mqtt", digest="d" * 64)
    await store.put(DB, secret(), source="mqtt", digest="d" * 64)
    await store.put(POD, {"apiVersion": "v1", "kind": "Pod", "spec": {}}, source="mqtt")
    await store.save_copy()
    await store.put(OTHER, secret(f"{CANARY} too"), source="file")
    await store.close()
    with closing(sqlite3.connect(folder / "state.db")) as connection:
        connection.executescript("ALTER TABLE versions DROP COLUMN clear; PRAGMA user_version = 1;")
    shutil.copy(folder / "state.db", folder / "state.db.damaged-1")
    (folder / "state.db.damaged-1-wal").write_bytes(CANARY.encode())
    (folder / "state.db.damaged-2").write_bytes(b"")
    assert sum(form in everything(folder) for form in FORMS) >= 1


async def test_nothing_of_a_secret_is_on_disk_in_clear_while_it_is_stored_and_after(tmp_path: Path) -> None:
    store = opened(tmp_path, keys_of(tmp_path))
    await store.put(DB, secret(), source="mqtt", digest="0123456789abcdef" * 4)
    await store.put(OTHER, secret(f"{CANARY} {'x' * 9000}"), source="mqtt")
    await store.save_copy()
    await store.put(OTHER, secret(f"{CANARY} again"), source="mqtt")
    await store.remove(OTHER)
    assert (tmp_path / "state.db-wal").stat().st_size > 0
    assert_nothing_in_clear(tmp_path)
    assert b"0123456789abcdef" not in everything(tmp_path), "by the digest passwords could be tried"
    await store.close()
    assert_nothing_in_clear(tmp_path)


async def test_a_signed_payload_of_a_secret_that_waits_for_its_index_is_sealed_too(tmp_path: Path) -> None:
    store = opened(tmp_path, keys_of(tmp_path))
    waiting = Named(store, source="mqtt")
    payload = Payload(json.dumps(secret()).encode(), "application/json", "d" * 64)
    await waiting.put("secrets/shop/db", payload)
    await store.save_copy()
    assert_nothing_in_clear(tmp_path)
    await store.close()
    again = opened(tmp_path, keys_of(tmp_path))
    assert Named(again, source="mqtt").get("secrets/shop/db") == payload
    await again.close()
    shutil.rmtree(tmp_path / "secrets")
    without = opened(tmp_path, keys_of(tmp_path))
    assert Named(without, source="mqtt").get("secrets/shop/db") is None, "it is asked for anew"
    await without.close()


async def test_a_restart_finds_the_secret_with_everything_that_belongs_to_it(tmp_path: Path) -> None:
    store = opened(tmp_path, keys_of(tmp_path))
    before = await store.put(DB, secret(), source="mqtt", digest="d" * 64)
    await store.close()
    again = opened(tmp_path, keys_of(tmp_path))
    assert again.get(DB) == before
    assert again.unreadable == ()
    assert await again.put(DB, secret(), source="mqtt", digest="d" * 64) == before, "the same again is no change"
    await again.close()


async def swapped(folder: Path, change: Callable[[sqlite3.Connection], object]) -> SqliteStore:
    store = opened(folder, keys_of(folder))
    await store.put(DB, secret("one"), source="mqtt", digest="d" * 64)
    await store.put(OTHER, secret("two"), source="mqtt", digest="e" * 64)
    await store.put(POD, {"apiVersion": "v1", "kind": "Pod", "spec": {}}, source="mqtt")
    await store.close()
    with closing(sqlite3.connect(folder / "state.db", isolation_level=None)) as connection:
        change(connection)
    return opened(folder, keys_of(folder))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE objects SET document = (SELECT document FROM objects WHERE name = 'other') WHERE name = 'db'",
        "UPDATE objects SET uid = 'another' WHERE name = 'db'",
        "UPDATE objects SET namespace = 'shed' WHERE name = 'db'",
        "UPDATE objects SET document = json_set(document, '$.type', 'kubernetes.io/tls') WHERE name = 'db'",
        "UPDATE objects SET document = json_set(document, '$.\"edgelet/sealed\".sealed', 'AAAA') WHERE name = 'db'",
        "UPDATE objects SET document = json_set(document, '$.\"edgelet/sealed\"', 5) WHERE name = 'db'",
        "UPDATE objects SET document = json_set(document, '$.\"edgelet/sealed\".key', 'x') WHERE name = 'db'",
    ],
)
async def test_a_row_that_was_moved_or_changed_is_refused_and_the_others_are_there(tmp_path: Path, change: str) -> None:
    store = await swapped(tmp_path, lambda connection: connection.execute(change))
    (lost,) = store.unreadable
    assert lost.key.name == "db"
    assert lost.unreadable
    assert "data" not in lost.document
    assert store.get(POD) is not None
    other = store.get(OTHER)
    assert other is not None
    assert other.document["data"] == secret("two")["data"]
    await store.close()


async def test_with_another_key_secrets_are_unreadable_and_come_back_when_they_are_sent_again(tmp_path: Path) -> None:
    store = opened(tmp_path, keys_of(tmp_path))
    before = await store.put(DB, secret(), source="mqtt", digest="d" * 64)
    await store.close()
    (tmp_path / "secrets" / "node.key").rename(tmp_path / "away")
    again = opened(tmp_path, keys_of(tmp_path))
    (lost,) = again.unreadable
    assert (lost.uid, lost.source, lost.digest, lost.document["type"]) == (before.uid, "mqtt", "", "Opaque")
    assert "data" not in lost.document
    back = await again.put(DB, secret(), source="mqtt", digest="d" * 64)
    assert (back.uid, back.unreadable, back.document["data"]) == (before.uid, "", before.document["data"])
    assert again.unreadable == ()
    await again.close()
    third = opened(tmp_path, keys_of(tmp_path))
    assert third.get(DB) == back
    await third.close()


async def test_what_cannot_be_read_is_kept_as_it_is_until_its_key_is_back(tmp_path: Path) -> None:
    store = opened(tmp_path, keys_of(tmp_path))
    before = await store.put(DB, secret(), source="mqtt", digest="d" * 64)
    await store.close()
    key = tmp_path / "secrets" / "node.key"
    key.rename(tmp_path / "away")
    again = opened(tmp_path, keys_of(tmp_path))
    await again.mark_deleted(DB)  # any write of the row
    await again.put(OTHER, secret("two"), source="mqtt")
    await again.close()
    (tmp_path / "away").rename(key.with_name("node.key.old"))
    third = opened(tmp_path, keys_of(tmp_path))
    found = third.get(DB)
    assert found is not None
    assert found.document["data"] == before.document["data"]
    other = third.get(OTHER)
    assert other is not None
    assert other.document["data"] == secret("two")["data"]
    await third.close()


async def test_without_a_key_a_secret_is_refused_and_all_else_is_kept(tmp_path: Path) -> None:
    store = opened(tmp_path, NodeKeys.of_credentials(None, default=tmp_path / "none"))
    await store.put(POD, {"spec": {}}, source="mqtt")
    with pytest.raises(EdgeletError, match="no node key"):
        await store.put(DB, secret(), source="mqtt")
    await store.close()


async def test_an_older_database_is_sealed_and_swept_at_its_first_start(tmp_path: Path) -> None:
    await lived_in_clear(tmp_path)
    store = opened(tmp_path, keys_of(tmp_path))
    assert_nothing_in_clear(tmp_path)
    assert store.erased == (tmp_path / "state.db.damaged-1",)
    found = store.get(DB)
    assert found is not None
    assert (found.digest, found.document["data"]) == ("d" * 64, secret()["data"])
    assert store.get(POD) is not None
    await store.close()
    assert_nothing_in_clear(tmp_path)
    (tmp_path / "state.db").unlink()
    saved_copy.restore(tmp_path / "state.db")
    restored = opened(tmp_path, keys_of(tmp_path))
    assert restored.get(OTHER) is not None
    await restored.close()


async def test_without_a_key_an_older_database_stays_readable(tmp_path: Path) -> None:
    await lived_in_clear(tmp_path)
    store = opened(tmp_path, NodeKeys.of_credentials(None, default=tmp_path / "none"))
    found = store.get(DB)
    assert found is not None
    assert found.document["data"] == secret()["data"]
    await store.close()


async def test_a_key_is_changed_while_the_store_is_open(tmp_path: Path) -> None:
    keys = keys_of(tmp_path)
    store = opened(tmp_path, keys)
    await store.put(DB, secret(), source="mqtt", digest="d" * 64)
    await store.save_copy()
    old, text = keys.key, sealed_of(tmp_path)
    keys.begin()
    await store.put(OTHER, secret("two"), source="mqtt")
    await store.seal_again()
    keys.settle()
    content = everything(tmp_path)
    assert old.encode() not in content
    assert text.encode() not in content, "what the old key opens is gone too"
    await store.close()
    again = opened(tmp_path, keys_of(tmp_path))
    assert again.unreadable == ()
    found = again.get(DB)
    assert found is not None
    assert (found.digest, found.document["data"]) == ("d" * 64, secret()["data"])
    await again.close()


def sealed_of(folder: Path) -> str:
    with closing(sqlite3.connect(f"file:{folder}/state.db.good?mode=ro", uri=True)) as connection:
        (text,) = connection.execute("SELECT document FROM objects WHERE name = 'db'").fetchone()
    return str(json.loads(text)["edgelet/sealed"]["sealed"])


# ---- cut off anywhere


@pytest.fixture
def memory() -> Iterator[Path]:
    """A directory where fsync costs nothing: a process that dies loses none of what the kernel has."""
    with tempfile.TemporaryDirectory(prefix="el-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        yield Path(folder)


_WATCHED = {module.__file__ for module in (database, saved_copy, scrub, node_keys, key_file)}


def dies_at(line: int, work: Callable[[], object]) -> bool:
    """Do the work in a process that ends, as by SIGKILL, before its n-th line of our code; tells whether it did end."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside xdist's thread, which it does not touch
        child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = line

    def step(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in _WATCHED:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os._exit(9)
        return step

    try:
        sys.settrace(step)
        work()
    finally:
        os._exit(0)


async def cut_off_everywhere(
    memory: Path, work: Callable[[Path], object], check: Callable[[Path, SqliteStore], object]
) -> int:
    before, folder, line = memory / "before", memory / "board", 0
    while True:
        line += 3
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(before, folder)
        died = dies_at(line, lambda: work(folder))
        keys = keys_of(folder)
        store = opened(folder, keys)
        assert not store.not_sealed
        keys.settle()
        check(folder, store)
        await store.close()
        if not died:
            return line


async def test_a_migration_that_is_cut_off_anywhere_is_finished_by_the_next_start(memory: Path) -> None:
    (memory / "before").mkdir()
    await lived_in_clear(memory / "before")

    def check(folder: Path, store: SqliteStore) -> None:
        assert_nothing_in_clear(folder)
        found, pod = store.get(DB), store.get(POD)
        assert found is not None
        assert pod is not None
        assert found.document["data"] == secret()["data"]

    assert await cut_off_everywhere(memory, lambda folder: opened(folder, keys_of(folder)), check) > 90


async def test_a_change_of_keys_that_is_cut_off_anywhere_is_finished_by_the_next_start(memory: Path) -> None:
    store = opened(memory / "before", keys_of(memory / "before"))
    await store.put(DB, secret(), source="mqtt")
    await store.save_copy()
    await store.close()
    text, old = sealed_of(memory / "before"), keys_of(memory / "before").key

    def change(folder: Path) -> None:
        keys = keys_of(folder)
        base, _ = database.Database.open(folder / "state.db", recover=lambda _: None, at_rest=keys)
        keys.begin()
        base.seal_again()
        keys.settle()
        base.close()

    changed: set[bool] = set()

    def check(folder: Path, store: SqliteStore) -> None:
        found = store.get(DB)
        assert found is not None
        assert found.document["data"] == secret()["data"]
        assert [one.name for one in (folder / "secrets").iterdir() if "tmp" not in one.name] == ["node.key"]
        is_new = keys_of(folder).key != old
        assert (text.encode() not in everything(folder)) == is_new
        changed.add(is_new)

    assert await cut_off_everywhere(memory, change, check) > 90
    assert changed == {False, True}
