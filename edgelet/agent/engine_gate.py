"""The engine before it is there: Runtime and Images that say why, until Podman was found to work.

A board with a broken engine still reports, answers, and tells the reason; it does not go round in restarts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from edgelet.api.errors import EdgeletError, EngineError
from edgelet.ports.clock import Clock
from edgelet.ports.images import Credential, ImageInfo, Images
from edgelet.ports.pod_streams import AttachSession, PodConnection
from edgelet.ports.runtime import (
    BeforeStart,
    ContainerSpec,
    EngineInfo,
    ExecResult,
    ExecSession,
    ExitNotice,
    ObservedPod,
    Resources,
    Runtime,
    SandboxSpec,
    Usage,
)

log = logging.getLogger(__name__)
T = TypeVar("T")

_FIRST_RETRY_S = 1.0
_MAX_RETRY_S = 60.0
_SWEEP_AFTER_S = 5.0
_SWEEP_MAX_S = 300.0
UNSETTLED_S = 20.0  # calls of an agent that was killed may go on for so long
_AFTER_START_S = (3.0, 27.0)  # one sweep after the other, the last one after that


@dataclass(frozen=True, slots=True)
class FoundEngine:
    """An engine that works, behind its two ports."""

    runtime: Runtime
    images: Images
    recover: Callable[[], Awaitable[None]]  # sweeps what an engine that was killed leaves
    unswept: Callable[[], bool]  # whether that, or a removal, left something for another time
    close: Callable[[], Awaitable[None]]


class EngineGate:
    """Both ports of the engine; each call goes on to it, or raises EngineUnavailable with the reason."""

    def __init__(
        self, bring_up: Callable[[], Awaitable[FoundEngine]], *, clock: Clock, after_kill: bool = False
    ) -> None:
        """`after_kill`: the agent before this one did not end in order; what it asked for may be under way."""
        self._bring_up = bring_up
        self._clock = clock
        self._after_kill = after_kill
        self._found: FoundEngine | None = None
        self._opened = asyncio.Event()
        self._failed = asyncio.Event()  # the engine went away in the midst of a call
        self.images_changed = asyncio.Event()  # whoever lists them clears it
        self.trouble = "Podman was not asked yet"  # for people; "" once it works

    async def run(self) -> None:
        """Try until the engine is there; sweep soon after that, and whenever it was lost and came back. For ever."""
        await self._open()
        wait_s = _SWEEP_AFTER_S
        after_start_s = list(_AFTER_START_S if self._after_kill else ())
        while True:
            if self._engine.unswept():
                self._failed.set()
            if after_start_s:
                await self._clock.sleep(after_start_s.pop(0))
            else:
                await self._failed.wait()
                await self._clock.sleep(wait_s)
            self._failed.clear()
            try:
                await self._engine.recover()
            except EdgeletError as error:
                log.warning("cannot sweep yet", extra={"reason": error.reason, "error": error.message})
                self._failed.set()
            else:
                wait_s = min(_SWEEP_MAX_S, wait_s * 2) if self._engine.unswept() else _SWEEP_AFTER_S

    async def _open(self) -> None:
        retry_s = _FIRST_RETRY_S
        while self._found is None:
            try:
                self._found = await self._bring_up()
            except EdgeletError as error:
                if error.message != self.trouble:
                    log.warning("no container engine", extra={"reason": error.reason, "error": error.message})
                self.trouble = error.message
                await self._clock.sleep(retry_s)
                retry_s = min(_MAX_RETRY_S, retry_s * 2)
        self.trouble = ""
        self._opened.set()

    async def close(self) -> None:
        """Let go of the engine; containers go on."""
        if self._found is not None:
            await self._found.close()

    async def opened(self) -> EngineInfo:
        """Return when the engine is there."""
        await self._opened.wait()
        return self.info

    # ---- ports.runtime.Runtime

    @property
    def info(self) -> EngineInfo:
        """What was found."""
        return self._engine.runtime.info

    async def pods(self) -> tuple[ObservedPod, ...]:
        return await self._watched(self._engine.runtime.pods())

    async def pod(self, uid: str) -> ObservedPod | None:
        return await self._watched(self._engine.runtime.pod(uid))

    async def create_sandbox(self, spec: SandboxSpec) -> None:
        await self._watched(self._engine.runtime.create_sandbox(spec))

    async def start_container(self, spec: ContainerSpec, *, before_start: BeforeStart | None = None) -> None:
        await self._watched(self._engine.runtime.start_container(spec, before_start=before_start))

    async def signal_container(self, container_id: str, signal: str) -> None:
        await self._watched(self._engine.runtime.signal_container(container_id, signal))

    async def stop_container(self, container_id: str, *, grace_s: float) -> None:
        await self._watched(self._engine.runtime.stop_container(container_id, grace_s=grace_s))

    async def resize_container(self, container_id: str, resources: Resources, *, pod_cpu_shares: int) -> None:
        call = self._engine.runtime.resize_container(container_id, resources, pod_cpu_shares=pod_cpu_shares)
        await self._watched(call)

    async def remove_container(self, container_id: str) -> None:
        await self._watched(self._engine.runtime.remove_container(container_id))

    async def reopen_log(self, container_id: str) -> None:
        await self._watched(self._engine.runtime.reopen_log(container_id))

    async def remove_pod(self, uid: str) -> None:
        await self._watched(self._engine.runtime.remove_pod(uid))

    async def exits(self) -> AsyncIterator[ExitNotice]:
        """Wait for the engine, then give its notices."""
        await self._opened.wait()
        async for notice in self._engine.runtime.exits():
            yield notice

    async def usage(self, uid: str) -> tuple[Usage, ...]:
        return await self._watched(self._engine.runtime.usage(uid))

    async def exec(
        self, container_id: str, argv: tuple[str, ...], *, timeout_s: float, limit_bytes: int = 10240
    ) -> ExecResult:
        return await self._engine.runtime.exec(container_id, argv, timeout_s=timeout_s, limit_bytes=limit_bytes)

    async def open_exec(self, container_id: str, argv: tuple[str, ...], *, stdin: bool, tty: bool) -> ExecSession:
        return await self._engine.runtime.open_exec(container_id, argv, stdin=stdin, tty=tty)

    async def open_attach(self, container_id: str, *, stdin: bool, tty: bool) -> AttachSession:
        return await self._engine.runtime.open_attach(container_id, stdin=stdin, tty=tty)

    async def open_port(self, uid: str, port: int) -> PodConnection:
        return await self._engine.runtime.open_port(uid, port)

    # ---- ports.images.Images

    async def find(self, reference: str) -> ImageInfo | None:
        return await self._watched(self._engine.images.find(reference))

    async def pull(self, reference: str, credentials: tuple[Credential, ...] = ()) -> ImageInfo:
        pulled = await self._watched(self._engine.images.pull(reference, credentials))
        self.images_changed.set()
        return pulled

    async def list(self) -> tuple[ImageInfo, ...]:
        return await self._watched(self._engine.images.list())

    async def discard(self, reference: str) -> None:
        await self._watched(self._engine.images.discard(reference))
        self.images_changed.set()

    async def remove(self, image_id: str) -> None:
        await self._watched(self._engine.images.remove(image_id))
        self.images_changed.set()

    async def _watched(self, call: Awaitable[T]) -> T:
        try:
            return await call
        except EngineError as error:
            if error.reason == "EngineUnavailable":
                self._failed.set()
            raise
        finally:
            if self._found is not None and self._found.unswept():
                self._failed.set()

    @property
    def _engine(self) -> FoundEngine:
        if self._found is None:
            raise EngineError("EngineUnavailable", self.trouble, retry_after=timedelta(seconds=2))
        return self._found
