"""Every test of this folder runs on the fake and on the machine's own file system (mounts need root)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.pod_files.boards import Board, FakeBoard, RealBoard
from tests.fixtures import scratch


@pytest.fixture
def directory() -> Iterator[Path]:
    with scratch.directory() as made:
        yield made


@pytest.fixture(params=["fake", "real"])
def board(request: pytest.FixtureRequest, directory: Path) -> Board:
    return FakeBoard() if request.param == "fake" else RealBoard(directory)
