"""Directories of pods on a real file system, without a mount left in the end."""

from __future__ import annotations

import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgelet.adapters.host import mounts
from edgelet.adapters.host.pod_files import HostPodFiles
from edgelet.ports.pod_files import PayloadFile, PodPaths

UID = "u1"


@pytest.fixture
def root() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="el-", dir="/tmp"))
    yield directory
    for point in mounts.mounted_below(str(directory)):
        mounts.unmount(point)
    shutil.rmtree(directory)


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
