from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from edgelet.adapters.x509 import keys, requests
from edgelet.ca.authority import Authority
from edgelet.ca.creation import create
from tests.unit.ca.registrar_desk import Desk

DAY = dt.timedelta(days=1)
START = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)


@dataclass
class Hand:
    """A clock that is moved by hand."""

    now: dt.datetime = START

    def __call__(self) -> dt.datetime:
        return self.now

    def on(self, days: float) -> None:
        self.now += dt.timedelta(days=days)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Memory where there is some: each issue waits for the disk three times, and there are hundreds."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="el-", dir=memory if memory.is_dir() else None) as made:
        yield Path(made)


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def authority(tmp_path: Path, clock: Hand) -> Iterator[Authority]:
    with create(tmp_path / "ca", now=clock, actor="test") as made:
        yield made


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path / "ca")
    create(made.directory, now=lambda: made.now).close()
    return made


def csr(name: str, key: keys.PrivateKey | None = None) -> bytes:
    return requests.make(key or keys.generate(), name)
