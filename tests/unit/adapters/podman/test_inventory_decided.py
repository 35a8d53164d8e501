from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from edgelet.adapters.host.clock import SystemClock
from edgelet.adapters.podman.exits import ExitWatch, Subject
from edgelet.adapters.podman.inspection import Inspected
from edgelet.adapters.podman.inventory import Inventory
from edgelet.adapters.podman.libpod import Libpod
from edgelet.ports.runtime import PodRef

ALIVE = Inspected(
    id="c" * 64,
    pod_id="",
    pod=PodRef("uid", "default", "web"),
    name="main",
    labels={},
    infra=False,
    status="running",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    image="i",
    image_id="i",
    started_at=datetime(2026, 1, 1, tzinfo=UTC),
)


async def test_one_that_ends_while_others_are_waited_for_tells_its_code(tmp_path: Path) -> None:
    exits = ExitWatch(exit_dir=tmp_path / "exits", clock=SystemClock())
    engine: Libpod = object()  # type: ignore[assignment]  # nobody asks it: the code comes by its file
    inventory = Inventory(libpod=engine, exits=exits, owner="o")
    exits.watch(Subject(ALIVE.id, "uid", "main"))
    exits._watched[ALIVE.id].dead = True  # its process is gone, its code is not written yet

    async def write_the_code() -> None:
        await asyncio.sleep(0.05)
        (tmp_path / "new").write_text("0")
        (tmp_path / "new").rename(tmp_path / "exits" / ALIVE.id)

    writing = asyncio.create_task(write_the_code(), name="conmon")
    assert await inventory._decided((ALIVE,)) == (ALIVE,)
    end = exits.end(ALIVE.id)
    assert end is not None
    assert (end.exit_code, end.lost) == (0, False)
    await writing
    exits.close()
