"""The exit watch on a directory of the test's own; with real containers it is tried in the contract suite."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edgelet.adapters.podman.exits import End, ExitWatch, Subject
from edgelet.ports.runtime import ExitNotice

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ID, OTHER = "a" * 64, "b" * 64
MAIN = Subject(ID, "uid-1", "main")


class StandingClock:
    def now(self) -> datetime:
        return NOW

    def monotonic_s(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        del seconds


@pytest.fixture
def exit_dir(tmp_path: Path) -> Path:
    return tmp_path / "exits"


@pytest.fixture
async def exits(exit_dir: Path) -> AsyncIterator[ExitWatch]:
    watch = ExitWatch(exit_dir=exit_dir, clock=StandingClock())
    yield watch
    watch.close()


@pytest.fixture
def open_files() -> Iterator[None]:
    before = len(tuple(Path("/proc/self/fd").iterdir()))
    yield
    assert len(tuple(Path("/proc/self/fd").iterdir())) == before


def write(exit_dir: Path, container_id: str, text: str) -> None:
    """Write as conmon does: under another name, then renamed."""
    temporary = exit_dir / f"{container_id}.X1Y2"
    temporary.write_text(text)
    os.utime(temporary, (NOW.timestamp(), NOW.timestamp()))
    temporary.rename(exit_dir / container_id)


async def first(exits: ExitWatch) -> ExitNotice:
    async with asyncio.timeout(5):
        return await anext(exits.notices())


async def test_a_code_is_read_at_once_and_outlives_its_file(exits: ExitWatch, exit_dir: Path) -> None:
    exits.watch(MAIN)
    write(exit_dir, ID, "42")
    assert await first(exits) == ExitNotice("uid-1", "main")
    (exit_dir / ID).unlink()
    assert exits.end(ID) == End(42, NOW)
    assert exits.is_dead(ID)


async def test_ends_of_strangers_are_nobodys_business(exits: ExitWatch, exit_dir: Path) -> None:
    exits.watch(MAIN)
    write(exit_dir, OTHER, "1")
    write(exit_dir, ID, "no number")
    await asyncio.sleep(0.05)
    assert exits.end(OTHER) is None
    assert exits.end(ID) is None
    assert not exits.is_dead(ID)


async def test_the_file_of_a_container_that_we_removed_goes_whenever_it_comes(exits: ExitWatch, exit_dir: Path) -> None:
    exits.watch(MAIN)
    exits.watch(Subject(OTHER, "uid-1", "other"))
    write(exit_dir, ID, "137")
    exits.doom(ID)
    assert await exits.settle(ID, timeout_s=5) == End(137, NOW), "as long as it is watched its end is told"
    exits.forget(ID)
    assert not (exit_dir / ID).exists()
    exits.doom(OTHER)
    exits.forget(OTHER)
    write(exit_dir, OTHER, "137")  # a monitor that is slower than the engine
    async with asyncio.timeout(5):
        while (exit_dir / OTHER).exists():
            await asyncio.sleep(0.005)
    assert not exits.known()


async def test_who_waits_is_told_and_who_waits_too_long_is_let_go(exits: ExitWatch, exit_dir: Path) -> None:
    exits.watch(MAIN)
    assert await exits.settle(ID, timeout_s=0.02) is None
    assert await exits.settle(OTHER, timeout_s=5) is None
    waiting = asyncio.create_task(exits.settle(ID, timeout_s=5), name="waiting")
    await asyncio.sleep(0)
    write(exit_dir, ID, "0")
    assert await waiting == End(0, NOW)


async def test_many_ends_of_one_container_are_one_notice(exits: ExitWatch, exit_dir: Path) -> None:
    exits.watch(MAIN)
    exits.watch(Subject(OTHER, "uid-2", ""))
    for container_id in (ID, ID, OTHER):
        write(exit_dir, container_id, "1")
    await asyncio.sleep(0.05)
    notices = exits.notices()
    assert [await anext(notices), await anext(notices)] == [ExitNotice("uid-1", "main"), ExitNotice("uid-2", "")]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await anext(notices)


async def test_a_lost_code_gives_way_to_the_true_one_and_never_the_other_way(exits: ExitWatch, exit_dir: Path) -> None:
    exits.watch(MAIN)
    exits.note_lost(ID)
    assert exits.end(ID) == End(137, NOW, lost=True)
    write(exit_dir, ID, "7")
    await asyncio.sleep(0.05)
    assert exits.end(ID) == End(7, NOW)
    exits.note_lost(ID)
    exits.note(ID, End(1, NOW))
    assert exits.end(ID) == End(7, NOW)


async def test_a_process_that_is_gone_before_it_is_watched_is_dead_and_its_file_is_read(
    exits: ExitWatch, exit_dir: Path
) -> None:
    exit_dir.mkdir()
    write(exit_dir, ID, "5")
    exits.watch(Subject(ID, "uid-1", "main", pid=2**22 - 1, conmon_pid=2**22 - 1))
    assert exits.end(ID) == End(5, NOW)
    exits.watch(Subject(OTHER, "uid-1", "other", pid=os.getpid(), conmon_pid=os.getpid()))
    assert exits.is_dead(OTHER)  # our own number, and not that container's process
    assert exits.end(OTHER) is None
    assert not exits.signal_main(OTHER, 9)


async def test_the_directory_may_be_made_anew(exits: ExitWatch, exit_dir: Path) -> None:
    exits.watch(MAIN)
    shutil.rmtree(exit_dir)
    await asyncio.sleep(0.05)
    write(exit_dir, ID, "3")
    assert await exits.settle(ID, timeout_s=5) == End(3, NOW)


@pytest.mark.usefixtures("open_files")
async def test_closing_lets_go_of_everything(exit_dir: Path) -> None:
    watch = ExitWatch(exit_dir=exit_dir, clock=StandingClock())
    watch.watch(MAIN)
    watch.watch(Subject(OTHER, "uid-1", "other", pid=os.getpid()))
    assert watch.known() == {ID, OTHER}
    watch.close()
    assert watch.known() == frozenset()


@pytest.mark.parametrize("file_came", [False, True])
async def test_a_monitor_that_was_killed_is_told_from_one_whose_file_was_gone_before_it_was_read(
    exits: ExitWatch, exit_dir: Path, file_came: bool
) -> None:
    monitor = subprocess.Popen(
        ("conmon", "-c", "read x", "--exit-dir", ID), executable="/bin/sh", stdin=subprocess.PIPE
    )
    cmdline = Path(f"/proc/{monitor.pid}/cmdline")
    try:
        while not cmdline.read_bytes():  # Popen returns some moments before the kernel shows the new arguments
            await asyncio.sleep(0.001)
        exits.watch(Subject(ID, "uid-1", "main", pid=2**22 - 1, conmon_pid=monitor.pid))
        if file_came:
            write(exit_dir, ID, "0")
            (exit_dir / ID).unlink()  # the engine was quicker
    finally:
        monitor.kill()
        monitor.communicate()
    await exits.settle(ID, timeout_s=5)
    assert exits.end(ID) is None
    assert exits.is_silent(ID) is not file_came
