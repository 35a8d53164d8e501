"""The board as pods, people and the broker see it: facts for pods, the Node object, metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edgelet import __version__
from edgelet.adapters.host import block_writes, mounts
from edgelet.agent.board_policy import BoardPolicy
from edgelet.agent.engine_gate import EngineGate
from edgelet.api import sealed_secret
from edgelet.api.amount import NOTHING, Amount
from edgelet.api.errors import EdgeletError
from edgelet.api.quantity import Quantity
from edgelet.config.settings import Settings
from edgelet.node import node_document, write_budget
from edgelet.node.node_document import Engine, Reserved, SeenNode
from edgelet.node.node_identity import SeenIdentity
from edgelet.node.telemetry import Metrics, UsageSampler
from edgelet.node.write_budget import Written
from edgelet.pods.node_facts import NodeFacts
from edgelet.ports.clock import Clock
from edgelet.ports.host import Host
from edgelet.ports.images import ImageInfo
from edgelet.ports.kept_certificate import KeptCertificate
from edgelet.ports.object_store import Document, Key, ObjectStore
from edgelet.ports.runtime import PodRef

if TYPE_CHECKING:
    from edgelet.intake.signed_desired import SignedDesired

log = logging.getLogger(__name__)

_WRITES = "edgelet/flash-writes-24h"  # in NodeMetrics, beside cpu and memory
_ADDRESSES_S = 10.0  # how old the addresses may be that statuses show
_MB = 1_000_000
_CAP_SYS_RESOURCE = 1 << 24  # Source: linux/capability.h


class KnownSecrets(Protocol):
    """What the Node tells of this node's Secrets."""

    @property
    def public_key(self) -> str: ...

    @property
    def trouble(self) -> str: ...


