"""Ends that are heard late: the exit file was gone before it was read, and the engine does not know yet."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from edgelet.adapters.host.clock import SystemClock
from edgelet.adapters.podman import inventory as inventories
from edgelet.adapters.podman import labels
from edgelet.adapters.podman.exits import ExitWatch, Subject
from edgelet.adapters.podman.inventory import Inventory
from edgelet.adapters.podman.libpod import Libpod
from edgelet.ports.runtime import ContainerSpec, Exited, PodRef

POD = PodRef(uid="u-1", namespace="default", name="web")
SPEC = ContainerSpec(pod=POD, name="app", instance=0, image="i", spec_hash="h")
ID = "c" * 64


class LateEngine:
    """Says `running` so many times, then the truth."""

    def __init__(self, late: int) -> None:
        self.late = late
        self.asked = 0

    async def call(self, method: str, path: str, **words: Any) -> Any:
        del method, words
        if path == "/containers/json":
            return SimpleNamespace(json=lambda: [{"Id": ID, "State": "running"}])
        if path == "/pods/json":
            return SimpleNamespace(json=list)
        self.asked += 1
        ended = self.asked > self.late
        state = {
            "Status": "exited" if ended else "running",
            "Pid": 0 if ended else 999_999_999,
            "ExitCode": 0,
            "StartedAt": "2026-01-01T00:00:00Z",
            "FinishedAt": "2026-01-01T00:00:01Z" if ended else "0001-01-01T00:00:00Z",
        }
        own = labels.of_container(SPEC, "node-1", pinned="")
        document = {"Id": ID, "Created": "2026-01-01T00:00:00Z", "State": state, "Config": {"Labels": own}}
        return SimpleNamespace(json=lambda: document)


@pytest.mark.parametrize(("late", "expected"), [(3, (0, False)), (1000, (137, True))])
async def test_the_engine_is_given_time_to_hear_of_an_end_before_its_code_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: int, expected: tuple[int, bool]
) -> None:
    monkeypatch.setattr(inventories, "_HEARD_PAUSE_S", 0.001)
    monkeypatch.setattr(inventories, "SETTLE_S", 0.01)
    exits = ExitWatch(exit_dir=tmp_path, clock=SystemClock())
    engine = LateEngine(late)
    inventory = Inventory(libpod=cast("Libpod", engine), exits=exits, owner="node-1", pinned=None)
    exits.watch(Subject(ID, POD.uid, "app"))
    try:
        (pod,) = await inventory.look(POD.uid)
    finally:
        exits.close()
    (container,) = pod.containers
    assert isinstance(container.state, Exited)
    assert (container.state.exit_code, container.state.lost) == expected
