"""The way into the store without rules: JSON documents, names as they are, everything admitted."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from edgelet.api.errors import ConflictError, DecodeError, EdgeletError
from edgelet.ports.object_store import Document, Key, ObjectStore, StoredObject


@dataclass(frozen=True, slots=True)
class FakeAccepted:
    object: StoredObject
    warnings: tuple[str, ...] = ()
    created: bool = False


class FakeReception:
    """`refuse` makes `apply` raise for a name; `gate`, while cleared, makes it wait; `applied` counts."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.refuse: dict[str, EdgeletError | Exception] = {}
        self.fail_once: EdgeletError | None = None
        self.warn: tuple[str, ...] = ()
        self.applied: list[tuple[str, object]] = []  # name, spec
        self.read_count = 0
        self.at_once = 0
        self.most_at_once = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def read(self, payload: bytes, *, content_type: str = "") -> tuple[Document, ...]:
        del content_type
        self.read_count += 1
        try:
            documents = [json.loads(part) for part in payload.decode().split("\n---\n") if part.strip()]
        except ValueError as error:
            raise DecodeError(f"cannot read it: {error}") from error
        return tuple(documents)

    async def apply(
        self,
        document: Document,
        *,
        source: str,
        digest: str = "",
        default_namespace: str = "default",
        strict: bool = False,
    ) -> FakeAccepted:
        del strict
        metadata = document["metadata"]
        if (error := self.refuse.get(metadata["name"])) is not None:
            raise error
        if (once := self.fail_once) is not None:
            self.fail_once = None
            raise once
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.gate.wait()
        await asyncio.sleep(0)
        self.at_once -= 1
        key = Key(document["kind"], metadata.get("namespace") or default_namespace, metadata["name"])
        stored = await self._store.put(key, document, source=source, digest=digest)
        self.applied.append((key.name, document.get("spec")))
        return FakeAccepted(stored, self.warn)

    async def delete(self, key: Key, *, source: str, grace_s: int | None = None, uid: str | None = None) -> None:
        there = self._store.get(key)
        if there is not None and there.source != source:
            raise ConflictError(f"{key} belongs to {there.source}")
        await self._store.mark_deleted(key, uid=uid, grace_s=30 if grace_s is None else grace_s)
