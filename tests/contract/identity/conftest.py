from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.field import FieldAuthority, FieldBroker


@pytest.fixture
def directory() -> Iterator[Path]:
    """Return a short directory of its own, removed afterwards."""
    made = Path(tempfile.mkdtemp(prefix="el-", dir="/tmp"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def authority(directory: Path) -> FieldAuthority:
    return FieldAuthority(directory / "ca")


@pytest.fixture
def broker(directory: Path, authority: FieldAuthority) -> Iterator[FieldBroker]:
    with FieldBroker(directory, authority) as broker:
        yield broker
