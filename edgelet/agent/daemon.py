"""The agent's life: start in order, run until told to stop, stop in order. Pods outlive it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import uuid
from collections.abc import Awaitable, Callable

from edgelet import __version__
from edgelet.adapters.host.clock import SystemClock
from edgelet.agent import directories, engine, eviction, link, local_api, node_secrets, pod_dns, pod_path, state, upkeep
from edgelet.agent.link import Link
from edgelet.agent.node_secrets import NodeSecrets
from edgelet.agent.pod_path import Foundation
from edgelet.agent.state import CopyUpkeep, State
from edgelet.agent.upkeep import Upkeep
from edgelet.config.settings import Settings
from edgelet.intake.manifest_folder import ManifestFolder
from edgelet.pods.dispatcher import Dispatcher
from edgelet.ports.service_manager import ServiceManager

log = logging.getLogger(__name__)

TRUST_FACT = "trust/record"  # as trust_record has it, which is not loaded for that
_IMAGES_SETTLE_S = 2.0  # shorter than the engine's own idle time: it still runs then


class Daemon:
    """One run of the agent."""

    def __init__(self, settings: Settings, *, manager: ServiceManager, reload: Callable[[], None]) -> None:
        """`reload` reads the settings again, on SIGHUP."""
        self._settings = settings
        self._on_reload: Callable[[], None] = _nobody
        self._manager = manager
        self._reload = reload
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises:
            EdgeletError: It cannot start: directories, database, socket.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._read_again)
        directories.prepare(self._settings)
        clock = SystemClock()
        secrets = NodeSecrets.open(self._settings, os.environ)
        opened = state.open_state(self._settings, clock, at_rest=secrets.node_keys)
        store = opened.store
        secrets.settle(store)
        copies = CopyUpkeep(store, clock)
        base = pod_path.lay_foundation(self._settings, store, clock, adoption=opened.adoption, fresh=opened.fresh)
        try:
            await self._live(base, opened, copies, secrets)
        finally:
            self._manager.stopping()
            await base.gate.close()
            await copies.last()
            await store.close()
        log.info("stopped; pods go on")

    async def _live(self, base: Foundation, opened: State, copies: CopyUpkeep, secrets: NodeSecrets) -> None:
        if base.signed is None and base.store.ledger.read(TRUST_FACT) is not None:
            from edgelet.agent import trust  # noqa: PLC0415  0.5 MB, for a board that did believe signatures alone

            await trust.lapse(base.store.ledger)
        base.board.secrets = secrets
        door = pod_path.make_door(base, secrets.sealing)
        dispatcher = pod_path.make_dispatcher(base)
        server = local_api.make(base, door.reception, adopted=dispatcher.adopted, secrets=secrets)
        server.open()
        manifests = pod_path.make_manifests(base, door.reception)
        wire = None
        if self._settings.mqtt.url:
            wire = link.make(base, door.reception, boot_id=str(uuid.uuid4()), unsure=not opened.in_order)
            secrets.listen(wire.reporter.node_changed)
        state.tell(opened, base)
        tell_node = wire.reporter.node_changed if wire else _nobody
        base.policy.tell(base.store, base.events, base.board.key)
        self._on_reload = lambda: _policy_again(base, tell_node)
        node_secrets.tell(secrets, base)
        names = await pod_dns.make(base, adopted=dispatcher.adopted)
        keeping = upkeep.make(
            base,
            node_changed=tell_node,
            copies=copies,
            show=lambda: self._manager.status(_summary(base)),
        )
        pressure = eviction.make(
            base,
            dispatcher,
            make_room=keeping.disks.make_room,
            node_changed=tell_node,
        )
        async with asyncio.TaskGroup() as tasks:
            recognised = tasks.create_task(state.recognise(base), name="recognise")
            everything = [
                recognised,
                tasks.create_task(_then(recognised, server.serve), name="local-api"),
                tasks.create_task(door.successors.follow(), name="successors"),
                tasks.create_task(pod_path.make_namespaces(base).run(), name="namespaces"),
                tasks.create_task(base.gate.run(), name="engine"),
                tasks.create_task(_run_pods(base, dispatcher), name="pods"),
                tasks.create_task(_then(recognised, manifests.run), name="manifests"),
                tasks.create_task(_tell_node(base, wire, keeping), name="board"),
                tasks.create_task(keeping.run(), name="upkeep"),
                tasks.create_task(pressure.run(), name="eviction"),
                tasks.create_task(self._heartbeat(), name="watchdog"),
                tasks.create_task(secrets.follow(wire.reporter.node_changed if wire else _nobody), name="secrets"),
            ]
            if wire is not None:
                everything += [
                    tasks.create_task(wire.bus.run(), name="mqtt"),
                    tasks.create_task(_then(recognised, wire.source.run), name="mqtt-source"),
                    tasks.create_task(wire.reporter.run(), name="reporter"),
                ]
                if wire.renewal is not None:
                    everything.append(tasks.create_task(wire.renewal.run(), name="renewal"))
            else:
                base.synced.set()
            if base.signed is not None:
                everything.append(tasks.create_task(base.signed.run(), name="signed-desired"))
            if names is not None:
                everything.append(tasks.create_task(names.run(), name="pod-dns"))
            everything.append(tasks.create_task(_release_orphans(base, manifests), name="orphans"))
            log.info("edgelet runs", extra={"version": __version__, "node": engine.owner(self._settings)})
            self._manager.ready(_summary(base))
            await self._stop.wait()
            self._manager.stopping()
            if wire is not None:
                await wire.reporter.goodbye()
                await wire.bus.close()
            for task in everything:
                task.cancel()

    def _read_again(self) -> None:
        """Read settings and policy again. systemd is told when both are done."""
        self._on_reload()
        self._reload()

    async def _heartbeat(self) -> None:
        """Feed systemd's watchdog from the loop itself: a stuck loop is restarted."""
        interval_s = self._manager.watchdog_s
        if interval_s is None:
            return
        while True:
            self._manager.alive()
            await asyncio.sleep(interval_s)


