"""Files are damaged while the board is down: a power cut on a bad card, a half-written block."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.chaos.board import Board, Site
from tests.chaos.fault import Hit

_HEADER_BYTES = 32  # Source: SQLite's file format, the write-ahead log
_FRAME_BYTES = 24 + 4096


@contextlib.contextmanager
def log_cut_at_record(site: Site, chance: random.Random) -> Iterator[Hit]:
    """The last records of the database's log never reached the disk."""
    yield _cut(site, chance, lambda frames: _HEADER_BYTES + chance.randint(0, frames) * _FRAME_BYTES)


@contextlib.contextmanager
def log_cut_anywhere(site: Site, chance: random.Random) -> Iterator[Hit]:
    """The log ends in the middle of a record."""
    yield _cut(site, chance, lambda frames: chance.randint(0, _HEADER_BYTES + frames * _FRAME_BYTES))


@contextlib.contextmanager
def log_cut_step_by_step(site: Site, chance: random.Random) -> Iterator[Hit]:
    """The log loses its last record, and the next, and the next: at each boundary an agent starts on it and dies."""
    site.board.kill()
    log, cuts = site.board.database.with_name("edgelet.db-wal"), 0
    for _ in range(chance.randint(3, 6)):
        if not log.exists() or log.stat().st_size <= _HEADER_BYTES:
            break
        frames = (log.stat().st_size - _HEADER_BYTES) // _FRAME_BYTES
        os.truncate(log, _HEADER_BYTES + max(0, frames - 1) * _FRAME_BYTES)
        site.board.start(wait=False)
        time.sleep(chance.uniform(0.3, 1.2))
        site.board.kill()
        cuts += 1
    site.board.start(wait=False)
    yield Hit(everything=True, memory_lost=True, note=f"{cuts} records")


@contextlib.contextmanager
def log_garbled(site: Site, chance: random.Random) -> Iterator[Hit]:
    """A record of the log holds garbage."""
    site.board.kill()
    log = site.board.database.with_name("edgelet.db-wal")
    note = _garble(log, chance) if log.exists() else "no log"
    site.board.start(wait=False)
    yield Hit(everything=True, memory_lost=True, note=note)


@contextlib.contextmanager
def database_garbled(site: Site, chance: random.Random) -> Iterator[Hit]:
    """Some bytes of the database are garbage."""
    site.board.kill()
    note = _garble(site.board.database, chance)
    site.board.start(wait=False)
    yield Hit(everything=True, memory_lost=True, note=note)


@contextlib.contextmanager
def image_layer_gone(site: Site, chance: random.Random) -> Iterator[Hit]:
    """The files of an image's layer are gone while the board is down."""
    site.board.power_off()
    layers = sorted((site.board.base / "s/overlay").glob("*/diff/bin/busybox"))
    note = "no image"
    if layers:
        victim = chance.choice(layers).parents[2]
        note = victim.name[:12]
        shutil.rmtree(victim)
    yield _reboot(site.board, note)


@contextlib.contextmanager
def layer_list_cut(site: Site, chance: random.Random) -> Iterator[Hit]:
    """layers.json ends in the middle."""
    site.board.power_off()
    path = site.board.base / "s/overlay-layers/layers.json"
    if path.exists():
        os.truncate(path, chance.randint(0, path.stat().st_size - 1))
    yield _reboot(site.board, f"{path.stat().st_size if path.exists() else 'no'} bytes")


@contextlib.contextmanager
def image_list_cut(site: Site, chance: random.Random) -> Iterator[Hit]:
    """images.json ends in the middle."""
    site.board.power_off()
    path = site.board.base / "s/overlay-images/images.json"
    if path.exists():
        os.truncate(path, chance.randint(0, path.stat().st_size - 1))
    yield _reboot(site.board, f"{path.stat().st_size if path.exists() else 'no'} bytes")


@contextlib.contextmanager
def container_list_cut(site: Site, chance: random.Random) -> Iterator[Hit]:
    """containers.json ends in the middle."""
    site.board.power_off()
    path = site.board.base / "s/overlay-containers/containers.json"
    if path.exists():
        os.truncate(path, chance.randint(0, path.stat().st_size - 1))
    yield _reboot(site.board, f"{path.stat().st_size if path.exists() else 'no'} bytes")


@contextlib.contextmanager
def engine_database_zeroed(site: Site, chance: random.Random) -> Iterator[Hit]:
    """Podman's own database is zeros; containers may still run."""
    if rebooted := chance.random() < 0.5:
        site.board.power_off()
    else:
        site.board.kill()
    path = site.board.base / "s/libpod/bolt_state.db"
    if path.exists():
        path.write_bytes(bytes(path.stat().st_size))
    if rebooted:
        site.board.power_on()
    site.board.start(wait=False)
    yield Hit(everything=True, note="rebooted" if rebooted else "running")


def _cut(site: Site, chance: random.Random, size: Callable[[int], int]) -> Hit:
    rebooted = chance.random() < 0.5
    if rebooted:
        site.board.power_off()
    else:
        site.board.kill()
    log, note = site.board.database.with_name("edgelet.db-wal"), "no log"
    if log.exists():
        before = log.stat().st_size
        os.truncate(log, size(max(0, before - _HEADER_BYTES) // _FRAME_BYTES))
        note = f"{log.stat().st_size} of {before} bytes"
    if rebooted:
        site.board.power_on()
    site.board.start(wait=False)
    return Hit(everything=True, memory_lost=True, note=note)


def _garble(path: Path, chance: random.Random) -> str:
    size = path.stat().st_size
    if not size:
        return "empty"
    at, length = chance.randrange(size), chance.choice((1, 16, 512, 4096))
    with path.open("r+b") as file:
        file.seek(at)
        file.write(chance.randbytes(min(length, size - at)))
    return f"{length} bytes at {at} of {size}"


def _reboot(board: Board, note: str) -> Hit:
    board.power_on()
    board.start(wait=False)
    return Hit(everything=True, note=note)
