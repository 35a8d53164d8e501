"""The board's disk is full, or refuses."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.board import Board, Site
from tests.chaos.fault import Hit

_CHUNK_BYTES = 1024 * 1024


@contextlib.contextmanager
def disk_full(site: Site, chance: random.Random) -> Iterator[Hit]:
    """Every byte of it is taken, while work comes in; then space returns."""
    ballast = site.board.base / "ballast"
    try:
        fill(ballast)
        yield Hit(note=f"{site.board.disk_free()} bytes free")
        time.sleep(chance.uniform(1, 6))
        fill(ballast)
        assert site.board.alive, "the agent ended on a full disk"
    finally:
        ballast.unlink(missing_ok=True)


@contextlib.contextmanager
def disk_full_and_killed(site: Site, chance: random.Random) -> Iterator[Hit]:
    """The agent dies and starts while the disk is full: it must come up, or come up once space returns."""
    ballast = site.board.base / "ballast"
    try:
        fill(ballast)
        site.board.kill()
        site.board.start(wait=False)
        yield Hit()
        time.sleep(chance.uniform(1, 6))
    finally:
        ballast.unlink(missing_ok=True)
    revive(site.board)


@contextlib.contextmanager
def database_disk_fails(site: Site, chance: random.Random) -> Iterator[Hit]:
    """Syncs or writes of the state database fail while work comes in; then the disk is well again."""
    how = chance.choice(("eio-sync", "eio-write", "enospc-write"))
    site.board.shim.break_disk(how)
    try:
        yield Hit(note=how)
        time.sleep(chance.uniform(1, 5))
        assert site.board.alive, f"the agent ended on {how}"
    finally:
        site.board.shim.mend_disk()


@contextlib.contextmanager
def database_disk_fails_and_killed(site: Site, chance: random.Random) -> Iterator[Hit]:
    """The same, and the agent dies before the disk is well."""
    how = chance.choice(("eio-sync", "eio-write", "enospc-write"))
    site.board.shim.break_disk(how)
    try:
        yield Hit(note=how)
        time.sleep(chance.uniform(0.5, 3))
        site.board.kill()
    finally:
        site.board.shim.mend_disk()
    site.board.start(wait=False)


def fill(path: Path) -> None:
    """Take what is left of a disk."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    chunk = _CHUNK_BYTES
    try:
        while chunk:
            try:
                os.write(handle, bytes(chunk))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                chunk //= 16
        os.fsync(handle)
    finally:
        os.close(handle)


def revive(board: Board) -> None:
    """Start the agent where it ended by itself with an error: what a service manager does."""
    if not board.alive:
        board.kill()
        board.start(wait=False)
