"""The namespace controller: shows the phase, and takes out everything in a namespace that is being deleted."""

from __future__ import annotations

import logging
from typing import assert_never

from edgelet.api import kinds
from edgelet.api.errors import ConflictError, NotFoundError, StorageError
from edgelet.controllers import namespace_plan
from edgelet.controllers.namespace_plan import AskDeletion, Remove, SetPhase, Step
from edgelet.ports.clock import Clock
from edgelet.ports.object_store import Change, Key, ObjectStore, StoredObject

_log = logging.getLogger(__name__)
_KIND = "Namespace"
_RETRY_S = 5.0


class NamespaceController:
    """`run` is its one task. It looks at a namespace again whenever anything in it changes."""

    def __init__(self, *, store: ObjectStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Reconcile all namespaces, then each one that changes, for ever."""
        with self._store.watch() as changes:
            for namespace in self._store.list(_KIND):
                await self._reconcile(namespace.key.name)
            async for change in changes:
                name = self._concerned(change)
                if name is not None:
                    await self._reconcile(name)

    def _concerned(self, change: Change) -> str | None:
        """Return the namespace to look at; what happens inside one matters only while it is being deleted."""
        key = change.object.key
        if key.kind == _KIND:
            return key.name
        namespace = self._find(key.namespace)
        return key.namespace if namespace is not None and namespace.deleting else None

    async def _reconcile(self, name: str) -> None:
        """Do what the plan says until the disk takes it; whatever else came in between wakes us again."""
        while (namespace := self._find(name)) is not None:
            try:
                for step in namespace_plan.plan(namespace, self._contents(name)):
                    await self._execute(step)
            except (ConflictError, NotFoundError):
                continue  # changed under our hands: look again
            except StorageError as error:
                retry_s = error.retry_after.total_seconds() if error.retry_after else _RETRY_S
                _log.warning("cannot finish namespace %s: %s", name, error.message, extra={"reason": error.reason})
                await self._clock.sleep(retry_s)
                continue
            return

    async def _execute(self, step: Step) -> None:
        match step:
            case SetPhase(key=key, uid=uid, phase=phase):
                await self._store.put_status(key, {"phase": phase}, uid=uid, durable=False)
            case AskDeletion(key=key, uid=uid, grace_s=grace_s):
                await self._store.mark_deleted(key, uid=uid, grace_s=grace_s)
            case Remove(key=key, uid=uid):
                await self._store.remove(key, uid=uid)
            case _ as never:
                assert_never(never)

    def _find(self, name: str) -> StoredObject | None:
        return self._store.get(Key(_KIND, "", name))

    def _contents(self, name: str) -> tuple[StoredObject, ...]:
        namespaced = (kind.kind for kind in kinds.KINDS if kind.namespaced)
        return tuple(found for kind in namespaced for found in self._store.list(kind, name))
