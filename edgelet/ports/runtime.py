"""The container engine as the pod worker sees it: sandboxes, containers, what is there, what ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from edgelet.ports.pod_streams import AttachSession, PodConnection

# ---- what is asked for: values without Kubernetes' references, all paths and numbers resolved


@dataclass(frozen=True, slots=True)
class PodRef:
    """Which pod: what labels carry and directories are named after."""

    uid: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class PortMapping:
    """A hostPort. `host_ip` "" means all addresses."""

    container_port: int
    host_port: int
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    host_ip: str = ""


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """What the containers of a pod share."""

    pod: PodRef
    hostname: str
    host_network: bool = False
    host_pid: bool = False
    host_ipc: bool = False
    share_process_namespace: bool = False
    ports: tuple[PortMapping, ...] = ()
    dns_servers: tuple[str, ...] = ()  # all three empty: the host's resolv.conf
    dns_searches: tuple[str, ...] = ()
    dns_options: tuple[str, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    cgroup_parent: str = ""  # "" = the engine's own place
    qos: Literal["Guaranteed", "Burstable", "BestEffort"] = "Burstable"
    cpu_shares: int = 0  # what all containers ask for together; 0 = not set
    cpu_quota_us: int = 0  # per 100 ms, for all containers together; 0 = not set
    memory_limit_bytes: int = 0  # for all containers together; 0 = not set
    user_ids_first: int = 0  # the host's user that is root in the pod, 65535 more follow; 0 = the host's users
    attempt: int = 0  # counts sandboxes of one pod


@dataclass(frozen=True, slots=True)
class Mount:
    """A bind of a host path that exists."""

    source: str
    target: str
    read_only: bool = False
    propagation: Literal["private", "rslave", "rshared"] = "private"


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits as the cgroup takes them; 0 = not set."""

    cpu_shares: int = 0
    cpu_quota_us: int = 0  # per period of 100 ms
    memory_limit_bytes: int = 0
    pids_limit: int = 0  # processes and threads; -1: no limit, 0: the engine's own
    oom_score_adj: int | None = None
    huge_pages: Mapping[int, int] = field(default_factory=dict)  # size of a page -> bytes; sizes left out: none at all


@dataclass(frozen=True, slots=True)
class Security:
    """The process's rights. None = the image's or the engine's default."""

    user: str | None = None  # "1000", "1000:2000"
    groups: tuple[int, ...] = ()
    privileged: bool = False
    no_new_privileges: bool = False
    read_only_root: bool = False
    capabilities_add: tuple[str, ...] = ()  # without CAP_; ALL allowed
    capabilities_drop: tuple[str, ...] = ()
    seccomp: str = ""  # "" = the engine's default, "unconfined", or the path of a profile
    apparmor: str = ""
    selinux: tuple[str, ...] = ()
    unmask_proc: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One instance of a container. (pod uid, name, instance) is its identity: asking twice makes one."""

    pod: PodRef
    name: str
    instance: int  # restartCount this instance will show; 0 for the first
    image: str  # the id or reference the engine knows it by
    spec_hash: str  # of what makes it another container when it changes (name and image)
    image_ref: str = ""  # name@digest of it, given back by observation; "" = the engine's word
    command: tuple[str, ...] | None = None  # replaces ENTRYPOINT and CMD; None = the image's
    args: tuple[str, ...] | None = None  # replaces CMD; None = the image's (if command is None too)
    env: tuple[tuple[str, str], ...] = ()
    working_dir: str | None = None
    mounts: tuple[Mount, ...] = ()
    resources: Resources = Resources()
    security: Security = Security()
    log_path: str = ""  # absolute; its directory exists
    stdin: bool = False
    tty: bool = False
    stop_signal: str | None = None
    pid_namespace_of: str = ""  # id of a running container of the pod whose processes it shall see; "" = its own
    labels: Mapping[str, str] = field(default_factory=dict)  # further ones, kept and given back by observation


# ---- what is seen


@dataclass(frozen=True, slots=True)
class Created:
    """Made, never started."""


@dataclass(frozen=True, slots=True)
class Running:
    """The main process lives."""

    started_at: datetime
    pid: int


@dataclass(frozen=True, slots=True)
class Exited:
    """The main process ended. After a reboot or a lost conmon the code may be unknown: `lost` is True, code 137."""

    exit_code: int
    started_at: datetime | None
    finished_at: datetime | None
    oom_killed: bool = False
    lost: bool = False
    message: str = ""  # the engine's own error, where a start failed


ContainerState = Created | Running | Exited


@dataclass(frozen=True, slots=True)
class ProcessUser:
    """Who a container's first process was started as."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()  # its own included


@dataclass(frozen=True, slots=True)
class ObservedContainer:
    """One instance as the engine knows it."""

    id: str
    name: str
    instance: int
    spec_hash: str
    image: str  # what the engine calls it
    image_id: str  # digest reference, or the id where there is no digest
    state: ContainerState
    created_at: datetime
    log_path: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    user: ProcessUser | None = None  # None: not known
    layer_path: str = ""  # directory of what it wrote into its root file system; "" where the engine has no such thing


@dataclass(frozen=True, slots=True)
class ObservedSandbox:
    """The shared namespaces. `ready`: network up and alive; not ready = half made, dead or from before a reboot."""

    id: str
    ready: bool
    ips: tuple[str, ...]
    created_at: datetime
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class ObservedPod:
    """Everything of one pod that carries our labels. `containers` are sorted by (name, instance)."""

    pod: PodRef
    sandbox: ObservedSandbox | None
    containers: tuple[ObservedContainer, ...] = ()


