from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from edgelet.adapters.sqlite import saved_copy
from edgelet.adapters.sqlite.store import SqliteStore
from edgelet.api.errors import StorageError
from edgelet.ports.object_store import Document, Key
from tests.fakes.virtual_time import VirtualClock

WEB = Key("Pod", "default", "web")


def opened(path: Path, known: dict[Key, str] | None = None) -> SqliteStore:
    def restore(_: object) -> None:
        saved_copy.restore(path)

    def uid_of(key: Key, _: Document) -> str:
        return (known or {}).get(key, "")

    return SqliteStore.open(
        path, clock=VirtualClock(), max_objects=100, max_total_bytes=1 << 20, recover=restore, uid_of=uid_of
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


async def test_a_copy_is_made_after_a_change_and_not_again_before_the_next(path: Path) -> None:
    store = opened(path)
    await store.put(WEB, {"spec": {}}, source="mqtt")
    assert await store.save_copy()
    assert not await store.save_copy()
    await store.close()
    again = opened(path)
    assert not await again.save_copy(), "an orderly end is no change"
    await again.put(WEB, {"spec": {"a": 1}}, source="mqtt")
    assert await again.save_copy()
    await again.close()
    assert sorted(one.name for one in path.parent.iterdir()) == ["state.db", "state.db.good", "state.db.lock"]
    assert saved_copy.path_of(path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("size", [4096, 5000, 9000])
async def test_what_was_copied_survives_a_database_cut_anywhere(path: Path, size: int) -> None:
    store = opened(path)
    for number in range(20):
        await store.put(Key("Pod", "default", f"p{number:02}"), {"spec": {"x": "y" * 500}}, source="mqtt")
    await store.save_copy()
    await store.close()
    os.truncate(path, size)
    again = opened(path)
    assert again.damage is not None
    assert len(again.list("Pod")) == 20
    await again.close()


async def test_a_copy_that_is_damaged_too_is_not_brought_back(path: Path) -> None:
    store = opened(path)
    await store.put(WEB, {"spec": {}}, source="mqtt")
    await store.save_copy()
    await store.close()
    for file in (path, saved_copy.path_of(path)):
        file.write_bytes(os.urandom(file.stat().st_size))
    again = opened(path)
    assert again.list("Pod") == ()
    await again.close()


async def test_a_failed_copy_leaves_the_older_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(path)
    await store.put(WEB, {"spec": {}}, source="mqtt")
    await store.save_copy()
    good = saved_copy.path_of(path).read_bytes()
    await store.put(WEB, {"spec": {"a": 1}}, source="mqtt")

    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(saved_copy, "_check", full)
        with pytest.raises(StorageError, match="No space"):
            await store.save_copy()
    assert saved_copy.path_of(path).read_bytes() == good
    assert not list(path.parent.glob("*.new"))
    assert await store.save_copy()
    await store.close()


async def test_a_uid_that_runs_already_is_given_once(path: Path) -> None:
    store = opened(path, {WEB: "ran-before"})
    assert (await store.put(WEB, {"spec": {}}, source="mqtt")).uid == "ran-before"
    await store.remove(WEB)
    assert (await store.put(WEB, {"spec": {}}, source="mqtt")).uid != "ran-before"
    await store.close()


async def test_a_foreign_log_does_not_mix_with_the_copy(path: Path) -> None:
    store = opened(path)
    await store.put(WEB, {"spec": {}}, source="mqtt")
    await store.save_copy()
    for number in itertools.count():
        await store.put(Key("Pod", "default", f"p{number}"), {"spec": {}}, source="mqtt")
        if number == 5:
            break
    log = path.with_name("state.db-wal").read_bytes()
    await store.close()
    path.unlink()
    path.with_name("state.db-wal").write_bytes(log)
    assert saved_copy.restore(path) is not None
    again = opened(path)
    assert again.damage is None
    assert [one.key for one in again.list("Pod")] == [WEB]
    await again.close()
