"""What the workers of pods act through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgelet.pods.eviction import Eviction
from edgelet.pods.execute import Executor
from edgelet.pods.probe_call import CarePorts
from edgelet.pods.restart_backoff import BackoffSettings
from edgelet.pods.status_writer import StatusWriter
from edgelet.pods.storage_watch import StorageWatch
from edgelet.ports.clock import Clock
from edgelet.ports.object_store import ObjectStore, StoredObject
from edgelet.ports.runtime import Runtime


@dataclass(frozen=True, slots=True)
class WorkerPorts:
    """What a worker acts through."""

    store: ObjectStore
    runtime: Runtime
    executor: Executor
    status: StatusWriter
    clock: Clock
    backoff: BackoffSettings
    storage: Callable[[Callable[[Eviction], None]], StorageWatch]  # makes the watch of one pod
    care: CarePorts
    recursive_read_only_supported: bool = True  # by the kernel
    may_begin: Callable[[StoredObject], bool] = lambda _: True  # whether a pod that never ran may be made now
