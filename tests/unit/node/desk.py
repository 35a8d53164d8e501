"""A reporter with fakes all around it, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from edgelet.api.errors import EdgeletError, InvalidObjectError
from edgelet.node.reporter import Reporter, Rhythm
from edgelet.ports.bus import Message
from edgelet.ports.object_store import Key
from tests.fakes import virtual_time
from tests.fakes.bus import FakeBus
from tests.fakes.events import FakeEvents
from tests.fakes.object_store import FakeLedger, FakeObjectStore

WEB = Key("Pod", "default", "web")
TOPIC = "status/pods/default/web"


def describe(error: EdgeletError) -> dict[str, Any]:
    code = {"Invalid": 422, "Forbidden": 403, "MethodNotAllowed": 405, "RequestEntityTooLarge": 413}[error.reason]
    return {"kind": "Status", "status": "Failure", "reason": error.reason, "message": error.message, "code": code}


class Desk:
    """A reporter with fakes all around it; `agent` starts a new one on the same store and ledger."""

    def __init__(self) -> None:
        self.bus = FakeBus()
        self.store = FakeObjectStore()
        self.ledger = FakeLedger()
        self.events = FakeEvents()
        self.heartbeat = 0
        self.ready = "True"
        self.starts = 0
        self.reporter: Reporter
        self._tasks: list[asyncio.Task[None]] = []

    def node(self) -> dict[str, Any]:
        self.heartbeat += 1
        condition = {"type": "Ready", "status": self.ready, "lastHeartbeatTime": str(self.heartbeat)}
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "pi-01"},
            "status": {"conditions": [condition]},
        }

    async def agent(self, *, unsure: bool = False) -> None:
        self.starts += 1
        self.reporter = Reporter(
            self.bus,
            store=self.store,
            ledger=self.ledger,
            clock=virtual_time.VirtualClock(),
            boot_id=f"boot-{self.starts}",
            node_name="pi-01",
            node=self.node,
            describe=describe,
            events=self.events,
            rhythm=Rhythm(),
            unsure=unsure,
        )
        self._tasks.append(asyncio.create_task(self.reporter.run()))
        self._tasks.append(asyncio.create_task(self._feed()))
        await asyncio.sleep(0.01)

    async def _feed(self) -> None:
        async for event in self.bus.events():
            if not self.reporter.notice(event) and isinstance(event, Message):
                self.reporter.refused(event.topic, InvalidObjectError("Pod", "bad", ()))
                self.bus.acknowledge(event)

    async def kill(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def connect(self) -> None:
        self.bus.connect()
        await asyncio.sleep(0.01)

    async def make(self, name: str = "web", **status: Any) -> Key:
        key = Key("Pod", "default", name)
        document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": []}}
        stored = await self.store.put(key, document, source="mqtt", digest="d1")
        if status:
            await self.store.put_status(key, status, uid=stored.uid, durable=False)
        return key

    async def status(self, **status: Any) -> None:
        stored = self.store.get(WEB)
        assert stored is not None
        await self.store.put_status(WEB, status, uid=stored.uid, durable=False)
        await asyncio.sleep(0.01)

    def told(self, topic: str = TOPIC) -> list[dict[str, Any]]:
        return [json.loads(one.payload) if one.payload else {} for one in self.bus.published if one.topic == topic]

    def phases(self) -> list[str]:
        return [body.get("status", {}).get("phase", "") for body in self.told()]


def scenario(test: Callable[[Desk], Awaitable[None]]) -> Callable[[], None]:
    """Run a test in virtual time, with one agent started and connected."""

    def run() -> None:
        async def whole() -> None:
            desk = Desk()
            await desk.agent()
            await desk.connect()
            await test(desk)
            await desk.kill()

        virtual_time.run(whole())

    run.__name__ = test.__name__
    return run
