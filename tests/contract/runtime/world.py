"""Worlds in which the Runtime contract is tried: in memory, and a real Podman with its own storage."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from edgelet.adapters.host.clock import SystemClock
from edgelet.adapters.podman import facts
from edgelet.adapters.podman.engine import Engine
from edgelet.adapters.podman.libpod import Libpod
from edgelet.adapters.podman.network import PodNetwork
from edgelet.adapters.podman.runtime import PodmanRuntime
from edgelet.adapters.sandboxes.keeper import Keeper
from edgelet.ports.runtime import (
    ContainerSpec,
    EngineInfo,
    Exited,
    ExitNotice,
    ObservedContainer,
    ObservedPod,
    PodRef,
    Running,
    Runtime,
    SandboxSpec,
)
from tests.fakes.runtime import FakeRuntime, Program
from tests.fixtures.podman import BUSYBOX_IMAGE, PrivatePodman, serving

FOREVER = "while :; do sleep 1000 & wait $!; done"
PATIENCE_S = 20.0


def new_pod(name: str = "web") -> PodRef:
    return PodRef(uid=f"{secrets.token_hex(4)}-0000-4000-8000-{secrets.token_hex(6)}", namespace="default", name=name)


def sandbox_of(pod: PodRef) -> SandboxSpec:
    return SandboxSpec(pod=pod, hostname=pod.name)


def sh(pod: PodRef, script: str, *, name: str = "main", instance: int = 0) -> ContainerSpec:
    """A container that runs a shell script (Podman only)."""
    return ContainerSpec(
        pod=pod,
        name=name,
        instance=instance,
        image=BUSYBOX_IMAGE,
        spec_hash="hash-1",
        command=("/bin/sh", "-c", script),
    )


class Notices:
    """The one reader of `exits`: what came, and when."""

    def __init__(self, runtime: Runtime) -> None:
        self.came: list[tuple[ExitNotice, float]] = []
        self._changed = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._read(runtime), name="notices")

    async def of(self, pod: PodRef, container: str) -> float:
        """Return the monotonic time at which the notice of this container came."""
        wanted = ExitNotice(pod.uid, container)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for notice, at in self.came:
                    if notice == wanted:
                        return at
                self._changed.clear()
                await self._changed.wait()

    async def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _read(self, runtime: Runtime) -> None:
        async for notice in runtime.exits():
            self.came.append((notice, time.monotonic()))
            self._changed.set()


class World(Protocol):
    """A runtime under test, and containers that behave as asked."""

    @property
    def runtime(self) -> Runtime: ...

    @property
    def notices(self) -> Notices: ...

    def container(self, pod: PodRef, program: Program, *, name: str = "main", instance: int = 0) -> ContainerSpec: ...

    async def observed(self, pod: PodRef, name: str = "main") -> ObservedContainer:
        """The newest instance of a container."""
        ...

    async def listening(self, pod: PodRef) -> ObservedContainer:
        """Wait until the program of "main" has said what it does with SIGTERM: before that it is deaf, as PID 1."""
        ...


def _is_shell_that_cares(status: str) -> bool:
    """Whether a shell has done its `trap`: it ignores or catches SIGUSR1, SIGINT or SIGTERM.

    Before it is the shell it is the OCI runtime, which catches all of them.
    """
    said = dict(line.split(":\t", 1) for line in status.splitlines())
    asked = sum(1 << number - 1 for number in (signal.SIGUSR1, signal.SIGINT, signal.SIGTERM))
    return said["Name"] == "sh" and any(int(said[mask], 16) & asked for mask in ("SigIgn", "SigCgt"))


async def observed(runtime: Runtime, pod: PodRef, name: str = "main") -> ObservedContainer:
    seen = await runtime.pod(pod.uid)
    assert seen is not None
    return [container for container in seen.containers if container.name == name][-1]


@dataclass
class FakeWorld:
    runtime: FakeRuntime
    notices: Notices

    def container(self, pod: PodRef, program: Program, *, name: str = "main", instance: int = 0) -> ContainerSpec:
        image = f"image-{secrets.token_hex(4)}"
        self.runtime.programs[image] = program
        return ContainerSpec(
            pod=pod,
            name=name,
            instance=instance,
            image=image,
            spec_hash="hash-1",
            log_path="/x/0.log",
            stdin=program.answers,
        )

    async def observed(self, pod: PodRef, name: str = "main") -> ObservedContainer:
        return await observed(self.runtime, pod, name)

    async def listening(self, pod: PodRef) -> ObservedContainer:
        return await self.observed(pod)


@dataclass
class PodmanWorld:
    """`restart` gives a fresh runtime on the same Podman, as after a crash of the agent."""

    podman: PrivatePodman
    engine: Engine
    info: EngineInfo
    owner: str
    pinned: bool = False  # sandboxes without an infra container
    runtimes: list[PodmanRuntime] = field(default_factory=list)
    readers: list[Notices] = field(default_factory=list)
    keepers: list[Keeper] = field(default_factory=list)

    @property
    def libpod(self) -> Libpod:
        return Libpod(self.engine)

    @property
    def runtime(self) -> PodmanRuntime:
        return self.runtimes[-1]

    @property
    def notices(self) -> Notices:
        return self.readers[-1]

    @property
    def logs(self) -> Path:
        folder = self.podman.base / "logs"
        folder.mkdir(exist_ok=True)
        return folder

    def new_runtime(self) -> PodmanRuntime:
        keeper = Keeper(
            directory=self.podman.base / "run" / "sandboxes",
            bridge=self.podman.network,
            pool=self.podman.subnet,
            clock=SystemClock(),
        )
        runtime = PodmanRuntime(
            libpod=self.libpod,
            info=self.info,
            owner=self.owner,
            run_dir=self.podman.base / "run" / "pods",
            exits_dir=self.podman.tmp_dir / "exits",
            oci_runtime_path="/usr/sbin/runc",
            network=PodNetwork(self.podman.network, self.podman.network, self.podman.subnet),
            clock=SystemClock(),
            pinned=keeper if self.pinned else None,
            prefer_pinned=self.pinned,
        )
        self.runtimes.append(runtime)
        self.keepers.append(keeper)
        return runtime

    async def restart(self) -> PodmanRuntime:
        await self._leave()
        runtime = self.new_runtime()
        self.readers.append(Notices(runtime))
        return runtime

    def container(self, pod: PodRef, program: Program, *, name: str = "main", instance: int = 0) -> ContainerSpec:
        if program.answers:
            reading = 'while read line; do echo "got $line"; done; echo end'
            spec = sh(pod, f"{reading}; {FOREVER}", name=name, instance=instance)
            return replace(spec, stdin=True, log_path=str(self.logs / f"{name}-{instance}-{pod.uid}.log"))
        if program.echo_port:
            return sh(pod, f"exec /bin/busybox nc -ll -p {program.echo_port} -e /bin/cat", name=name, instance=instance)
        script = FOREVER if program.after_s is None else f"sleep {program.after_s}; exit {program.exit_code}"
        trap = "trap '' TERM" if program.ignores_term else "trap 'exit 143' TERM"
        spec = sh(pod, f"{trap}; {script}", name=name, instance=instance)
        spec = replace(spec, log_path=str(self.logs / f"{name}-{instance}-{pod.uid}.log"))
        return replace(spec, command=("/no-such-program",)) if program.start_error else spec

    async def observed(self, pod: PodRef, name: str = "main") -> ObservedContainer:
        return await observed(self.runtime, pod, name)

    async def listening(self, pod: PodRef) -> ObservedContainer:
        container = await self.observed(pod)
        assert isinstance(container.state, Running)
        status = Path(f"/proc/{container.state.pid}/status")
        async with asyncio.timeout(PATIENCE_S):
            while not _is_shell_that_cares(status.read_text()):
                await asyncio.sleep(0.01)
        return container

    async def run(self, pod: PodRef, spec: ContainerSpec, sandbox: SandboxSpec | None = None) -> ObservedContainer:
        """Make the sandbox and the container."""
        await self.runtime.create_sandbox(sandbox or sandbox_of(pod))
        await self.runtime.start_container(spec)
        return await self.observed(pod, spec.name)

    async def output(self, pod: PodRef, script: str, **changes: object) -> list[str]:
        """Run a script to its end in a pod that is there, with changes to the spec; return the lines it wrote."""
        name = f"c{secrets.token_hex(3)}"
        path = self.logs / f"{name}.log"
        spec = replace(sh(pod, script, name=name), log_path=str(path), **changes)  # type: ignore[arg-type]
        await self.runtime.start_container(spec)
        await self.notices.of(pod, name)
        # The notice comes with the death of the process; with its exit code known, conmon has written the log too.
        assert isinstance((await self.observed(pod, name)).state, Exited)
        return [line.split(" ", 3)[3] for line in path.read_text().splitlines()]

    async def close(self) -> None:
        await self._leave()
        runtime = self.new_runtime()
        for pod in await runtime.pods():
            await runtime.remove_pod(pod.pod.uid)
        runtime.close()
        if self.pinned:
            await self.keepers[-1].leave()

    async def _leave(self) -> None:
        for reader in self.readers:
            await reader.close()
        self.readers.clear()
        for runtime in self.runtimes:
            runtime.close()


@contextlib.asynccontextmanager
async def fake_world() -> AsyncIterator[FakeWorld]:
    runtime = FakeRuntime()
    notices = Notices(runtime)
    try:
        yield FakeWorld(runtime, notices)
    finally:
        await notices.close()


@contextlib.asynccontextmanager
async def podman_world(podman: PrivatePodman, *, pinned: bool = False) -> AsyncIterator[PodmanWorld]:
    async with serving(podman) as engine:
        world = PodmanWorld(podman, engine, _info(podman), owner=f"test-{secrets.token_hex(4)}", pinned=pinned)
        runtime = world.new_runtime()
        world.readers.append(Notices(runtime))
        await runtime.pods()  # as the agent does at its start: from then on memory is trusted where nothing failed
        try:
            yield world
        finally:
            await world.close()


def _info(podman: PrivatePodman) -> EngineInfo:
    return EngineInfo(
        name="podman",
        version="4.3.1",
        oci_runtime="runc",
        cgroup_version=1,
        cgroup_manager="cgroupfs",
        storage_root=str(podman.storage_root),
        run_root=str(podman.run_root),
        network_backend="netavark",
        memory_cgroup=facts.read().memory_controller,
    )


def pod_names(pods: tuple[ObservedPod, ...]) -> list[str]:
    return [pod.pod.name for pod in pods]