class Board:
    """One node: who it is and how it is."""

    def __init__(
        self,
        settings: Settings,
        *,
        host: Host,
        store: ObjectStore,
        gate: EngineGate,
        clock: Clock,
        policy: BoardPolicy,
    ) -> None:
        self._settings = settings
        self._policy = policy
        self._host = host
        self._store = store
        self._gate = gate
        self._clock = clock
        self.facts = host.facts()
        self.name = settings.node.name
        self.key = Key("Node", "", self.name)
        self._reserved = reserved(settings, memory_bytes=self.facts.memory_bytes)
        self.apparmor = apparmor_enabled(Path("/sys/module/apparmor/parameters/enabled"))
        self._may_lower_oom_score = may_lower_oom_score(Path("/proc/self/status"))
        self._previous: Document | None = None
        self._addresses: tuple[str, ...] = ()
        self._addressed_s = float("-inf")
        self._born = clock.now()
        self._version = 0
        self.images: tuple[ImageInfo, ...] = ()
        self.state_trouble = ""  # why what comes cannot be kept, for people; set by whoever looks after the state
        self.pressures: Mapping[str, str] = {}  # conditions that are so, with words; set by the eviction loop
        self.secrets: KnownSecrets | None = None  # set by whoever opened the keys
        self.cluster_dns: tuple[str, ...] = ()  # whom pods ask for names; set by whoever keeps a server
        self.signed: SignedDesired | None = None  # set where desired state has to be signed
        self.identity: Callable[[], SeenIdentity | None] = lambda: None  # of an encrypted link; set by whoever keeps it
        self.certificate: KeptCertificate | None = None  # set by whoever keeps it
        self._written = Written(block_writes.total_bytes())
        self._write_budget_bytes = settings.flash.write_budget_mb_per_day * _MB
        self._sampler = UsageSampler(node_name=self.name, host_usage=host.usage, pod_usage=gate.usage, clock=clock)

    def for_pods(self) -> NodeFacts:
        """Return what pods are resolved against, as of now."""
        return NodeFacts(
            name=self.name,
            host_ips=self.host_ips(),
            cpu_allocatable_milli=max(0, self.facts.cpus * 1000 - self._reserved.milli_cpu),
            memory_allocatable_bytes=max(
                0, self.facts.memory_bytes - self.facts.huge_page_bytes - self._reserved.memory_bytes
            ),
            huge_pages=self.facts.huge_pages,
            memory_capacity_bytes=self.facts.memory_bytes,
            ephemeral_storage_allocatable_bytes=self._host.disk(str(self._settings.paths.state)).total_bytes,
            seccomp_directory=str(self._settings.paths.state / "seccomp"),
            cluster_domain=self._settings.network.cluster_domain,
            cluster_dns=self.cluster_dns,
            negative_oom_score_allowed=self._may_lower_oom_score,
            container_pids_limit=self._settings.workload.container_pids_limit,
            recursive_read_only_supported=mounts.tree_read_only_supported(),
        )

    def addresses(self) -> tuple[str, ...]:
        """Return the board's addresses, the one to be reached at first."""
        now_s = self._clock.monotonic_s()
        if now_s - self._addressed_s >= _ADDRESSES_S:
            self._addresses, self._addressed_s = self._host.addresses(), now_s
        return self._addresses

    def host_ips(self) -> tuple[str, ...]:
        """Return the board's address and, where it has one, that of the other IP version: status.hostIPs."""
        return one_a_version(self.addresses())

    def labels(self) -> dict[str, str]:
        """Return the node's labels."""
        found = node_document.desired(self.name, self.facts, labels=self._settings.node.labels)
        return dict(found["metadata"]["labels"])

    def document(self) -> Document:
        """Return the Node object."""
        engine = None if self._gate.trouble else Engine(name=self._gate.info.name, version=self._gate.info.version)
        identity = self.identity()
        seen = SeenNode(
            facts=self.facts,
            usage=self._host.usage(),
            addresses=self.addresses(),
            images=self.images,
            agent_version=__version__,
            engine=engine,
            not_ready=self._gate.trouble,
            pressures=self.pressures,
            flash_pressure=self.flash_pressure,
            policy_fault=self._policy.fault,
            state_trouble=self.state_trouble,
            secret_trouble=self.secrets.trouble if self.secrets else "",
            stale=self.signed.stale if self.signed is not None else None,
            reserved=self._reserved,
            identity=identity,
        )
        status = node_document.status(seen, previous=self._previous, now=self._clock.now())
        if self._previous is None or node_document.without_heartbeat(status) != node_document.without_heartbeat(
            self._previous
        ):
            self._version = self._store.resource_version
        self._previous = status
        desired = node_document.desired(self.name, self.facts, labels=self._settings.node.labels, identity=identity)
        public_key = self.secrets.public_key if self.secrets else ""
        annotations = dict(desired["metadata"].get("annotations") or {})
        if public_key:
            annotations[sealed_secret.KEY_ANNOTATION] = public_key
        metadata = {
            **desired["metadata"],
            **({"annotations": annotations} if annotations else {}),
            "uid": self.facts.machine_id or self.name,
            "resourceVersion": str(max(1, self._version)),
            "creationTimestamp": self._born.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if self.signed is not None:
            metadata["annotations"] = {**metadata.get("annotations", {}), **self.signed.annotations()}
        return {**desired, "metadata": metadata, "status": status}

    @property
    def flash_pressure(self) -> str:
        """Why too much was written to flash, for people; "" where it was not."""
        return write_budget.explanation(self._written, budget_bytes=self._write_budget_bytes)

    def count_writes(self) -> bool:
        """Count what was written to flash since the last look; True if the budget is exceeded from now on."""
        before = self._written.pressed
        self._written = write_budget.advance(
            self._written,
            total_bytes=block_writes.total_bytes(),
            now_s=self._clock.monotonic_s(),
            budget_bytes=self._write_budget_bytes,
        )
        return self._written.pressed and not before

    async def refresh_images(self) -> None:
        """Look which images are here; what cannot be seen stays as it was."""
        try:
            self.images = await self._gate.list()
        except EdgeletError as error:
            log.warning("cannot list the images", extra={"reason": error.reason, "error": error.message})

    async def metrics(self) -> Metrics:
        """Measure the node and all pods."""
        pods = [
            PodRef(stored.uid, stored.key.namespace, stored.key.name)
            for stored in self._store.list("Pod")
            if (stored.document.get("status") or {}).get("phase") == "Running"
        ]
        found = await self._sampler.measure(pods)
        self.count_writes()
        written = {_WRITES: str(Quantity.of_bytes(self._written.day_bytes))}
        return replace(found, node={**found.node, "usage": {**found.node["usage"], **written}})


def reserved(settings: Settings, *, memory_bytes: int) -> Reserved:
    """Return what pods may not have of a board with so much memory: what is reserved, and what they are evicted for.

    Source: Kubernetes pkg/kubelet/cm/node_container_manager_linux.go GetNodeAllocatableReservation.
    """
    workload, hard = settings.workload, settings.eviction.hard
    kept = {signal: Amount.parse(hard[signal]) for signal in ("memory.available", "nodefs.available")}
    kept = {signal: NOTHING if amount.is_nothing else amount for signal, amount in kept.items()}
    return Reserved(
        milli_cpu=Quantity.parse(workload.reserved_cpu).to_milli(),
        memory_bytes=Quantity.parse(workload.reserved_memory).to_bytes() + kept["memory.available"].of(memory_bytes),
        pods_max=workload.max_pods,
        storage=kept["nodefs.available"],
    )


def may_lower_oom_score(status_file: Path) -> bool:
    """Whether this process may give a container a negative oom_score_adj: CAP_SYS_RESOURCE."""
    try:
        lines = status_file.read_text(encoding="ascii").splitlines()
    except OSError:
        return False
    effective = next((line.split()[1] for line in lines if line.startswith("CapEff:")), "0")
    return bool(int(effective, 16) & _CAP_SYS_RESOURCE)


def apparmor_enabled(parameter: Path) -> bool:
    """Whether the kernel enforces AppArmor, from the file that says so."""
    try:
        return parameter.read_text().startswith("Y")
    except OSError:
        return False


def one_a_version(addresses: Sequence[str]) -> tuple[str, ...]:
    """Return the first address, and the first of the other IP version.

    Source: Kubernetes pkg/kubelet getHostIPsAnyWay, component-helpers GetNodeHostIPs.
    """
    first = {":" in address: address for address in reversed(addresses)}
    return tuple(sorted(first.values(), key=addresses.index))
