"""ports.runtime on Podman: sandboxes and containers by libpod's REST, everything else without the engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgelet.adapters.podman import cgroups, exec_session, exit_files, externals, facts, host_sweep, monitor
from edgelet.adapters.podman.bridge_mac import BridgeMac
from edgelet.adapters.podman.clearing import Clearing
from edgelet.adapters.podman.containers import Containers
from edgelet.adapters.podman.exec import Executor
from edgelet.adapters.podman.exits import ExitWatch
from edgelet.adapters.podman.inspection import Inspected
from edgelet.adapters.podman.inventory import Inventory
from edgelet.adapters.podman.libpod import Libpod
from edgelet.adapters.podman.netns_intents import NetnsIntents
from edgelet.adapters.podman.network import PodNetwork
from edgelet.adapters.podman.pod_cgroups import PodCgroups
from edgelet.adapters.podman.recovery import Sweeper
from edgelet.adapters.podman.sandbox import InfraSandbox
from edgelet.adapters.podman.sandboxes import EitherSandbox, NamespaceSandbox, Sandboxes
from edgelet.adapters.podman.stalled_starts import StalledStarts
from edgelet.adapters.podman.station import station
from edgelet.adapters.podman.translate import Abilities
from edgelet.adapters.podman.usage import UsageSampler
from edgelet.api.errors import EngineError
from edgelet.ports.clock import Clock
from edgelet.ports.pinned_sandboxes import PinnedSandboxes
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
    SandboxSpec,
    Usage,
)

if TYPE_CHECKING:
    from edgelet.adapters.podman.attach_session import PipeSession

_OOM_SCORE_ADJ_LEAST = -1000


class PodmanRuntime:
    """Satisfies ports.runtime.Runtime. Touches nothing that does not carry the label edgelet.owner=<owner>.

    Args:
        libpod: The engine's API.
        info: What was found at start.
        owner: This agent's own name on its objects.
        run_dir: A directory of ours on tmpfs; lives as long as the containers, not longer than the boot.
        exits_dir: Where conmon writes exit codes.
        oci_runtime_path: runc or crun, the one that runs the containers.
        network: The pods' bridge.
        clock: For ends that left no time.
        pinned: The keeper of sandboxes without an infra container; None where this board cannot have them.
        prefer_pinned: Whether new sandboxes are such; those that are there are seen and removed either way.
        own_storage: Nobody else uses the engine's storage.
        unsettled_s: See PodCgroups.
    """

    def __init__(
        self,
        *,
        libpod: Libpod,
        info: EngineInfo,
        owner: str,
        run_dir: Path,
        exits_dir: Path,
        oci_runtime_path: str,
        network: PodNetwork,
        clock: Clock,
        pinned: PinnedSandboxes | None = None,
        prefer_pinned: bool = False,
        own_storage: bool = False,
        unsettled_s: float = 0.0,
    ) -> None:
        self._info = info
        self._libpod = libpod
        self._network = network
        self._bridge_mac = BridgeMac(network.bridge if network.name else "")
        self._exits_dir = exits_dir
        self._exits = ExitWatch(exit_dir=exits_dir, clock=clock)
        self._inventory = Inventory(libpod=libpod, exits=self._exits, owner=owner, pinned=pinned)
        self._sweeper = Sweeper(run_dir=run_dir, oci_runtime=oci_runtime_path)
        self._stalled = StalledStarts(oci_runtime=oci_runtime_path)
        self._containers = Containers(
            libpod=libpod,
            inventory=self._inventory,
            exits=self._exits,
            sweeper=self._sweeper,
            stalled=self._stalled,
            owner=owner,
            abilities=_abilities(info),
            clock=clock,
        )
        self._pinned = pinned
        self._prefer_pinned = prefer_pinned
        self._cgroups = PodCgroups(info.cgroup_manager, marks=run_dir / "pod-cgroups", unsettled_s=unsettled_s)
        self._intents = NetnsIntents(run_dir)
        self._sandbox = self._both(owner, prefer_pinned=prefer_pinned)
        self._executor = Executor(run_dir=run_dir, oci_runtime=oci_runtime_path)
        self._attached: dict[str, set[PipeSession]] = {}  # by container: those that hold its input
        self._usage = UsageSampler()
        self._clearing = Clearing(
            self._intents.sweep,
            lambda: host_sweep.sweep(libpod=libpod, inventory=self._inventory, network=network),
            lambda: exit_files.sweep(libpod, exits_dir),
            *((lambda: externals.sweep(libpod),) if own_storage else ()),
            self._finish_removals,
            self._sweep_cgroups,
        )

    @property
    def info(self) -> EngineInfo:
        """What was found at start."""
        return self._info

    async def pods(self) -> tuple[ObservedPod, ...]:
        """Look at everything of ours: a list of pods, one of containers, inspects only of what changed."""
        seen = await self._inventory.look()
        self._usage.keep_only(self._exits.known())
        return seen

    async def pod(self, uid: str) -> ObservedPod | None:
        """Look at one pod; the engine is asked only if something was done to it whose outcome is not known."""
        seen = await self._inventory.look(uid)
        return seen[0] if seen else None

    async def create_sandbox(self, spec: SandboxSpec) -> None:
        """Make and start the sandbox."""
        try:
            await self._sandbox.create(spec)
        finally:
            self._cgroups.made(spec.pod.uid)

    async def start_container(self, spec: ContainerSpec, *, before_start: BeforeStart | None = None) -> None:
        """Create and start one instance."""
        with station("CreateContainerError", f"look for the sandbox of {spec.pod.name}"):
            sandbox = await self._sandbox.newest(spec.pod.uid)
            # Podman would start a dead infra container again, with a network that the others are not in.
            ready = sandbox is not None and await self._sandbox.is_up(sandbox)
        if sandbox is None or not ready:
            raise EngineError(
                "CreateContainerError", f"cannot create the container {spec.name}: its pod has no sandbox that is up"
            )
        with self._inventory.touching(spec.pod.uid):
            await self._containers.start(spec, sandbox, before_start=before_start)

    async def signal_container(self, container_id: str, signal: str) -> None:
        """Send a signal to the main process."""
        await self._containers.signal(container_id, signal)

    async def stop_container(self, container_id: str, *, grace_s: float) -> None:
        """Stop a container and whatever is left of it."""
        await self._containers.stop(container_id, grace_s=grace_s)

    async def resize_container(self, container_id: str, resources: Resources, *, pod_cpu_shares: int) -> None:
        """Give a running container other limits."""
        container = await self._containers.resize(container_id, resources)
        for each in self._inventory.pinned(container.pod.uid) if container.pod else ():
            if each.pinned is not None:
                self._cgroups.weigh(each.pinned.spec, pod_cpu_shares)

    async def remove_container(self, container_id: str) -> None:
        """Remove an instance."""
        await self._containers.remove(container_id)

    async def reopen_log(self, container_id: str) -> None:
        """Have a container's log file made anew."""
        with station("RunContainerError", f"look at the container {container_id[:12]}"):
            container = await self._inventory.find(container_id)
        if container is not None and container.config_path:
            monitor.reopen_log(container.config_path)

    async def remove_pod(self, uid: str) -> None:
        """Remove sandboxes, containers and what they leak."""
        with station("KillPodSandboxError", f"look at the pod {uid}"):
            sandboxes = await self._inventory.sandboxes(uid)
            containers = await self._inventory.containers(uid)
        inside = {sandbox.id for sandbox in sandboxes}
        for sandbox in sandboxes:
            await self._sandbox.remove(sandbox)
        for container in containers:
            if container.pod_id not in inside:
                await self._containers.remove(container.id)
        await self._cgroups.remove(uid)

    async def recover(self) -> None:
        """Finish removals that an earlier agent began, sweep what a killed engine left on the host.

        At start, and whenever the engine was killed or did not answer; harmless beside running work.

        Raises:
            EngineError: EngineUnavailable: the engine does not answer.
        """
        self._inventory.doubt()
        if self._pinned is not None:
            await self._pinned.recover()
        self._bridge_mac.keep()
        await self._clearing.run()

    @property
    def unswept(self) -> bool:
        """Whether the last recovery, or a removal, left something for another time."""
        return self._clearing.unswept or self._cgroups.unswept

    async def _finish_removals(self) -> None:
        if self._sweeper.unfinished():
            alive = frozenset(each.id for each in await self._inventory.containers(None))
            await self._sweeper.finish_all(alive)

    async def _sweep_cgroups(self) -> None:
        idle = self._cgroups.idle()
        self._cgroups.sweep(idle, await self._uids())

    def exits(self) -> AsyncIterator[ExitNotice]:
        """Notices of ends. One reader."""
        return self._exits.notices()

    async def usage(self, uid: str) -> tuple[Usage, ...]:
        """Sample the running containers of a pod."""
        if not self._inventory.remembered(uid):
            await self._inventory.look(uid)
        seen = self._inventory.remembered(uid)
        return self._usage.sample(each for each in seen if self._runs(each) and not each.infra)

    async def exec(
        self, container_id: str, argv: tuple[str, ...], *, timeout_s: float, limit_bytes: int = 10240
    ) -> ExecResult:
        """Run a command inside a running container."""
        container = await self._running(container_id)
        return await self._executor.run(container, argv, timeout_s=timeout_s, limit_bytes=limit_bytes)

    async def open_exec(self, container_id: str, argv: tuple[str, ...], *, stdin: bool, tty: bool) -> ExecSession:
        """Start an interactive command."""
        container = await self._running(container_id)
        return await exec_session.open_session(self._executor, container, argv, stdin=stdin, tty=tty)

    async def open_attach(self, container_id: str, *, stdin: bool, tty: bool) -> AttachSession:
        """Join the main process of a running container."""
        from edgelet.adapters.podman import attach_session  # noqa: PLC0415  memory, until somebody attaches

        container = await self._running(container_id)
        for other in [one for one, sessions in self._attached.items() if not sessions]:
            del self._attached[other]
        return attach_session.open_session(
            container,
            stdin=stdin,
            tty=tty,
            alive=lambda: not self._exits.is_dead(container_id),
            others=self._attached.setdefault(container_id, set()),
        )

    async def open_port(self, uid: str, port: int) -> PodConnection:
        """Connect to a port on the pod's localhost."""
        from edgelet.adapters.podman import pod_port  # noqa: PLC0415  memory, until somebody forwards a port

        return await pod_port.connect(await self._network_path(uid), port)

    async def _network_path(self, uid: str) -> str:
        """Return where the pod's network is; "" is the host's. Raises EngineError(PortForwardError)."""
        with station("PortForwardError", f"look for the sandbox of {uid}"):
            sandbox = await self._sandbox.newest(uid)
            ready = sandbox is not None and await self._sandbox.is_up(sandbox)
        if sandbox is None or not ready:
            raise EngineError("PortForwardError", f"the pod {uid} has no sandbox that is up")
        if sandbox.namespaces.network:
            return ""
        if sandbox.pinned is not None and sandbox.pinned.network_path:
            return sandbox.pinned.network_path
        with station("PortForwardError", f"inspect the sandbox {sandbox.name}"):
            infra = await self._inventory.find(sandbox.infra_id)
        if infra is None or not infra.netns_path:  # never "", which would be the host's network
            raise EngineError("PortForwardError", f"the pod {uid} has no network namespace")
        return infra.netns_path

    def close(self) -> None:
        """Let go of processes and files; the containers live on."""
        self._exits.close()
        self._usage.keep_only(frozenset())

    def _both(self, owner: str, *, prefer_pinned: bool) -> Sandboxes:
        infra = InfraSandbox(
            libpod=self._libpod,
            inventory=self._inventory,
            exits=self._exits,
            sweeper=self._sweeper,
            stalled=self._stalled,
            network=self._network,
            bridge_mac=self._bridge_mac,
            owner=owner,
            cgroups=self._cgroups,
            intents=self._intents,
            address=self._address,
        )
        if self._pinned is None:
            return infra
        namespaces = NamespaceSandbox(
            kept=self._pinned,
            inventory=self._inventory,
            cgroups=self._cgroups,
            remove_container=self._containers.remove,
        )
        return EitherSandbox(infra=infra, namespaces=namespaces, prefer_namespaces=prefer_pinned)

    def _address(self) -> str:
        """Give an infra container an address that no pinned sandbox has: netavark does not know of those."""
        if self._pinned is None or not (self._prefer_pinned or self._pinned.look()):
            return ""
        return self._pinned.free_address(taken=self._inventory.addresses())

    async def _uids(self) -> frozenset[str]:
        """Return the pods of which anything is there."""
        containers = await self._inventory.containers(None)
        sandboxes = await self._inventory.sandboxes(None)
        return frozenset({*(each.pod.uid for each in containers if each.pod), *(each.pod.uid for each in sandboxes)})

    async def _running(self, container_id: str) -> Inspected:
        with station("BadRequest", f"look at the container {container_id[:12]}"):
            container = await self._inventory.find(container_id)
        if container is None or not self._runs(container):
            raise EngineError("BadRequest", f"cannot run a command: the container {container_id[:12]} is not running")
        return container

    def _runs(self, container: Inspected) -> bool:
        return container.alive and not self._exits.is_dead(container.id)


def _abilities(info: EngineInfo) -> Abilities:
    """The kernel refuses a lower oom_score_adj than ours without CAP_SYS_RESOURCE, and the whole start with it."""
    proc = Path("/proc/self")
    free = facts.may_raise_limits((proc / "status").read_text())
    own = int((proc / "oom_score_adj").read_text())
    return Abilities(
        memory_cgroup=info.memory_cgroup,
        oom_score_adj_min=_OOM_SCORE_ADJ_LEAST if free else own,
        huge_page_sizes=cgroups.huge_page_sizes() if cgroups.huge_page_controller() else (),
    )
