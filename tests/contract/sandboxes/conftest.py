from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgelet.adapters.host import mounts


@pytest.fixture
def directory() -> Iterator[Path]:
    """Where a keeper keeps; afterwards nothing may be mounted below."""
    base = Path(tempfile.mkdtemp(prefix="el-", dir="/tmp"))
    yield base / "s"
    left = mounts.mounted_below(str(base))
    for point in left:
        mounts.unmount(point)
    shutil.rmtree(base)
    assert not left
