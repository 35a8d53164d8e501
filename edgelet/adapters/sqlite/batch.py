"""What is in memory, and a batch of writes laid over it that becomes visible all at once or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from edgelet.adapters.sqlite import mutation
from edgelet.adapters.sqlite.mutation import Entry
from edgelet.ports.object_store import Change, Key

# resourceVersions are promised on disk in blocks, so that a status that is not durable takes one without a write.
VERSION_BLOCK = 1000


@dataclass(slots=True)
class Memory:
    """The truth that reads answer from. `version` is the newest visible one, `reserved` the last one disk allows."""

    version: int = 0
    reserved: int = 0
    total_bytes: int = 0
    objects: dict[Key, Entry] = field(default_factory=dict)
    facts: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Writing:
    """What one transaction puts on disk."""

    reserved: int | None  # None: the promise on disk still suffices
    entries: tuple[Entry, ...]
    removed: tuple[Key, ...]
    facts: tuple[tuple[str, bytes], ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return self.reserved is None and not (self.entries or self.removed or self.facts)


class Batch:
    """Writes of the same moment: each sees those before it, memory sees none of them until `publish`."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._version = memory.version
        self._overlay: dict[Key, Entry | None] = {}
        self._durable: dict[Key, None] = {}
        self._facts: dict[str, bytes] = {}
        self._changes: list[Change] = []
        self._count = len(memory.objects)
        self._total_bytes = memory.total_bytes

    @property
    def next_version(self) -> int:
        """The version the next change gets if it is one."""
        return self._version + 1

    @property
    def count(self) -> int:
        """Objects with this batch applied."""
        return self._count

    @property
    def total_bytes(self) -> int:
        """Bytes of desired state with this batch applied."""
        return self._total_bytes

    def get(self, key: Key) -> Entry | None:
        """Return the entry as the writes before this one leave it."""
        return self._overlay[key] if key in self._overlay else self._memory.objects.get(key)

    def set(self, entry: Entry, *, durable: bool) -> None:
        """Lay a new entry over what was there; the same version again is no change for those who watch."""
        key = entry.object.key
        old = self.get(key)
        self._overlay[key] = entry
        self._count += old is None
        self._total_bytes += entry.size_bytes - (old.size_bytes if old else 0)
        if durable:
            self._durable[key] = None
        if old is None or old.object.resource_version != entry.object.resource_version:
            self._version = entry.object.resource_version
            self._changes.append(Change("ADDED" if old is None else "MODIFIED", entry.object))

    def remove(self, entry: Entry) -> None:
        """Take an object out."""
        self._version += 1
        key = entry.object.key
        self._overlay[key] = None
        self._durable[key] = None
        self._count -= 1
        self._total_bytes -= entry.size_bytes
        self._changes.append(Change("DELETED", mutation.farewell(entry, version=self._version)))

    def fact(self, name: str) -> bytes | None:
        """Return a ledger fact as the writes before this one leave it."""
        return self._facts.get(name, self._memory.facts.get(name))

    def set_fact(self, name: str, value: bytes) -> None:
        """Lay a new ledger fact over the old one."""
        self._facts[name] = value

    def writing(self) -> Writing:
        """Tell what must reach the disk before `publish`.

        A block of versions is promised when the old one is used up, and early when there is a write anyhow.
        """
        touched = [(key, self._overlay[key]) for key in self._durable]
        entries = tuple(entry for _, entry in touched if entry is not None)
        removed = tuple(key for key, entry in touched if entry is None)
        left = self._memory.reserved - self._version
        busy = bool(touched or self._facts)
        reserved = self._version + VERSION_BLOCK if left < 0 or (busy and left < VERSION_BLOCK // 2) else None
        return Writing(reserved, entries, removed, tuple(self._facts.items()))

    def publish(self, written: Writing) -> list[Change]:
        """Make it the truth; returns the changes in the order of their versions."""
        memory = self._memory
        for key, entry in self._overlay.items():
            if entry is None:
                memory.objects.pop(key, None)
            else:
                memory.objects[key] = replace(entry, on_disk=True) if key in self._durable else entry
        memory.facts.update(self._facts)
        memory.version = self._version
        memory.total_bytes = self._total_bytes
        if written.reserved is not None:
            memory.reserved = written.reserved
        return self._changes
