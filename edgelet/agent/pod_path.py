"""The way of a Pod, on one page: from what arrives to what runs, and back to those who ask.

    mqtt | manifest folder | local API
      -> intake.reception     decode, defaults, admission
      -> object store         durable before it is acknowledged
      -> pods.dispatcher      one worker a pod: plan, execute, observe, status
      -> the engine           Podman, behind ports.runtime (agent/engine.py)
      -> object store         status
      -> node.reporter        the broker (agent/link.py);  remote.api: the command line (agent/local_api.py)

Everything is made here, by hand, once. Nothing here decides anything.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgelet.adapters.host import user_ids
from edgelet.adapters.host.clock import SystemClock
from edgelet.adapters.host.fact_file import FactFile
from edgelet.adapters.host.folder_watch import InotifyFolder
from edgelet.adapters.host.host import PsutilHost
from edgelet.adapters.host.pod_files import HostPodFiles
from edgelet.adapters.host.tree_usage import HostTreeUsage
from edgelet.adapters.host.user_ids import IdRange
from edgelet.adapters.podman import cgroups
from edgelet.adapters.probes.net import StreamProbeNet
from edgelet.adapters.sqlite.store import SqliteStore
from edgelet.agent import engine, engine_repair
from edgelet.agent.board import Board
from edgelet.agent.board_policy import BoardPolicy
from edgelet.agent.engine_gate import EngineGate, FoundEngine
from edgelet.api import huge_pages
from edgelet.config.settings import Settings
from edgelet.controllers.namespace import NamespaceController
from edgelet.intake.admit import House
from edgelet.intake.manifest_folder import ManifestFolder
from edgelet.intake.reception import Reception
from edgelet.intake.successors import Successors
from edgelet.node.event_recorder import EventRecorder
from edgelet.pods import allocation, image_fetch, node_admission, pressure_admission
from edgelet.pods.adoption import Adoption
from edgelet.pods.command_turns import CommandTurns
from edgelet.pods.dispatcher import Dispatcher
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
from edgelet.ports.pod_files import PodPaths
from edgelet.ports.sealing import Opener

if TYPE_CHECKING:
    from edgelet.identity.time_keeper import TimeKeeper
    from edgelet.intake.signed_desired import SignedDesired

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # Source: Kubernetes' util/rand: nothing that makes words


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """What everything else stands on."""

    settings: Settings
    clock: SystemClock
    store: SqliteStore
    host: PsutilHost
    events: EventRecorder
    gate: EngineGate
    board: Board
    policy: BoardPolicy
    files: HostPodFiles
    synced: asyncio.Event  # the broker has told everything it knows, or there is none
    orphans_may_go: asyncio.Event
    adoption: Adoption
    lost: bool  # the store may lack objects of pods that run
    signed: SignedDesired | None  # None: the broker is believed
    keeper: TimeKeeper | None  # None: an encrypted link makes one for itself


def lay_foundation(
    settings: Settings, store: SqliteStore, clock: SystemClock, *, adoption: Adoption, fresh: bool
) -> Foundation:
    """Make the lower bands. `fresh`: the database was lost or never there, so what runs may be wanted by somebody."""
    policy = BoardPolicy(settings)
    how = engine.options(settings, policy)
    events = EventRecorder(clock=clock, host_name=settings.node.name, limit=settings.intake.events)

    def told(message: str) -> None:
        events.record(Key("Node", "", settings.node.name), "", type="Warning", reason="EngineRepaired", message=message)

    def find() -> Awaitable[FoundEngine]:
        return engine_repair.mending(
            settings, told, lambda: engine.find(settings, clock, told, how=how, after_kill=after_kill)
        )

    after_kill = not store.in_order or store.damage is not None
    gate = EngineGate(find, clock=clock, after_kill=after_kill)
    host = PsutilHost(state_directory=settings.paths.state, bridge=settings.network.bridge)
    board = Board(settings, host=host, store=store, gate=gate, clock=clock, policy=policy)
    keeper, signed = None, None
    if settings.trust.require_signature:
        from edgelet.agent import trust  # noqa: PLC0415  0.5 MB

        keeper = trust.make_keeper(clock, store.ledger)
        signed = trust.desired(settings, keeper, store=store, clock=clock, events=events, node=board.key)
    board.signed = signed
    orphans_may_go = asyncio.Event()
    if not fresh:
        orphans_may_go.set()
    paths = PodPaths(run=str(settings.paths.run), volumes=str(settings.paths.volumes), logs=str(settings.paths.logs))
    return Foundation(
        settings=settings,
        clock=clock,
        store=store,
        host=host,
        events=events,
        gate=gate,
        board=board,
        policy=policy,
        files=HostPodFiles(paths, ids=_user_ids(settings)),
        synced=asyncio.Event(),
        orphans_may_go=orphans_may_go,
        adoption=adoption,
        lost=fresh,
        signed=signed,
        keeper=keeper,
    )


def _user_ids(settings: Settings) -> IdRange:
    return IdRange(settings.workload.userns_first_id, settings.workload.userns_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """The one way into the store, and what brings a changed pod back after its forerunner."""

    reception: Reception
    successors: Successors


def make_door(base: Foundation, opener: Opener | None = None) -> Door:
    """From every source to the store; `opener` opens what comes sealed."""
    successors = Successors(base.store, base.clock)
    reception = Reception(
        store=base.store,
        successors=successors,
        house=House(
            node_name=base.board.name,
            policy=base.policy.in_force,
            memory_limits=cgroups.memory_controller(),
            huge_page_limits=cgroups.huge_page_controller(),
            no_user_namespaces=user_ids.why_not(_user_ids(base.settings)),
        ),
        max_object_bytes=base.settings.intake.max_object_bytes,
        opener=opener,
        make_suffix=lambda: "".join(random.choices(_SUFFIX_LETTERS, k=5)),  # noqa: S311  a name, no secret
    )
    return Door(reception=reception, successors=successors)


def make_dispatcher(base: Foundation) -> Dispatcher:
    """From the store to the engine."""
    workload = base.settings.workload
    backoff = BackoffSettings(initial_s=workload.backoff_initial_s, max_s=workload.backoff_max_s)
    image_backoff = BackoffSettings(initial_s=workload.image_backoff_initial_s, max_s=workload.image_backoff_max_s)
    care = CarePorts(
        runtime=base.gate,
        net=StreamProbeNet(),
        clock=base.clock,
        events=base.events,
        node=base.board.for_pods,
        turns=CommandTurns(workload.exec_probes_per_core * base.board.facts.cpus),
    )
    access = FactFile(base.settings.paths.state / "image-access", base.store.ledger)

    def warn(reason: str, message: str) -> None:
        base.events.record(base.board.key, "", type="Warning", reason=reason, message=message)

    executor = Executor(
        ExecutorPorts(
            store=base.store,
            runtime=base.gate,
            files=base.files,
            images=image_fetch.make(base.gate, access, clock=base.clock, backoff=image_backoff, tell=warn),
            events=base.events,
            objects=StoreObjects(base.store),
            clock=base.clock,
            node=base.board.for_pods,
            backoff=backoff,
            host_bounds=base.policy.host_bounds,
        )
    )
    facts = base.board.for_pods()
    ports = WorkerPorts(
        store=base.store,
        runtime=base.gate,
        executor=executor,
        status=StatusWriter(base.store, base.clock, base.board.host_ips),
        clock=base.clock,
        backoff=backoff,
        storage=lambda evict: StorageWatch(HostTreeUsage(), base.files.paths, base.clock, evict),
        care=care,
        recursive_read_only_supported=facts.recursive_read_only_supported,
        may_begin=base.signed.may_begin if base.signed is not None else lambda _: True,
    )
    room = _room(base, facts)
    return Dispatcher(
        ports=ports,
        files=base.files,
        admit=lambda pod, others: (
            pressure_admission.judge(pod, base.board.pressures.keys()) or node_admission.judge(pod, others, room)
        ),
        resize=lambda pod, others: allocation.judge(pod, others, room),
        orphans_may_go=base.orphans_may_go,
    )


def _room(base: Foundation, facts: NodeFacts) -> Room:
    return Room(
        name=base.board.name,
        labels=base.board.labels(),
        cpu_milli=facts.cpu_allocatable_milli,
        memory_bytes=facts.memory_allocatable_bytes,
        pods=base.settings.workload.max_pods,
        apparmor=base.board.apparmor,
        huge_pages={huge_pages.resource(size): total for size, total in facts.huge_pages.items()},
    )


def make_namespaces(base: Foundation) -> NamespaceController:
    """What empties namespaces that are being deleted."""
    return NamespaceController(store=base.store, clock=base.clock)


def make_manifests(base: Foundation, reception: Reception) -> ManifestFolder:
    """From files to the store."""
    return ManifestFolder(
        InotifyFolder(base.settings.paths.manifests),
        reception=reception,
        store=base.store,
        events=base.events,
        node=base.board.key,
        clock=base.clock,
        rescan_s=base.settings.intake.rescan_s,
        strict=base.settings.intake.strict,
    )
