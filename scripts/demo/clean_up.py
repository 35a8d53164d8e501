"""Leaving nothing behind: processes, pods, network, mounts, files."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from scripts.demo import board, broker, engine, fleet, processes
from scripts.demo.place import Place

_ENGINE_END_S = 10.0  # the engine's own service ends by itself after 5 s without work
_PAUSE_S = 0.1


def everything(place: Place) -> list[str]:
    """End and remove all of a demonstration, whatever state it is in; returns what could not be removed."""
    board.stop(place)
    engine.clear(place)
    broker.stop(place)
    fleet.stop(place)
    _end_stragglers(place.base)
    return directory(place.base)


def directory(base: Path) -> list[str]:
    """Unmount what is mounted below a directory and remove it; returns what stayed."""
    for point in mounts_below(base):
        subprocess.run(("umount", "--lazy", point), capture_output=True, timeout=30, check=False)
    left = mounts_below(base)
    if not left:  # never walk into a mount: it may show a directory of the host
        shutil.rmtree(base, ignore_errors=True)
    return left or ([str(base)] if base.exists() else [])


def mounts_below(base: Path) -> list[str]:
    """Return the mount points below a directory, deepest first."""
    points = (line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines())
    return sorted((point for point in points if point.startswith(f"{base}/")), reverse=True)


def _end_stragglers(base: Path) -> None:
    """End what names our directory on its command line: the engine's service, monitors of containers."""
    deadline = time.monotonic() + _ENGINE_END_S
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in processes.naming(f"{base}/"):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        while processes.naming(f"{base}/") and time.monotonic() < deadline:
            time.sleep(_PAUSE_S)
        deadline += _ENGINE_END_S
