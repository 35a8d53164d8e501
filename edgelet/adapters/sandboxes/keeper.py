"""ports.pinned_sandboxes on Linux: records first, then the kernel: a crash in between is only work to repeat."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import secrets
from collections.abc import Callable, Coroutine
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, TypeVar

from edgelet.adapters.netlink.channel import Channel
from edgelet.adapters.netlink.links import Links
from edgelet.adapters.netns import thread
from edgelet.adapters.nftables import ruleset, table
from edgelet.adapters.nftables.ruleset import Forward
from edgelet.adapters.sandboxes import build, host_ports, sysctls
from edgelet.adapters.sandboxes import pool as pools
from edgelet.adapters.sandboxes.build import Wires
from edgelet.adapters.sandboxes.record import Record, Records
from edgelet.api.errors import EngineError
from edgelet.ports.clock import Clock
from edgelet.ports.pinned_sandboxes import PinnedSandbox
from edgelet.ports.runtime import SandboxSpec

log = logging.getLogger(__name__)

T = TypeVar("T")
_CREATE, _REMOVE = "FailedCreatePodSandBox", "KillPodSandboxError"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_ID_BYTES = 8
_ASKED_BY_NAME = 2


class Keeper:
    """Satisfies ports.pinned_sandboxes.PinnedSandboxes. One change at a time: the kernel has one lock for links too.

    Args:
        directory: Of ours alone, on tmpfs, in the mount namespace that the engine is in.
        bridge: The pods' bridge; also tells our interfaces and our table from another agent's.
        pool: Addresses of the pods, "10.77.0.0/16".
        clock: For created_at.
    """

    def __init__(self, *, directory: Path, bridge: str, pool: str, clock: Clock) -> None:
        self._directory = directory
        self._wires = Wires(bridge, IPv4Network(pool))
        self._clock = clock
        self._boot_id = _BOOT_ID.read_text().strip()
        self._records = Records(directory)
        self._lock = asyncio.Lock()
        self._under_way: set[asyncio.Task[Any]] = set()
        self._table: bytes = b""  # the kernel's handle of the table we made
        newest = max(self._records.every(), key=lambda each: each.created_at, default=None)
        self._last = newest.address if newest else None

    # ---- ports.pinned_sandboxes

    def look(self, uid: str | None = None) -> tuple[PinnedSandbox, ...]:
        """Return what is there; some 0.2 ms for a hundred."""
        records = [each for each in self._records.every() if uid is None or each.spec.pod.uid == uid]
        veths = {self._wires.veth(each.id) for each in records if each.address}
        wired = _wired(self._wires.bridge, veths) if veths else frozenset()
        return tuple(self._seen(each, wired) for each in records)

    async def create(self, spec: SandboxSpec, *, taken: frozenset[str] = frozenset()) -> PinnedSandbox:
        """Make it, or keep the one that is there."""
        sysctls.check(spec)
        ruleset.check(spec.ports)
        return await self._one_at_a_time(lambda: self._create(spec, taken), name=f"make-sandbox/{spec.pod.uid}")

    async def remove(self, sandbox_id: str) -> None:
        """Remove it in whatever state."""
        await self._one_at_a_time(lambda: self._remove(sandbox_id), name=f"remove-sandbox/{sandbox_id}")

    async def recover(self) -> None:
        """Sweep interfaces and folders without a record, mend bridge and table."""
        await self._one_at_a_time(self._recover, name="recover-sandboxes")

    def free_address(self, *, taken: frozenset[str] = frozenset()) -> str:
        """Return an address for somebody else on the bridge."""
        return str(self._next_address(taken))

    async def leave(self) -> None:
        """Take bridge and table away if no pod needs them: the agent is about to stop. What cannot go stays."""
        await self._one_at_a_time(self._leave, name="leave-sandboxes")

    # ---- one change at a time

    async def _one_at_a_time(self, work: Callable[[], Coroutine[Any, Any, T]], *, name: str) -> T:
        """Wait for the turn, and then do it even if the caller is cancelled: what a thread began cannot be called back.

        A caller that is cancelled while it waits has begun nothing, and nothing is made after it went: it could be for
        a pod that is gone by then.
        """
        await self._lock.acquire()
        task = asyncio.get_running_loop().create_task(self._held(work), name=name)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def _held(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            return await work()
        finally:
            self._lock.release()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # the caller that was cancelled does not ask: recovery sees what is left

    async def _create(self, spec: SandboxSpec, taken: frozenset[str]) -> PinnedSandbox:
        for seen in self.look(spec.pod.uid):
            if seen.ready and seen.spec.attempt == spec.attempt:
                await self._keep_table()
                return seen
            await self._remove(seen.id)
        record = self._new_record(spec, taken)
        try:
            await self._make(record)
        except (OSError, EngineError) as error:
            with contextlib.suppress(EngineError):  # what stays has its record: the next try removes it
                await self._remove(record.id)
            raise error if isinstance(error, EngineError) else _failed(_CREATE, spec.pod.name, error) from error
        return self.look(spec.pod.uid)[-1]

    def _new_record(self, spec: SandboxSpec, taken: frozenset[str]) -> Record:
        host_ports.check(spec.ports, (port for each in self._records.every() for port in each.spec.ports))
        record = Record(
            id=secrets.token_hex(_ID_BYTES),
            spec=spec,
            created_at=self._clock.now(),
            boot_id=self._boot_id,
            address=None if spec.host_network else self._next_address(taken),
        )
        try:
            self._records.keep(record)
        except OSError as error:
            raise _failed(_CREATE, spec.pod.name, error) from error
        return record

    async def _make(self, record: Record) -> None:
        work = functools.partial(
            build.make,
            record.spec,
            folder=self._folder(record.id),
            sandbox_id=record.id,
            address=record.address,
            wires=self._wires,
        )
        await thread.run_apart(work, name=f"make-{record.id}")
        if record.address:
            await (self._replace_table() if record.spec.ports else self._keep_table())
        self._records.keep(record.as_made())

    async def _remove(self, sandbox_id: str) -> None:
        record = self._records.find(sandbox_id)
        if record is None:
            return
        work = functools.partial(build.remove, self._folder(sandbox_id), veth=self._wires.veth(sandbox_id))
        try:
            await asyncio.to_thread(work)
            self._records.drop(sandbox_id)
        except OSError as error:
            raise _failed(_REMOVE, record.spec.pod.name, error) from error
        if record.spec.ports:
            await self._replace_table()

    async def _recover(self) -> None:
        needed = any(each.address for each in self._records.every())
        try:
            await asyncio.to_thread(self._sweep)
            if needed:
                await thread.run_apart(self._mend_bridge, name="mend-bridge")
        except OSError as error:
            if needed:
                raise EngineError(_CREATE, f"cannot mend the pods' network: {error}") from error
            log.warning("cannot look for sandboxes that nobody knows", extra={"reason": str(error)})
        if needed:
            await self._keep_table()

    async def _leave(self) -> None:
        if any(each.address for each in self._records.every()):
            return
        name = ruleset.table_name(self._wires.bridge)
        try:
            if self._table and table.handle(name) == self._table:
                await asyncio.to_thread(table.replace, f"delete table ip {name}\n")
                await asyncio.to_thread(build.remove_idle_bridge, self._wires)
        except (OSError, EngineError) as error:
            log.warning("the pods' network stays", extra={"reason": str(error)})
        self._table = b""

    def _sweep(self) -> None:
        """Remove what no record names: only our names, only in our folder."""
        known = {each.id for each in self._records.every()}
        veths = {self._wires.veth(each) for each in known}
        folders = [each for each in self._directory.glob("*") if each.is_dir()] if self._directory.exists() else []
        for folder in folders:
            if folder.name not in known:
                log.warning("swept a sandbox without a record", extra={"sandbox": folder.name})
                build.remove(folder, veth=self._wires.veth(folder.name))
        with Channel() as channel:
            links = Links(channel)
            for link in links.every():
                if link.kind == "veth" and link.name.startswith(self._wires.prefix) and link.name not in veths:
                    links.delete(link.name)

    def _mend_bridge(self) -> None:
        """Put pairs back on a bridge that somebody deleted."""
        with Channel() as channel:
            links = Links(channel)
            bridge = build.ensure_bridge(links, self._wires)
            for record in self._records.every():
                link = links.find(self._wires.veth(record.id)) if record.address else None
                if link is not None and link.master != bridge.index:
                    links.set_master(link.index, bridge.index)
                    links.set_hairpin(link.index)

    async def _keep_table(self) -> None:
        """Put the table back if it is not the one we made: a restart of the host's firewall flushes everything."""
        name = ruleset.table_name(self._wires.bridge)
        if not self._table or table.handle(name) != self._table:
            await self._replace_table()

    async def _replace_table(self) -> None:
        bridge = self._wires.bridge
        forwards = [
            Forward(port, each.address) for each in self._records.every() if each.address for port in each.spec.ports
        ]
        script = ruleset.render(bridge=bridge, pool=self._wires.pool, forwards=forwards)
        await asyncio.to_thread(table.replace, script)
        self._table = table.handle(ruleset.table_name(bridge))
        try:
            table.settle_flows(forwards, self._wires.pool)
        except OSError as error:  # a client that keeps its port may go astray until it stops; new ones do not
            log.warning("cannot look through UDP flows", extra={"reason": str(error)})

    # ---- values

    def _next_address(self, taken: frozenset[str]) -> IPv4Address:
        used = {each.address for each in self._records.every() if each.address}
        used |= {IPv4Address(each) for each in taken}
        self._last = pools.next_free(self._wires.pool, taken=frozenset(used), after=self._last)
        return self._last

    def _folder(self, sandbox_id: str) -> Path:
        return self._directory / sandbox_id

    def _seen(self, record: Record, wired: frozenset[str]) -> PinnedSandbox:
        folder, own = self._folder(record.id), build.kinds(record.spec)
        whole = record.made and record.boot_id == self._boot_id and build.is_whole(record.spec, folder)
        connected = record.address is None or self._wires.veth(record.id) in wired
        path = {kind: str(folder / kind) for kind in own}
        return PinnedSandbox(
            id=record.id,
            spec=record.spec,
            created_at=record.created_at,
            ready=whole and connected,
            ips=(str(record.address),) if record.address else (),
            network_path=path.get("net", ""),
            ipc_path=path.get("ipc", ""),
            uts_path=path.get("uts", ""),
            shm_path=str(folder / build.SHM) if "ipc" in own else "",
            hostname_path=str(folder / build.HOSTNAME) if "uts" in own else "",
        )


def _wired(bridge: str, veths: set[str]) -> frozenset[str]:
    """Return which of these interfaces are on the bridge; none where the kernel does not tell."""
    try:
        with Channel() as channel:
            links = Links(channel)
            ours = links.find(bridge)
            # A board may have dozens of others: one pod's is asked for by name.
            found = [links.find(each) for each in veths] if len(veths) <= _ASKED_BY_NAME else links.every()
    except OSError as error:
        log.warning("cannot list interfaces", extra={"reason": str(error)})
        return frozenset()
    return frozenset(each.name for each in found if each and ours and each.master == ours.index and each.name in veths)


def _failed(reason: str, pod: str, error: OSError) -> EngineError:
    what = "make" if reason == _CREATE else "remove"
    return EngineError(reason, f"cannot {what} the namespaces of {pod}: {error}")
