"""The state database through its bad days: opened, restored from its last good copy, told about, copied again."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from edgelet.adapters.host import mounts
from edgelet.adapters.host.clock import SystemClock
from edgelet.adapters.sqlite import saved_copy
from edgelet.adapters.sqlite.opening import Damage
from edgelet.adapters.sqlite.saved_copy import Restored
from edgelet.adapters.sqlite.store import SqliteStore
from edgelet.agent.board import Board
from edgelet.agent.pod_path import Foundation
from edgelet.api.errors import EdgeletError, StorageError
from edgelet.config.settings import Settings
from edgelet.pods.adoption import Adoption
from edgelet.ports.clock import Clock
from edgelet.ports.events import EventSink
from edgelet.ports.sealing import AtRest

log = logging.getLogger(__name__)

DATABASE = "edgelet.db"
_PAGE_BYTES = 4096
_COPY_INTERVAL_S = 3600.0
_COPY_RETRY_S = 300.0
_ENGINE_WAIT_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """An open store and what happened to it."""

    store: SqliteStore
    adoption: Adoption
    fresh: bool  # it may lack what runs: lost, restored, or never there
    restored: Restored | None
    missing: bool = False  # the file was gone or empty
    in_order: bool = True  # nothing that was written can be missing: the last agent closed it


def read_only(directory: Path) -> str:
    """Say for people that nothing can be written there."""
    return f"the file system of {directory} is read-only: its medium may be at its end"


def open_state(settings: Settings, clock: SystemClock, *, at_rest: AtRest | None = None, refused: str = "") -> State:
    """Open the store. A database that is damaged, gone or empty is replaced by its last good copy, if there is one.

    Args:
        settings: Where it lies, and its bounds.
        clock: For the store.
        at_rest: Seals Secrets; without it they lie in clear.
        refused: Why nothing may be written, for people.

    Raises:
        StorageError: See SqliteStore.open.
    """
    path = settings.paths.state / DATABASE
    adoption = Adoption()
    missing = _is_missing(path)
    restored: list[Restored] = []

    def recover(_: Damage | None) -> None:
        if found := saved_copy.restore(path):
            restored.append(found)

    try:
        if missing:
            recover(None)
    except OSError as error:
        raise StorageError(f"cannot restore the state database {path}: {error}") from error
    store = SqliteStore.open(
        path,
        clock=clock,
        max_objects=settings.intake.max_objects,
        max_total_bytes=settings.intake.max_total_bytes,
        uid_of=adoption.uid_of,
        recover=recover,
        at_rest=at_rest,
        refused=refused,
    )
    # A copy that turned out to be unreadable was moved aside again; then the store is empty.
    whole = restored[-1] if restored and (store.list("Pod") or store.resource_version) else None
    return State(
        store=store,
        adoption=adoption,
        fresh=missing or store.damage is not None,
        restored=whole,
        missing=missing,
        in_order=store.in_order and not missing and store.damage is None,
    )


def tell(state: State, base: Foundation) -> None:
    """Record what happened as Events."""
    if (damage := state.store.damage) is not None:
        message = f"The state database was damaged ({damage.reason}); it lies at {damage.moved_to}"
        base.events.record(base.board.key, "", type="Warning", reason="StoreDamaged", message=message)
    if state.restored is not None:
        what = "was missing" if state.missing else "was damaged"
        age = base.clock.now() - state.restored.saved_at
        message = (
            f"The state database {what} and was restored from its copy of {state.restored.saved_at:%Y-%m-%dT%H:%M:%SZ} "
            f"({max(0, int(age.total_seconds()))} s old); what changed since comes from the broker and the manifests"
        )
        base.events.record(base.board.key, "", type="Warning", reason="StoreRestored", message=message)


async def recognise(base: Foundation) -> None:
    """Learn what runs before anything is put into a store that lost it; an engine that is broken is not waited for."""
    if not base.lost:
        return
    try:
        async with asyncio.timeout(_ENGINE_WAIT_S):
            await base.gate.opened()
            stored = {one.uid for one in base.store.list("Pod")}
            base.adoption.learn(await base.gate.pods(), stored=stored)
    except (TimeoutError, EdgeletError) as error:
        log.warning("cannot see what runs; pods that come back may be made anew", extra={"error": str(error)})


class StateWatch:
    """Has the Node say whether what comes can be kept; the beginning of a trouble is an Event too."""

    def __init__(self, store: SqliteStore, board: Board, events: EventSink, *, directory: Path) -> None:
        self._store = store
        self._board = board
        self._events = events
        self._directory = directory

    async def turn(self) -> None:
        """Look. Never raises EdgeletError."""
        await self._store.look()
        before, now = self._board.state_trouble, self._trouble()
        self._board.state_trouble = now
        if now and not before:
            message = f"{now}. What runs goes on; nothing new is taken"
            self._events.record(self._board.key, "", type="Warning", reason="StateUnwritable", message=message)

    def _trouble(self) -> str:
        if mounts.is_read_only(str(self._directory)):
            return read_only(self._directory)
        return self._store.trouble


class CopyUpkeep:
    """Keeps the last good copy: at most once an hour, only after a change. Flash is spared."""

    def __init__(self, store: SqliteStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._next_s = float("-inf")

    async def turn(self) -> None:
        """Copy if it is time. Never raises EdgeletError."""
        now_s = self._clock.monotonic_s()
        if now_s < self._next_s:
            return
        try:
            if await self._store.save_copy():
                self._next_s = now_s + _COPY_INTERVAL_S
        except StorageError as error:
            self._next_s = now_s + _COPY_RETRY_S
            log.warning("cannot copy the state database", extra={"reason": error.reason, "error": error.message})

    async def last(self) -> None:
        """Copy at the end of the agent, whatever the time."""
        self._next_s = float("-inf")
        await self.turn()


def _is_missing(path: Path) -> bool:
    """Whether the file is gone, or has not even one page: SQLite would take that for a new database."""
    try:
        return path.stat().st_size < _PAGE_BYTES
    except FileNotFoundError:
        return True
