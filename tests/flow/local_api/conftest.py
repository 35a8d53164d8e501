from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.flow.local_api.board import Board, serving


@pytest.fixture
def directory() -> Iterator[Path]:
    """Short: a unix socket's path has 107 bytes."""
    made = Path(tempfile.mkdtemp(prefix="el-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def board(directory: Path) -> AsyncIterator[Board]:
    async with serving(directory) as made:
        yield made
