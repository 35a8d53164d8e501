from __future__ import annotations

from pathlib import Path

import pytest

from edgelet.adapters.host.clock import SystemClock
from edgelet.agent import state
from edgelet.agent.state import CopyUpkeep
from edgelet.config.paths import PathSettings
from edgelet.config.settings import Settings
from edgelet.ports.object_store import Key
from tests.fakes.virtual_time import VirtualClock

WEB = Key("Pod", "default", "web")


def settings(folder: Path) -> Settings:
    return Settings(paths=PathSettings(state=folder))


async def lived(folder: Path) -> Path:
    """An agent ran here, stored a pod and ended in order."""
    opened = state.open_state(settings(folder), SystemClock())
    await opened.store.put(WEB, {"spec": {}}, source="api")
    await CopyUpkeep(opened.store, SystemClock()).last()
    await opened.store.close()
    return folder / state.DATABASE


async def test_a_first_start_is_fresh_and_nothing_is_restored(tmp_path: Path) -> None:
    opened = state.open_state(settings(tmp_path), SystemClock())
    assert opened.fresh
    assert opened.restored is None
    await opened.store.close()


async def test_a_second_start_is_neither(tmp_path: Path) -> None:
    await lived(tmp_path)
    opened = state.open_state(settings(tmp_path), SystemClock())
    assert (opened.fresh, opened.restored) == (False, None)
    await opened.store.close()


@pytest.mark.parametrize("size", [None, 0, 1, 100, 4095])
async def test_a_database_that_is_gone_or_a_stump_comes_back(tmp_path: Path, size: int | None) -> None:
    database = await lived(tmp_path)
    database.unlink() if size is None else database.write_bytes(database.read_bytes()[:size])
    opened = state.open_state(settings(tmp_path), SystemClock())
    assert opened.fresh
    assert opened.restored is not None
    assert opened.store.get(WEB) is not None
    await opened.store.close()


async def test_a_garbled_database_comes_back_too(tmp_path: Path) -> None:
    database = await lived(tmp_path)
    database.write_bytes(b"\0" * database.stat().st_size)
    opened = state.open_state(settings(tmp_path), SystemClock())
    assert opened.store.damage is not None
    assert opened.restored is not None
    assert opened.store.get(WEB) is not None
    await opened.store.close()


async def test_copies_are_an_hour_apart_however_much_is_written(tmp_path: Path) -> None:
    clock = VirtualClock()
    opened = state.open_state(settings(tmp_path), SystemClock())
    copies = CopyUpkeep(opened.store, clock)
    made: list[bool] = []
    for number in range(3):
        await opened.store.put(WEB, {"spec": {"n": number}}, source="api")
        before = (tmp_path / f"{state.DATABASE}.good").stat().st_mtime_ns if made else 0
        await copies.turn()
        made.append((tmp_path / f"{state.DATABASE}.good").stat().st_mtime_ns != before)
    assert made == [True, False, False]
    await opened.store.close()
