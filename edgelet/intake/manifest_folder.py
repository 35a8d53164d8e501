"""Objects from files, as the kubelet takes static pods: what a file says is wanted for as long as the file is there.

Which file an object came from is an annotation of the object, so a restarted agent knows what a removed file leaves.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass

from edgelet.api import kinds
from edgelet.api.errors import DecodeError, EdgeletError, NotFoundError, StorageError
from edgelet.intake import manifest_file
from edgelet.intake.manifest_file import Manifest
from edgelet.intake.mqtt_source import Reception
from edgelet.ports.clock import Clock
from edgelet.ports.events import EventSink
from edgelet.ports.folder_watch import FileSignature, FolderWatch
from edgelet.ports.object_store import Document, Key, ObjectStore, StoredObject

_log = logging.getLogger(__name__)

SOURCE = "file"
_SUFFIXES = (".yaml", ".yml", ".json")
_SETTLE_S = 1.0  # an editor may remove a file and put it back
_RETRY_S = 5.0  # after an error of the disk
_MAX_SHOWN = 5

Signatures = Mapping[str, FileSignature]


@dataclass(frozen=True, slots=True)
class _File:
    """What was made of a file. `signature` None: to be read again."""

    signature: FileSignature | None = None
    wants: frozenset[Key] = frozenset()
    fault: str = ""


class ManifestFolder:
    """Keeps the store as the files of one folder say. `run` is its one task."""

    def __init__(
        self,
        folder: FolderWatch,
        *,
        reception: Reception,
        store: ObjectStore,
        events: EventSink,
        node: Key,
        clock: Clock,
        rescan_s: float = 20.0,
        max_file_bytes: int = 1024 * 1024,
        strict: bool = False,
    ) -> None:
        """`node` is what an Event is about where a file has no objects."""
        self._folder = folder
        self._reception = reception
        self._store = store
        self._events = events
        self._node = node
        self._clock = clock
        self._rescan_s = rescan_s
        self._max_file_bytes = max_file_bytes
        self._strict = strict
        self._files: dict[str, _File] = {}
        self._missing_since_s: dict[str, float] = {}
        self._unseen = False
        self._removed = asyncio.Event()
        self.looked = asyncio.Event()  # set when what the folder held at first is in the store, as far as it can be

    async def run(self) -> None:
        """Look for ever: when something changes, and every `rescan_s`."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch_removals(), name="manifest-folder/removals")
                while True:
                    self._removed.clear()
                    wait_s = await self.sync()
                    self.looked.set()
                    await self._wait(wait_s)
        finally:
            self._folder.close()

    async def sync(self) -> float:
        """Look once and bring the store to it. Return how long to wait at most before looking again, in seconds."""
        seen = self._folder.look()
        if seen is None:
            if not self._unseen:
                # Its objects stay: a folder that cannot be seen says nothing about what is wanted.
                _log.warning("the manifest folder cannot be looked at; what came from it stays")
            self._unseen = True
            return self._rescan_s
        self._unseen = False
        present = {name: signature for name, signature in seen.items() if name.endswith(_SUFFIXES)}
        try:
            for name in self._gone(present):
                await self._unload(name, present)
            for name in sorted(present):
                signature = present[name]
                if not signature.being_written and self._files.get(name, _File()).signature != signature:
                    await self._load(name, signature, present)
        except StorageError as error:
            _log.warning("cannot take a manifest: %s", error.message)
            return min(_RETRY_S, self._rescan_s)
        if self._missing_since_s:
            return min(_SETTLE_S, self._rescan_s)
        unread = any(name in self._files and self._files[name].signature is None for name in present)
        return min(_RETRY_S, self._rescan_s) if unread else self._rescan_s

    # ---- one file

    async def _load(self, name: str, signature: FileSignature, present: Signatures) -> None:
        """Read a file and apply what it says. A file with a fault loses none of the objects it had."""
        before = self._files.get(name, _File())
        try:
            manifest = self._read(name)
        except NotFoundError:
            return
        except StorageError as error:  # a bad spot of the card under this file says nothing about the others
            self._note(name, _File(None, before.wants, error.message))
            return
        except EdgeletError as error:
            self._note(name, _File(signature, before.wants, error.message))
            return
        faults = list(manifest.faults)
        for key, document in manifest.objects:
            if fault := await self._apply(name, key, document, present):
                faults.append(fault)
        wants = frozenset(key for key, _ in manifest.objects)
        if faults:
            self._note(name, _File(signature, wants | before.wants, "; ".join(faults[:_MAX_SHOWN])))
            return
        for stored in self._owned():
            if manifest_file.owner_of(stored) == name and stored.key not in wants:
                await self._delete(stored.key)
        self._note(name, _File(signature, wants))

    def _read(self, name: str) -> Manifest:
        if _shown(name) != name:
            raise DecodeError("its name is not UTF-8, so objects cannot say which file they are from; rename it")
        documents = self._reception.read(self._folder.read(name, limit_bytes=self._max_file_bytes))
        if not documents:
            # Cut off by a power loss, most likely; whoever wants nothing removes the file.
            raise DecodeError("there is no object in it")
        return manifest_file.manifest_of(documents)

    async def _apply(self, name: str, key: Key, document: Document, present: Signatures) -> str:
        """Apply one object; return what is wrong, "" if nothing. Raises StorageError."""
        digest = manifest_file.digest_of(document, name)
        there = self._store.get(key)
        if there is not None and there.source == SOURCE:
            owner = manifest_file.owner_of(there)
            if owner != name and owner in present:
                return f"{key} is already defined in {owner}"
            if there.digest == digest and not there.deleting:
                return ""
        try:
            accepted = await self._reception.apply(
                manifest_file.annotated(document, name), source=SOURCE, digest=digest, strict=self._strict
            )
        except StorageError:
            raise
        except EdgeletError as error:
            now = self._store.get(key)  # a replaced pod's successor may have come to be at the same moment
            is_there = now is not None and now.digest == digest and not now.deleting
            return "" if is_there else error.message
        for warning in accepted.warnings[:_MAX_SHOWN]:
            self._events.record(key, accepted.object.uid, type="Warning", reason="ApplyWarning", message=warning)
        return ""

    async def _unload(self, name: str, present: Signatures) -> None:
        """Delete what a removed file leaves, but what another file defines too: that one has its turn now."""
        for stored in self._owned():
            if manifest_file.owner_of(stored) != name:
                continue
            heirs = [other for other in present if stored.key in self._files.get(other, _File()).wants]
            if heirs:
                self._read_again(heirs[0])
            else:
                await self._delete(stored.key)
        self._files.pop(name, None)
        del self._missing_since_s[name]
        _log.info("manifest %s is removed, and its objects with it", _shown(name))

    async def _delete(self, key: Key) -> None:
        there = self._store.get(key)
        try:
            await self._reception.delete(key, source=SOURCE)  # also while it ends: a successor may be waiting
        except NotFoundError:
            return
        except StorageError:
            raise
        except EdgeletError as error:
            uid = there.uid if there is not None else ""
            self._events.record(key, uid, type="Warning", reason="FailedDelete", message=error.message)

    def _note(self, name: str, file: _File) -> None:
        """Keep what was made of a file, and say once what is wrong with it."""
        before = self._files.get(name)
        self._files[name] = file
        if file.fault and (before is None or before.fault != file.fault):
            message = f"manifest {_shown(name)}: {file.fault}"
            _log.warning("%s", message, extra={"reason": "FailedManifest"})
            self._events.record(self._node, "", type="Warning", reason="FailedManifest", message=message)

    # ---- what is gone

    def _gone(self, present: Signatures) -> list[str]:
        """Return the files that have been missing for a while: known ones, and those that objects still name."""
        known = {*self._files, *map(manifest_file.owner_of, self._owned())}
        now_s = self._clock.monotonic_s()
        missing = {name for name in known if name and name not in present}
        self._missing_since_s = {name: self._missing_since_s.get(name, now_s) for name in missing}
        return sorted(name for name, since_s in self._missing_since_s.items() if now_s - since_s >= _SETTLE_S)

    def _owned(self) -> list[StoredObject]:
        every = (stored for kind in kinds.KINDS for stored in self._store.list(kind.kind))
        return [stored for stored in every if stored.source == SOURCE]

    def _read_again(self, name: str) -> None:
        file = self._files.get(name)
        if file is not None:
            self._files[name] = _File(None, file.wants, file.fault)

    async def _watch_removals(self) -> None:
        """See objects go that a file wants: deleted by hand, or in the way until now. The file says what is wanted."""
        with self._store.watch() as watch:
            async for change in watch:
                if change.type != "DELETED":
                    continue
                wanting = [name for name, file in self._files.items() if change.object.key in file.wants]
                for name in wanting:
                    self._read_again(name)
                if wanting:
                    self._removed.set()

    async def _wait(self, timeout_s: float) -> None:
        """Wait for a change in the folder, for a removal, or for the time to pass."""
        waits: list[Coroutine[None, None, object]] = [
            self._folder.changed(timeout_s=timeout_s),
            self._removed.wait(),
        ]
        tasks = [asyncio.create_task(wait, name="manifest-folder/wait") for wait in waits]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()


def _shown(name: str) -> str:
    r"""Return a file's name as text that can be sent: bytes that are not UTF-8 stand in it as \xff."""
    return os.fsencode(name).decode(errors="backslashreplace")
