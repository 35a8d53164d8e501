"""Signed payloads that wait: in memory those that no index names yet, on disk those that the coming index names.

Only what an index names is written: a broker that repeats old messages costs no flash.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from edgelet.api.errors import TooLargeError
from edgelet.ports.object_store import Key, ObjectStore

KIND, SECRET_KIND = "SignedPayload", "SignedSecret"  # no API serves them; what a Secret is made of has its own
_SECRETS = "secrets/"


@dataclass(frozen=True, slots=True)
class Payload:
    """What a signer wrote for one path."""

    data: bytes
    content_type: str
    digest: str  # sha256, hex


class Unnamed:
    """One payload a path, the newest, in memory; the oldest are forgotten: the broker retains them."""

    def __init__(self, *, max_bytes: int, max_count: int) -> None:
        self._max_bytes = max_bytes
        self._max_count = max_count
        self._size_bytes = 0
        self._by_path: OrderedDict[str, Payload] = OrderedDict()

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def __len__(self) -> int:
        return len(self._by_path)

    def put(self, path: str, payload: Payload) -> None:
        """Keep it in the place of an older one."""
        self.pop(path)
        self._by_path[path] = payload
        self._size_bytes += len(payload.data)
        while self._size_bytes > self._max_bytes or len(self._by_path) > self._max_count:
            _, forgotten = self._by_path.popitem(last=False)
            self._size_bytes -= len(forgotten.data)

    def get(self, path: str) -> Payload | None:
        """Return what waits for a path."""
        return self._by_path.get(path)

    def pop(self, path: str) -> None:
        """Forget what waits for a path."""
        found = self._by_path.pop(path, None)
        self._size_bytes -= len(found.data) if found is not None else 0


class Named:
    """What the coming index names, durable, under its path. Bounded by the store's own bounds."""

    def __init__(self, store: ObjectStore, *, source: str) -> None:
        self._store = store
        self._source = source

    def digest(self, path: str) -> str:
        """Return the digest of what is kept for a path, "" for none."""
        found = self._store.get(_key(path))
        return found.digest if found is not None else ""

    def get(self, path: str) -> Payload | None:
        """Return what is kept for a path."""
        found = self._store.get(_key(path))
        if found is None or not isinstance(found.document.get("payload"), str):  # a database may seal what is secret
            return None
        return Payload(found.document["payload"].encode("latin-1"), found.document["contentType"], found.digest)

    async def put(self, path: str, payload: Payload) -> None:
        """Keep it; on disk when this returns. Raises TooLargeError, StorageError."""
        document = {
            "apiVersion": "edgelet/v1",
            "kind": _key(path).kind,
            "metadata": {"name": path},
            # Any bytes as text: each is one letter.
            "payload": payload.data.decode("latin-1"),
            "contentType": payload.content_type,
        }
        try:
            await self._store.put(_key(path), document, source=self._source, digest=payload.digest)
        except TooLargeError as error:
            raise TooLargeError(f"cannot keep {path} until its index takes effect: {error.message}") from error

    async def keep_only(self, wanted: dict[str, str]) -> None:
        """Remove all but what a mapping of path to digest names. Raises StorageError."""
        for stored in (*self._store.list(KIND), *self._store.list(SECRET_KIND)):
            if wanted.get(stored.key.name) != stored.digest:
                await self._store.remove(stored.key)


def _key(path: str) -> Key:
    return Key(SECRET_KIND if path.startswith(_SECRETS) else KIND, "", path)
