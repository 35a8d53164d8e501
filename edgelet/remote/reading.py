"""GET: one object, a list, a watch, and the samples of metrics.k8s.io."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from edgelet.api.kinds import Kind
from edgelet.ports.local_api import Answer, Request, Response, Streaming, json_response
from edgelet.ports.object_store import Document, Key, StoredObject
from edgelet.remote import namespaces, options, refusal, watching
from edgelet.remote.collection import Collection, ReadCollection, StoreCollection
from edgelet.remote.parts import Parts
from edgelet.remote.route import METRICS
from edgelet.remote.snapshots import Snapshots

NODE_LOOK_EVERY_S = 5.0  # while somebody watches nodes


class Reading:
    """Answers what changes nothing."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._snapshots = Snapshots(monotonic_s=parts.clock.monotonic_s)
        # Milliseconds since boot: another agent start, other versions.
        first = int(parts.clock.monotonic_s() * 1000)
        self._read: dict[str, Collection] = {
            "Node": ReadCollection("Node", lambda: (parts.node(),), wake=self._now_and_then, first_version=first),
            "Event": ReadCollection("Event", lambda: parts.events.list(None), wake=self._events, first_version=first),
            "Namespace": ReadCollection(
                "Namespace", lambda: namespaces.documents(parts.store), wake=self._any_change, first_version=first
            ),
        }

    def find(self, kind: Kind, key: Key) -> StoredObject:
        """Return an object. Raises RefusedError(404)."""
        if kind.kind in self._read:
            found = next((one for one in self._objects(kind).list().items if one.key == key), None)
        else:
            found = self._parts.store.get(key)
        if found is None:
            raise refusal.not_found(kind.plural, key.name, group=kind.group)
        return found

    def select(self, kind: Kind, namespace: str | None, wanted: options.ListOptions) -> tuple[StoredObject, ...]:
        """Return the objects that a selector means."""
        return tuple(one for one in self._objects(kind).list().items if _wanted(one, namespace, wanted))

    async def one(self, request: Request, kind: Kind, key: Key) -> Answer:
        """GET of one object. With watch=true a watch of that one, as kube-apiserver does."""
        if kind in METRICS:
            return await self._one_metric(kind, key)
        if options.flag(request, "watch"):
            query = {**request.query, "fieldSelector": (f"metadata.name={key.name}",)}
            narrowed = Request(request.method, request.segments, query, request.headers, request.body, request.peer)
            return await self.many(narrowed, kind, key.namespace or None)
        return json_response(200, watching.shown(self.find(kind, key).document, kind))

    async def many(self, request: Request, kind: Kind, namespace: str | None) -> Answer:
        """GET of a collection: a list or a watch."""
        wanted = options.of_list(request, kind=kind.kind)
        if kind in METRICS:
            return await self._metrics(kind, namespace, wanted)
        if wanted.watch:
            return self._watch(kind, namespace, wanted)
        listing = self._objects(kind).list()
        self._snapshots.keep(kind.kind, listing)
        documents = [one.document for one in listing.items if _wanted(one, namespace, wanted)]
        return _list(kind, documents, version=str(listing.version))

    def _watch(self, kind: Kind, namespace: str | None, wanted: options.ListOptions) -> Answer:
        objects = self._objects(kind)
        if watching.base(objects.list(), self._snapshots, wanted, kind=kind.kind) is None:
            raise refusal.expired(wanted.resource_version or 0)
        chunks = watching.lines(objects, self._snapshots, wanted, kind=kind, namespace=namespace)
        return Streaming(chunks)

    def _objects(self, kind: Kind) -> Collection:
        return self._read.get(kind.kind) or StoreCollection(self._parts.store, kind.kind)

    # ---- metrics

    async def _metric_documents(self, kind: Kind) -> tuple[Document, ...]:
        if kind.kind == "NodeMetrics":
            return (await self._parts.node_metrics(),)
        return await self._parts.pod_metrics()

    async def _metrics(self, kind: Kind, namespace: str | None, wanted: options.ListOptions) -> Response:
        if wanted.watch:
            raise refusal.method_not_allowed("watch", allowed=("GET",))
        documents = [
            one
            for one in await self._metric_documents(kind)
            if namespace in (None, one["metadata"].get("namespace")) and wanted.selector.matches(one)
        ]
        return _list(kind, documents, version="")

    async def _one_metric(self, kind: Kind, key: Key) -> Response:
        for one in await self._metric_documents(kind):
            metadata = one["metadata"]
            if (metadata.get("namespace", ""), metadata["name"]) == (key.namespace, key.name):
                return json_response(200, watching.shown(one, kind))
        raise refusal.not_found(f"{kind.kind.lower()}", key.name, group=kind.group)

    # ---- what wakes a watch of something that is not stored

    @contextmanager
    def _now_and_then(self) -> Iterator[Callable[[], Awaitable[None]]]:
        yield lambda: self._parts.clock.sleep(NODE_LOOK_EVERY_S)

    @contextmanager
    def _events(self) -> Iterator[Callable[[], Awaitable[None]]]:
        changed = asyncio.Event()

        async def woken() -> None:
            await changed.wait()
            changed.clear()

        unsubscribe = self._parts.events.listen(lambda _event: changed.set())
        try:
            yield woken
        finally:
            unsubscribe()

    @contextmanager
    def _any_change(self) -> Iterator[Callable[[], Awaitable[None]]]:
        with self._parts.store.watch("Namespace", *namespaces.STORED_KINDS) as watch:
            changes = aiter(watch)

            async def woken() -> None:
                await anext(changes)

            yield woken


def _wanted(one: StoredObject, namespace: str | None, wanted: options.ListOptions) -> bool:
    return namespace in (None, one.key.namespace) and wanted.selector.matches(one.document)


def _list(kind: Kind, documents: list[Document], *, version: str) -> Response:
    metadata: dict[str, Any] = {"resourceVersion": version} if version else {}
    return json_response(
        200,
        {
            "kind": f"{kind.kind}List",
            "apiVersion": kind.api_version,
            "metadata": metadata,
            "items": [watching.shown(one, kind) for one in documents],
        },
    )
