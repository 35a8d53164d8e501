"""Both stores under one suite: what holds for one holds for the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from edgelet.adapters.sealing.node_keys import NodeKeys
from edgelet.adapters.sqlite.store import SqliteStore
from edgelet.ports.object_store import Ledger, ObjectStore
from tests.fakes.object_store import FakeLedger, FakeObjectStore

MAX_OBJECTS = 5
MAX_TOTAL_BYTES = 2000


class SteppingClock:
    """A wall clock moved by hand."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def monotonic_s(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture(params=["fake", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: SteppingClock) -> AsyncIterator[ObjectStore]:
    if request.param == "fake":
        yield FakeObjectStore(now=clock.now, max_objects=MAX_OBJECTS, max_total_bytes=MAX_TOTAL_BYTES)
        return
    uids = count(1)
    sqlite = SqliteStore.open(
        tmp_path / "state.db",
        clock=clock,
        max_objects=MAX_OBJECTS,
        max_total_bytes=MAX_TOTAL_BYTES,
        new_uid=lambda: f"uid-{next(uids)}",
        at_rest=NodeKeys.of_file(tmp_path / "node.key", default=tmp_path / "node.key"),
    )
    yield sqlite
    await sqlite.close()


@pytest.fixture(params=["fake", "sqlite"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path, clock: SteppingClock) -> AsyncIterator[Ledger]:
    if request.param == "fake":
        yield FakeLedger()
        return
    sqlite = SqliteStore.open(tmp_path / "state.db", clock=clock, max_objects=1, max_total_bytes=1000)
    yield sqlite.ledger
    await sqlite.close()
