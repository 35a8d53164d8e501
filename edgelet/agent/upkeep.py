"""What is looked after now and then on one timer: logs, disks, the database's copy, the line that systemd shows."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgelet.adapters.host.disk_reserve import ReserveFiles
from edgelet.adapters.host.log_keeper import HostLogKeeper
from edgelet.agent import eviction
from edgelet.agent.pod_path import Foundation
from edgelet.agent.state import CopyUpkeep, StateWatch
from edgelet.api.quantity import Quantity
from edgelet.node.disk_plan import Thresholds
from edgelet.node.disk_upkeep import DiskPorts, DiskUpkeep
from edgelet.node.log_plan import LogBounds
from edgelet.node.log_upkeep import LogUpkeep
from edgelet.ports.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """`run` is one task of the agent."""

    clock: Clock
    logs: LogUpkeep
    disks: DiskUpkeep
    state: StateWatch
    copies: CopyUpkeep
    look: Callable[[], None]

    async def run(self) -> None:
        """Look after everything, for ever: each minute at rest, more often where a log grows or a disk is full."""
        while True:
            await self.state.turn()
            self.look()
            await self.copies.turn()
            wait_s = min(await self.logs.turn(), await self.disks.turn())
            await self.clock.sleep(wait_s)


def make(base: Foundation, *, copies: CopyUpkeep, node_changed: Callable[[], None], show: Callable[[], None]) -> Upkeep:
    """Put the parts together. `node_changed` has the Node told anew."""
    disk = base.settings.disk
    bounds = LogBounds(
        max_bytes=Quantity.parse(disk.container_log_max_size).to_bytes(),
        max_files=disk.container_log_max_files,
        look_s=disk.look_s,
    )

    def look() -> None:
        show()
        if gc.get_count()[2]:  # much was made since: pods that went are cycles, which Python alone lets lie for hours
            gc.collect()
        if base.board.count_writes():
            message = base.board.flash_pressure
            base.events.record(base.board.key, "", type="Warning", reason="FlashWritePressure", message=message)
        node_changed()  # addresses, memory, flash: told where something differs

    ports = DiskPorts(
        store=base.store,
        images=base.gate,
        runtime=base.gate,
        files=base.files,
        events=base.events,
        clock=base.clock,
        disks=lambda: eviction.disks(base),
        reserve=ReserveFiles(lambda: _reserves(base), size_bytes=Quantity.parse(disk.reserve).to_bytes()),
        may_forget=base.orphans_may_go.is_set,
    )
    thresholds = Thresholds(
        look_s=disk.look_s,
        eviction=eviction.thresholds(base.settings),
        image_gc_high=disk.image_gc_high_percent,
        image_gc_low=disk.image_gc_low_percent,
        image_min_age_s=disk.image_min_age_s,
        keep_images=disk.keep_images,
    )
    return Upkeep(
        clock=base.clock,
        logs=LogUpkeep(
            base.store,
            HostLogKeeper(base.settings.paths.logs),
            reopen=base.gate.reopen_log,
            clock=base.clock,
            bounds=bounds,
        ),
        disks=DiskUpkeep(ports, node=base.board.key, thresholds=thresholds),
        state=StateWatch(base.store, base.board, base.events, directory=base.settings.paths.state),
        copies=copies,
        look=look,
    )


def _reserves(base: Foundation) -> tuple[Path, ...]:
    """Directories of ours: a storage that others use too is not written into."""
    state, storage = base.settings.paths.state, base.settings.podman.storage_root
    return (state, storage) if storage else (state,)