async def _tell_node(base: Foundation, wire: Link | None, keeping: Upkeep) -> None:
    """Tell the Node at once, again when the engine is there, and when it has other images."""
    tell = wire.reporter.node_changed if wire else _nobody
    tell()
    await base.gate.opened()
    while True:
        base.gate.images_changed.clear()
        await base.board.refresh_images()
        keeping.disks.note(base.board.images)
        tell()
        await base.gate.images_changed.wait()
        await asyncio.sleep(_IMAGES_SETTLE_S)  # a pod of several images, one list


async def _then(first: asyncio.Task[None], work: Callable[[], Awaitable[None]]) -> None:
    """Do some work after another."""
    await asyncio.wait({first})
    await work()


async def _release_orphans(base: Foundation, manifests: ManifestFolder) -> None:
    """Let go what nobody wants, as soon as everybody has said what is wanted."""
    await manifests.looked.wait()
    await base.synced.wait()
    if base.signed is not None and base.settings.mqtt.url:
        await base.signed.ruled.wait()  # a broker that says nothing says nothing about what is wanted
    base.orphans_may_go.set()


def _policy_again(base: Foundation, tell_node: Callable[[], None]) -> None:
    base.policy.reload()
    base.policy.tell(base.store, base.events, base.board.key)
    tell_node()


def _nobody() -> None:
    """Nobody is told."""


async def _run_pods(base: Foundation, dispatcher: Dispatcher) -> None:
    await base.gate.opened()
    await dispatcher.run()


def _summary(base: Foundation) -> str:
    pods = base.store.list("Pod")
    running = sum((one.document.get("status") or {}).get("phase") == "Running" for one in pods)
    trouble = f"; no engine: {base.gate.trouble}" if base.gate.trouble else ""
    return f"{running} of {len(pods)} pods run{trouble}"
