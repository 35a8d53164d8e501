"""The way of a pod on fakes, in virtual time: store, dispatcher and workers as in the agent, an engine in memory."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from edgelet.api.pod import Pod
from edgelet.pods import allocation, image_fetch, pressure_admission
from edgelet.pods.dispatcher import Dispatcher
from edgelet.pods.evictor import PodEvictor
from edgelet.pods.execute import Executor
from edgelet.pods.executor_ports import ExecutorPorts
from edgelet.pods.node_admission import Room
from edgelet.pods.node_facts import NodeFacts
from edgelet.pods.probe_call import CarePorts
from edgelet.pods.restart_backoff import BackoffSettings
from edgelet.pods.status_writer import StatusWriter
from edgelet.pods.storage_watch import StorageWatch
from edgelet.pods.store_objects import StoreObjects
from edgelet.pods.worker_ports import WorkerPorts
from edgelet.ports.object_store import Key
from tests.fakes.events import Recorded
from tests.fakes.images import FakeImages
from tests.fakes.object_store import FakeLedger, FakeObjectStore
from tests.fakes.pod_files import FakePodFiles
from tests.fakes.probe_net import FakeProbeNet
from tests.fakes.runtime import FakeRuntime, Program
from tests.fakes.tree_usage import FakeTreeUsage
from tests.fakes.virtual_time import VirtualClock

NODE = NodeFacts(
    name="board",
    host_ips=("192.0.2.7",),
    cpu_allocatable_milli=2000,
    memory_allocatable_bytes=1 << 30,
    memory_capacity_bytes=1 << 30,
)
ROOM = Room(name="board", labels={}, cpu_milli=2000, memory_bytes=1 << 30, pods=110)


class RecordedEvents:
    """An EventSink that keeps `reason message` lines, and the events themselves."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.recorded: list[Recorded] = []

    def record(self, regarding: Key, uid: str, *, type: str, reason: str, message: str, container: str = "") -> None:
        self.recorded.append(Recorded(regarding, uid, type, reason, message, container))
        self.lines.append(f"{reason} {container} {message}")

    def reasons(self) -> list[str]:
        """The reasons, in order."""
        return [line.partition(" ")[0] for line in self.lines]


def pod_document(name: str = "web", **spec: Any) -> dict[str, Any]:
    """A pod with one container `app` of image `app:1`, defaults as intake sets them; `spec` replaces fields."""
    containers = spec.pop("containers", [{"name": "app", "image": "app:1"}])
    whole = {
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "Default",
        "containers": [_with_defaults(one) for one in containers],
        **spec,
    }
    if "initContainers" in whole:
        whole["initContainers"] = [_with_defaults(one) for one in whole["initContainers"]]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": whole}


def _with_defaults(container: dict[str, Any]) -> dict[str, Any]:
    return {"imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log", **container}


class World:
    """Everything around the workers, with a handle on each fake."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = FakeObjectStore(now=self.clock.now)
        self.ledger = FakeLedger()
        self.runtime = FakeRuntime(self.clock)
        self.images = FakeImages()
        self.files = FakePodFiles()
        self.disk = FakeTreeUsage()
        self.events = RecordedEvents()
        self.net = FakeProbeNet()
        self.rejection: tuple[str, str] | None = None
        self.pressures: set[str] = set()  # conditions of the node
        self.held: set[str] = set()  # pods that may not begin
        self.evictor: PodEvictor | None = None  # of the agent that runs
        self._task: asyncio.Task[None] | None = None

    def tell(self, reason: str, message: str) -> None:
        """Take a warning about the node."""
        self.events.record(Key("Node", "", "board"), "", type="Warning", reason=reason, message=message)

    def start_agent(self, orphans_may_go: asyncio.Event | None = None) -> Dispatcher:
        """Start dispatcher and workers, as an agent does."""
        backoff = BackoffSettings()
        executor = Executor(
            ExecutorPorts(
                store=self.store,
                runtime=self.runtime,
                files=self.files,
                images=image_fetch.make(self.images, self.ledger, clock=self.clock, backoff=backoff, tell=self.tell),
                events=self.events,
                objects=StoreObjects(self.store),
                clock=self.clock,
                node=lambda: NODE,
                backoff=backoff,
            )
        )
        ports = WorkerPorts(
            store=self.store,
            runtime=self.runtime,
            executor=executor,
            status=StatusWriter(self.store, self.clock, lambda: NODE.host_ips),
            clock=self.clock,
            backoff=backoff,
            storage=lambda evict: StorageWatch(self.disk, self.files.paths, self.clock, evict),
            care=CarePorts(
                runtime=self.runtime,
                net=self.net,
                clock=self.clock,
                events=self.events,
                node=lambda: NODE,
                chance=lambda: 0.5,
            ),
            may_begin=lambda stored: stored.key.name not in self.held,
        )
        dispatcher = Dispatcher(
            ports=ports,
            files=self.files,
            admit=lambda pod, _others: self.rejection or pressure_admission.judge(pod, self.pressures),
            resize=lambda pod, others: allocation.judge(pod, others, ROOM),
            orphans_may_go=orphans_may_go,
        )
        self.evictor = PodEvictor(
            pods=dispatcher, runtime=self.runtime, trees=self.disk, paths=self.files.paths, clock=self.clock
        )
        self._task = asyncio.create_task(dispatcher.run(), name="dispatcher")
        return dispatcher

    async def stop_agent(self) -> None:
        """Stop it as SIGTERM does: containers go on."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def apply(self, document: dict[str, Any]) -> str:
        """Put a pod (or a ConfigMap) into the store; returns its uid."""
        metadata = document["metadata"]
        key = Key(document["kind"], metadata["namespace"], metadata["name"])
        return (await self.store.put(key, copy.deepcopy(document), source="api")).uid

    async def delete(self, name: str, *, grace_s: int = 30) -> None:
        """Ask for a pod's end."""
        await self.store.mark_deleted(Key("Pod", "default", name), grace_s=grace_s)

    def pod(self, name: str = "web") -> Pod:
        """The pod as the store has it."""
        stored = self.store.get(Key("Pod", "default", name))
        assert stored is not None, f"{name} is not in the store"
        return Pod.model_validate(stored.document)

    def have(self, image: str, program: Program | None = None) -> None:
        """Have an image on the board; its containers do what the program says (default: run until stopped)."""
        info = self.images.registries.offer(image)
        self.images.here[info.id] = info
        self.runtime.programs[info.id] = program or Program()

    def gone(self, name: str = "web") -> bool:
        """Whether the object is gone."""
        return self.store.get(Key("Pod", "default", name)) is None

    def condition(self, kind: str, name: str = "web") -> str:
        """The status of a condition."""
        return next(one.status for one in self.pod(name).status.conditions if one.type == kind)

    async def calls_during(self, seconds: float) -> list[str]:
        """What the engine is asked in that time."""
        before = len(self.runtime.calls)
        await asyncio.sleep(seconds)
        return self.runtime.calls[before:]


@asynccontextmanager
async def world(*images: str) -> AsyncIterator[World]:
    """A world with a running agent; the images are here (default: app:1)."""
    made = World()
    for image in images or ("app:1",):
        made.have(image)
    made.start_agent()
    try:
        yield made
    finally:
        await made.stop_agent()
