"""Everything the agent is made of, put together once, and the tasks that it then is."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass

from edgelet.adapters.local_api.server import LocalApiServer
from edgelet.agent import eviction, link, local_api, node_secrets, pod_dns, pod_path, state, upkeep
from edgelet.agent.link import Link
from edgelet.agent.node_secrets import NodeSecrets
from edgelet.agent.pod_path import Door, Foundation
from edgelet.agent.state import CopyUpkeep, State
from edgelet.agent.upkeep import Upkeep
from edgelet.intake.manifest_folder import ManifestFolder
from edgelet.network.pod_dns import PodDns
from edgelet.node.pressure_watch import PressureWatch
from edgelet.pods.dispatcher import Dispatcher

_IMAGES_SETTLE_S = 2.0  # shorter than the engine's own idle time: it still runs then


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """The parts of one run of the agent. `start` makes tasks of them, in the caller's group."""

    base: Foundation
    secrets: NodeSecrets
    door: Door
    dispatcher: Dispatcher
    server: LocalApiServer
    manifests: ManifestFolder
    wire: Link | None  # None: no broker
    keeping: Upkeep
    pressure: PressureWatch
    tell_node: Callable[[], None]  # the Node may look different now

    async def start_names(self) -> PodDns | None:
        """Start what answers pods that ask for names; None: they have none."""
        return await pod_dns.make(self.base, adopted=self.dispatcher.adopted)

    def start(self, tasks: asyncio.TaskGroup, names: PodDns | None) -> list[asyncio.Task[None]]:
        """Start everything; each task goes on until it is cancelled."""
        base = self.base
        recognised = tasks.create_task(state.recognise(base), name="recognise")
        works: list[tuple[str, Coroutine[None, None, None]]] = [
            ("local-api", _then(recognised, self.server.serve)),
            ("successors", self.door.successors.follow()),
            ("namespaces", pod_path.make_namespaces(base).run()),
            ("engine", base.gate.run()),
            ("pods", self._run_pods()),
            ("manifests", _then(recognised, self.manifests.run)),
            ("board", self._follow_images()),
            ("upkeep", self.keeping.run()),
            ("eviction", self.pressure.run()),
            ("secrets", self.secrets.follow(self.tell_node)),
        ]
        if self.wire is None:
            base.synced.set()
        else:
            works += [
                ("mqtt", self.wire.bus.run()),
                ("mqtt-source", _then(recognised, self.wire.source.run)),
                ("reporter", self.wire.reporter.run()),
            ]
            if self.wire.renewal is not None:
                works.append(("renewal", self.wire.renewal.run()))
        if base.signed is not None:
            works.append(("signed-desired", base.signed.run()))
        if names is not None:
            works.append(("pod-dns", names.run()))
        works.append(("orphans", self._release_orphans()))
        return [recognised, *(tasks.create_task(work, name=name) for name, work in works)]

    def read_policy(self) -> None:
        """Read the policy of the board again, and tell what it says now."""
        base = self.base
        base.policy.reload()
        base.policy.tell(base.store, base.events, base.board.key)
        self.tell_node()

    async def goodbye(self) -> None:
        """Tell the broker that the agent stops in order."""
        if self.wire is not None:
            await self.wire.reporter.goodbye()
            await self.wire.bus.close()

    async def _run_pods(self) -> None:
        await self.base.gate.opened()
        await self.dispatcher.run()

    async def _follow_images(self) -> None:
        """Tell the Node at once, again when the engine is there, and when it has other images."""
        base = self.base
        self.tell_node()
        await base.gate.opened()
        while True:
            base.gate.images_changed.clear()
            await base.board.refresh_images()
            self.keeping.disks.note(base.board.images)
            self.tell_node()
            await base.gate.images_changed.wait()
            await asyncio.sleep(_IMAGES_SETTLE_S)  # a pod of several images, one list

    async def _release_orphans(self) -> None:
        """Let go what nobody wants, as soon as everybody has said what is wanted."""
        base = self.base
        await self.manifests.looked.wait()
        await base.synced.wait()
        if base.signed is not None and base.settings.mqtt.url:
            await base.signed.ruled.wait()  # a broker that says nothing says nothing about what is wanted
        base.orphans_may_go.set()


def assemble(
    base: Foundation, opened: State, *, copies: CopyUpkeep, secrets: NodeSecrets, show: Callable[[], None]
) -> Assembly:
    """Put the parts together, and tell what was found when the state was opened. `show` renews the line for people.

    Raises:
        EdgeletError: The local API cannot be opened.
    """
    base.board.secrets = secrets
    door = pod_path.make_door(base, secrets.sealing)
    dispatcher = pod_path.make_dispatcher(base)
    server = local_api.make(base, door.reception, adopted=dispatcher.adopted, secrets=secrets)
    server.open()
    manifests = pod_path.make_manifests(base, door.reception)
    wire, tell_node = None, _nobody
    if base.settings.mqtt.url:
        wire = link.make(base, door.reception, boot_id=str(uuid.uuid4()), unsure=not opened.in_order)
        tell_node = wire.reporter.node_changed
        secrets.listen(tell_node)
    state.tell(opened, base)
    base.policy.tell(base.store, base.events, base.board.key)
    node_secrets.tell(secrets, base.store, base.events, base.board.key)
    keeping = upkeep.make(base, node_changed=tell_node, copies=copies, show=show)
    pressure = eviction.make(base, dispatcher, make_room=keeping.disks.make_room, node_changed=tell_node)
    return Assembly(
        base=base,
        secrets=secrets,
        door=door,
        dispatcher=dispatcher,
        server=server,
        manifests=manifests,
        wire=wire,
        keeping=keeping,
        pressure=pressure,
        tell_node=tell_node,
    )


async def _then(first: asyncio.Task[None], work: Callable[[], Awaitable[None]]) -> None:
    """Do some work after another."""
    await asyncio.wait({first})
    await work()


def _nobody() -> None:
    """Nobody is told."""