@dataclass(frozen=True, slots=True)
class ExitNotice:
    """A container (or the sandbox: `container` is "") of this pod ended, or may have: look again."""

    pod_uid: str
    container: str


@dataclass(frozen=True, slots=True)
class Usage:
    """One sample of a running container, from its cgroup."""

    container: str
    cpu_usage_ns: int  # since its start
    working_set_bytes: int
    pids: int


@dataclass(frozen=True, slots=True)
class ExecResult:
    """A command that was run in a container. `timed_out`: it was killed and exit_code means nothing."""

    exit_code: int
    output: bytes  # stdout and stderr as they came, cut at the bound asked for
    timed_out: bool = False
    not_started: str = ""  # why there was no command at all (exit_code 126 or 127): not found, not executable


class ExecSession(Protocol):
    """An interactive process inside a container. Chunks are (1 stdout | 2 stderr, data); with a tty all is stdout."""

    def output(self) -> AsyncIterator[tuple[int, bytes]]: ...

    async def write(self, data: bytes) -> None: ...

    async def close_stdin(self) -> None: ...

    def resize(self, *, columns: int, rows: int) -> None: ...

    async def wait(self) -> int:
        """Return the exit code, after the output ended."""
        ...

    async def kill(self) -> None: ...


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What was found at start."""

    name: str  # podman
    version: str
    oci_runtime: str  # crun, runc
    cgroup_version: Literal[1, 2]
    cgroup_manager: Literal["cgroupfs", "systemd"]
    storage_root: str
    run_root: str
    network_backend: str
    memory_cgroup: bool  # False: stock Raspberry Pi OS, limits cannot be honoured


BeforeStart = Callable[[], Awaitable[None]]


class Runtime(Protocol):
    """Sandboxes and containers. Every call may be repeated after a crash between any two engine calls.

    Raises EngineError with Kubernetes' reason of the station (FailedCreatePodSandBox, CreateContainerError,
    RunContainerError, KillContainerError) or reason EngineUnavailable with retry_after where Podman does not answer.
    """

    @property
    def info(self) -> EngineInfo: ...

    async def pods(self) -> tuple[ObservedPod, ...]:
        """Look at everything of ours, one engine call. Also pods with no sandbox left and half-made ones."""
        ...

    async def pod(self, uid: str) -> ObservedPod | None:
        """Look at one pod; None if nothing of it is there."""
        ...

    async def create_sandbox(self, spec: SandboxSpec) -> None:
        """Make and start the sandbox; returns when its network is up. A half-made one is finished or replaced."""
        ...

    async def start_container(self, spec: ContainerSpec, *, before_start: BeforeStart | None = None) -> None:
        """Create and start one instance. Starts an instance that is Created, leaves alone one that already ran.

        `before_start` is waited for when it is created and before it is started; not if one of both is not to be done.
        """
        ...

    async def signal_container(self, container_id: str, signal: str) -> None:
        """Send a signal (SIGTERM, or the container's own stop signal for "") to the main process; no wait.

        A container that is not running is no error.
        """
        ...

    async def stop_container(self, container_id: str, *, grace_s: float) -> None:
        """Stop signal, at most grace_s of waiting, SIGKILL to all that is left of it; returns when it is gone."""
        ...

    async def resize_container(self, container_id: str, resources: Resources, *, pod_cpu_shares: int) -> None:
        """Give a running container other limits, without a stop; the group of its pod is weighed anew.

        What `resources` leaves at 0 has no limit afterwards; oom_score_adj and pids_limit stay. Raises
        EngineError(reason "ResizeError"): it does not run, or the kernel refuses.
        """
        ...

    async def remove_container(self, container_id: str) -> None:
        """Remove an instance, killing it if need be. Not there is no error. Its log file stays."""
        ...

    async def reopen_log(self, container_id: str) -> None:
        """Have a container's log file made anew, after it was renamed. One that is gone or ended is no error."""
        ...

    async def remove_pod(self, uid: str) -> None:
        """Remove sandbox, containers and whatever they leak (netns, veth, cgroup). Not there is no error."""
        ...

    def exits(self) -> AsyncIterator[ExitNotice]:
        """Notices of ends, within milliseconds, for pods seen by `pods` or `pod` or started here. One reader."""
        ...

    async def usage(self, uid: str) -> tuple[Usage, ...]:
        """Sample the running containers of a pod; empty when none runs."""
        ...

    async def exec(
        self, container_id: str, argv: tuple[str, ...], *, timeout_s: float, limit_bytes: int = 10240
    ) -> ExecResult:
        """Run a command inside a running container, without a shell, as its user, with its environment."""
        ...

    async def open_exec(self, container_id: str, argv: tuple[str, ...], *, stdin: bool, tty: bool) -> ExecSession:
        """Start an interactive command. Raises EngineError(reason "BadRequest") if the container is not running."""
        ...

    async def open_attach(self, container_id: str, *, stdin: bool, tty: bool) -> AttachSession:
        """Join the main process of a running container, whose `tty` it was made with.

        Raises EngineError: BadRequest: it is not running; InternalError: its monitor does not answer.
        """
        ...

    async def open_port(self, uid: str, port: int) -> PodConnection:
        """Connect to a port on the pod's localhost, 127.0.0.1 first, then ::1.

        Raises EngineError(reason "PortForwardError"): nobody listens there, or the pod has no sandbox that is up.
        """
        ...
