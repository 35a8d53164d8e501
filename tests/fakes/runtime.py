"""An engine in memory. Programs are scripts by image name: how long an instance runs and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from edgelet.api.errors import EngineError
from edgelet.ports.clock import Clock
from edgelet.ports.pod_streams import AttachSession, PodConnection
from edgelet.ports.runtime import (
    BeforeStart,
    ContainerSpec,
    ContainerState,
    Created,
    EngineInfo,
    ExecResult,
    ExecSession,
    Exited,
    ExitNotice,
    ObservedContainer,
    ObservedPod,
    ObservedSandbox,
    PodRef,
    Resources,
    Running,
    SandboxSpec,
    Usage,
)
from tests.fakes.pod_streams import FakeAttach, FakeConnection, FakeMain, refused

INFO = EngineInfo(
    name="podman",
    version="4.3.1",
    oci_runtime="runc",
    cgroup_version=1,
    cgroup_manager="cgroupfs",
    storage_root="/fake",
    run_root="/fake/run",
    network_backend="netavark",
    memory_cgroup=True,
)


class _WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Program:
    """What an image does: None runs until it is stopped; else it ends after `after_s` with `exit_code`."""

    after_s: float | None = None
    exit_code: int = 0
    ignores_term: bool = False
    start_error: str = ""
    answers: bool = False  # says "got LINE" for each line of its input, and "end" at the end of it
    echo_port: int = 0  # gives back what connections to it say


@dataclass(frozen=True, slots=True)
class Command:
    """What a command that is run in a container does."""

    exit_code: int = 0
    output: str = ""
    takes_s: float = 0.0
    not_started: str = ""


@dataclass
class _Pod:
    ref: PodRef
    spec: SandboxSpec | None = None
    sandbox: ObservedSandbox | None = None
    containers: dict[str, ObservedContainer] = field(default_factory=dict)


class FakeRuntime:
    """Passes the contract suite of ports.runtime.Runtime; `kill`, `lose` and `programs` are the tests' handles."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or _WallClock()
        self._pods: dict[str, _Pod] = {}
        self._specs: dict[str, ContainerSpec] = {}
        self._notices: asyncio.Queue[ExitNotice] = asyncio.Queue()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._ended: dict[str, asyncio.Event] = {}
        self._mains: dict[str, FakeMain] = {}
        self._next_address = 2
        self.connections: list[FakeConnection] = []  # to ports of pods, in order
        self.programs: dict[str, Program] = {}
        self.working_sets: dict[tuple[str, str], int] = {}  # by uid and container; else a MiB
        self.pids: dict[tuple[str, str], int] = {}  # else 1
        self.calls: list[str] = []  # what was asked for, in order
        self.sandboxes_made: list[SandboxSpec] = []
        self.commands: Callable[[str, tuple[str, ...]], Awaitable[Command]] | None = None  # what exec does
        self.failing: dict[str, EngineError] = {}  # by method name: raised until taken out

    @property
    def info(self) -> EngineInfo:
        return INFO

    async def pods(self) -> tuple[ObservedPod, ...]:
        self._note("pods")
        return tuple(self._observed(one) for one in self._pods.values())

    async def pod(self, uid: str) -> ObservedPod | None:
        self._note("pod")
        one = self._pods.get(uid)
        return self._observed(one) if one else None

    async def create_sandbox(self, spec: SandboxSpec) -> None:
        self._note("create_sandbox", spec.pod.name)
        self.sandboxes_made.append(spec)
        for other in self._pods.values():
            taken = {(port.host_port, port.protocol) for port in (other.spec.ports if other.spec else ())}
            for port in spec.ports:
                if other.ref.uid != spec.pod.uid and (port.host_port, port.protocol) in taken:
                    raise EngineError("FailedCreatePodSandBox", f"host port {port.host_port} is already in use")
        pod = self._pods.setdefault(spec.pod.uid, _Pod(spec.pod))
        if pod.sandbox and pod.sandbox.ready:
            return
        address = f"10.77.0.{self._next_address}"
        self._next_address += 1
        pod.spec = spec
        pod.sandbox = ObservedSandbox(
            id=f"sandbox-{spec.pod.uid}-{spec.attempt}",
            ready=True,
            ips=() if spec.host_network else (address,),
            created_at=self._clock.now(),
            attempt=spec.attempt,
        )

    async def start_container(self, spec: ContainerSpec, *, before_start: BeforeStart | None = None) -> None:
        self._note("start_container", f"{spec.name}#{spec.instance}")
        pod = self._pods.get(spec.pod.uid)
        if pod is None or pod.sandbox is None or not pod.sandbox.ready:
            raise EngineError("CreateContainerError", "the pod has no sandbox")
        identity = f"{spec.pod.uid}-{spec.name}-{spec.instance}"
        if identity in pod.containers and not isinstance(pod.containers[identity].state, Created):
            return
        if before_start is not None:
            await before_start()
            if self._pods.get(spec.pod.uid) is not pod:
                raise EngineError("RunContainerError", "the pod has gone")
        program = self.programs.get(spec.image, Program())
        self._specs[identity] = spec
        self._ended[identity] = asyncio.Event()
        self._mains[identity] = FakeMain(stdin=spec.stdin)
        pod.containers[identity] = ObservedContainer(
            id=identity,
            name=spec.name,
            instance=spec.instance,
            spec_hash=spec.spec_hash,
            image=spec.image,
            image_id=spec.image_ref or f"sha256:{spec.image}",
            state=Running(started_at=self._clock.now(), pid=4711),
            created_at=self._clock.now(),
            log_path=spec.log_path,
            labels=dict(spec.labels),
            layer_path=f"/fake/layers/{identity}",
        )
        if program.start_error:
            self._end(spec.pod.uid, identity, 128, message=program.start_error)
            raise EngineError("RunContainerError", program.start_error)
        if program.after_s is not None:
            self._timers[identity] = asyncio.get_running_loop().call_later(
                program.after_s, self._end, spec.pod.uid, identity, program.exit_code
            )

    async def signal_container(self, container_id: str, signal: str) -> None:
        self._note("signal_container", f"{container_id} {signal}")
        spec = self._specs.get(container_id)
        if spec is None:
            return
        program = self.programs.get(spec.image, Program())
        if signal == "SIGKILL":
            self._end(spec.pod.uid, container_id, 137)
        elif not program.ignores_term:
            self._end(spec.pod.uid, container_id, 143)

    async def stop_container(self, container_id: str, *, grace_s: float) -> None:
        self._note("stop_container", f"{container_id} {grace_s:g}")
        if container_id not in self._ended:
            return
        await self.signal_container(container_id, "")
        try:
            async with asyncio.timeout(grace_s):
                await self._ended[container_id].wait()
        except TimeoutError:
            await self.signal_container(container_id, "SIGKILL")

    async def resize_container(self, container_id: str, resources: Resources, *, pod_cpu_shares: int) -> None:
        self._note("resize_container", f"{container_id} pod={pod_cpu_shares}")
        if not isinstance(self._states().get(container_id), Running):
            raise EngineError("ResizeError", f"cannot resize the container {container_id}: it does not run")
        self._specs[container_id] = replace(self._specs[container_id], resources=resources)

    async def remove_container(self, container_id: str) -> None:
        self._note("remove_container", container_id)
        await self.signal_container(container_id, "SIGKILL")
        for pod in self._pods.values():
            pod.containers.pop(container_id, None)

    async def reopen_log(self, container_id: str) -> None:
        self._note("reopen_log", container_id)

    async def remove_pod(self, uid: str) -> None:
        self._note("remove_pod", uid)
        pod = self._pods.get(uid)
        for container_id in tuple(pod.containers) if pod else ():
            await self.signal_container(container_id, "SIGKILL")
        self._pods.pop(uid, None)

    async def exits(self) -> AsyncIterator[ExitNotice]:
        while True:
            yield await self._notices.get()

    async def usage(self, uid: str) -> tuple[Usage, ...]:
        pod = self._pods.get(uid)
        living = [one for one in pod.containers.values() if isinstance(one.state, Running)] if pod else []
        return tuple(
            Usage(
                one.name,
                cpu_usage_ns=1_000_000,
                working_set_bytes=self.working_sets.get((uid, one.name), 1 << 20),
                pids=self.pids.get((uid, one.name), 1),
            )
            for one in living
        )

    async def exec(
        self, container_id: str, argv: tuple[str, ...], *, timeout_s: float, limit_bytes: int = 10240
    ) -> ExecResult:
        self._note("exec", container_id)
        self._living(container_id)
        end_s = asyncio.get_running_loop().time() + timeout_s
        result = await self.commands(container_id, argv) if self.commands else Command(output=" ".join(argv))
        left_s = end_s - asyncio.get_running_loop().time()
        ended = self._ended[container_id].wait()
        try:
            async with asyncio.timeout(min(left_s, result.takes_s) if result.takes_s else 0):
                await ended
        except TimeoutError:
            pass
        else:
            return ExecResult(137, b"")
        late = result.takes_s > left_s
        return ExecResult(
            result.exit_code,
            result.output.encode()[:limit_bytes],
            timed_out=late,
            not_started="" if late else result.not_started,
        )

    async def open_exec(self, container_id: str, argv: tuple[str, ...], *, stdin: bool, tty: bool) -> ExecSession:
        del argv, stdin, tty
        self._living(container_id)
        raise EngineError("BadRequest", "the fake has no interactive commands")

    async def open_attach(self, container_id: str, *, stdin: bool, tty: bool) -> AttachSession:
        self._note("open_attach", container_id)
        self._living(container_id)
        return FakeAttach(self._mains[container_id], stdin=stdin, tty=tty)

    async def open_port(self, uid: str, port: int) -> PodConnection:
        self._note("open_port", f"{uid} {port}")
        pod = self._pods.get(uid)
        if pod is None or pod.sandbox is None or not pod.sandbox.ready:
            raise EngineError("PortForwardError", f"the pod {uid} has no sandbox that is up")
        living = (one for one in pod.containers.values() if isinstance(one.state, Running))
        if port not in (self.programs.get(one.image, Program()).echo_port for one in living):
            raise refused(port)
        self.connections.append(FakeConnection())
        return self.connections[-1]

    # ---- the tests' handles

    def kill(self, pod_uid: str, container: str, exit_code: int = 137, *, oom: bool = False) -> None:
        """End the running instance of a container from outside."""
        for one in tuple(self._pods[pod_uid].containers.values()):
            if one.name == container and isinstance(one.state, Running):
                self._end(pod_uid, one.id, exit_code, oom=oom)

    def lose_sandbox(self, pod_uid: str) -> None:
        """The infra container dies: the network is gone, the containers stay."""
        pod = self._pods[pod_uid]
        if pod.sandbox:
            pod.sandbox = replace(pod.sandbox, ready=False)
        self._notices.put_nowait(ExitNotice(pod_uid, ""))

    def reboot(self) -> None:
        """Everything stops at once, nothing is told; what was made stays on disk."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for pod in self._pods.values():
            pod.sandbox = replace(pod.sandbox, ready=False) if pod.sandbox else None
            for one in pod.containers.values():
                if isinstance(one.state, Running):
                    lost = Exited(exit_code=137, started_at=one.state.started_at, finished_at=None, lost=True)
                    pod.containers[one.id] = replace(one, state=lost)

    def containers(self, pod_uid: str) -> tuple[ObservedContainer, ...]:
        """All instances of a pod."""
        pod = self._pods.get(pod_uid)
        return self._observed(pod).containers if pod else ()

    def spec(self, container_id: str) -> ContainerSpec:
        """What an instance was made to."""
        return self._specs[container_id]

    def running(self) -> list[str]:
        """Names of the running containers, `pod/container`."""
        return sorted(
            f"{pod.ref.name}/{one.name}"
            for pod in self._pods.values()
            for one in pod.containers.values()
            if isinstance(one.state, Running)
        )

    # ---- inside

    def _note(self, name: str, about: str = "") -> None:
        self.calls.append(f"{name} {about}".strip())
        if name in self.failing:
            raise self.failing[name]

    def _living(self, container_id: str) -> None:
        if not isinstance(self._states().get(container_id), Running):
            raise EngineError("BadRequest", "container not running")

    def _states(self) -> dict[str, ContainerState]:
        return {one.id: one.state for pod in self._pods.values() for one in pod.containers.values()}

    def _end(self, uid: str, container_id: str, exit_code: int, message: str = "", *, oom: bool = False) -> None:
        if timer := self._timers.pop(container_id, None):
            timer.cancel()
        pod = self._pods.get(uid)
        one = pod.containers.get(container_id) if pod else None
        if pod is None or one is None or not isinstance(one.state, Running):
            return
        ended = Exited(
            exit_code=exit_code,
            started_at=one.state.started_at,
            finished_at=self._clock.now(),
            oom_killed=oom,
            message=message,
        )
        pod.containers[container_id] = replace(one, state=ended)
        self._mains[container_id].end()
        if self.programs.get(one.image, Program()).echo_port:
            for connection in self.connections:
                connection.die()
        self._ended[container_id].set()
        self._notices.put_nowait(ExitNotice(uid, one.name))

    @staticmethod
    def _observed(pod: _Pod) -> ObservedPod:
        ordered = sorted(pod.containers.values(), key=lambda one: (one.name, one.instance))
        return ObservedPod(pod.ref, pod.sandbox, tuple(ordered))
