"""Every test of this folder runs on the fake and on the machine's own file system (mounts need root)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgelet.adapters.host import mounts
from tests.contract.pod_files.boards import Board, FakeBoard, RealBoard


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that is unmounted and removed whatever the test did."""
    root = Path(tempfile.mkdtemp(prefix="el-", dir="/tmp"))
    yield root
    for point in mounts.mounted_below(str(root)):
        mounts.unmount(point)
    shutil.rmtree(root)


@pytest.fixture(params=["fake", "real"])
def board(request: pytest.FixtureRequest, directory: Path) -> Board:
    return FakeBoard() if request.param == "fake" else RealBoard(directory)
