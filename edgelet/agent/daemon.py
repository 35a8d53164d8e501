"""The agent's life: start in order, run until told to stop, stop in order. Pods outlive it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable

from edgelet import __version__
from edgelet.adapters.host.clock import SystemClock
from edgelet.agent import assembly, directories, engine, pod_path, state
from edgelet.agent.node_secrets import NodeSecrets
from edgelet.agent.pod_path import Foundation
from edgelet.agent.state import CopyUpkeep, State
from edgelet.config.settings import Settings
from edgelet.ports.service_manager import ServiceManager

log = logging.getLogger(__name__)

TRUST_FACT = "trust/record"  # as trust_record has it, which is not loaded for that


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
        settings = directories.prepare(self._settings)
        clock = SystemClock()
        secrets = NodeSecrets.open(settings, os.environ)
        refused = state.read_only(self._settings.paths.state) if directories.is_shadow(settings) else ""
        opened = state.open_state(settings, clock, at_rest=secrets.node_keys, refused=refused)
        store = opened.store
        secrets.settle(store)
        copies = CopyUpkeep(store, clock)
        base = pod_path.lay_foundation(settings, store, clock, adoption=opened.adoption, fresh=opened.fresh)
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

        def show() -> None:
            self._manager.status(_summary(base))

        parts = assembly.assemble(base, opened, copies=copies, secrets=secrets, show=show)
        self._on_reload = parts.read_policy
        names = await parts.start_names()
        async with asyncio.TaskGroup() as tasks:
            everything = parts.start(tasks, names)
            everything.append(tasks.create_task(self._heartbeat(), name="watchdog"))
            log.info("edgelet runs", extra={"version": __version__, "node": engine.owner(self._settings)})
            self._manager.ready(_summary(base))
            await self._stop.wait()
            self._manager.stopping()
            await parts.goodbye()
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


def _nobody() -> None:
    """Nobody is told."""


def _summary(base: Foundation) -> str:
    pods = base.store.list("Pod")
    running = sum((one.document.get("status") or {}).get("phase") == "Running" for one in pods)
    trouble = f"; no engine: {base.gate.trouble}" if base.gate.trouble else ""
    return f"{running} of {len(pods)} pods run{trouble}"
