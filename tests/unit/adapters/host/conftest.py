"""Directories of pods on a real file system, without a mount left in the end."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgelet.adapters.host.pod_files import HostPodFiles
from edgelet.ports.pod_files import PayloadFile, PodPaths
from tests.fixtures import scratch

UID = "u1"


@pytest.fixture
def root() -> Iterator[Path]:
    with scratch.directory() as made:
        yield made


@pytest.fixture
def paths(root: Path) -> PodPaths:
    return PodPaths(run=str(root / "run"), volumes=str(root / "volumes"), logs=str(root / "logs"))


@pytest.fixture
def files(paths: PodPaths) -> HostPodFiles:
    return HostPodFiles(paths, pod_tmpfs_bytes=1 << 20)


def mode(path: str | Path) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


def texts(**files: str) -> dict[str, PayloadFile]:
    return {name: PayloadFile(text.encode()) for name, text in files.items()}
