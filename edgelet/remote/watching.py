"""A watch: what there is or was since a version, then every change, one JSON line each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any

from edgelet.api.kinds import Kind
from edgelet.ports.local_api import encode
from edgelet.ports.object_store import Change, Document, StoredObject
from edgelet.remote import collection, refusal
from edgelet.remote.collection import Collection, Listing
from edgelet.remote.options import ListOptions
from edgelet.remote.snapshots import Snapshots
from edgelet.remote.watch_filter import WatchFilter

BOOKMARK_EVERY_S = 60.0
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


def base(listing: Listing, snapshots: Snapshots, options: ListOptions, *, kind: str) -> tuple[StoredObject, ...] | None:
    """Return what the client knows at the start: nothing, or the listing of its version.

    None where that version's listing is forgotten: deletions since could not be told.
    """
    version = options.resource_version
    if not version or options.initial_events:
        return ()
    if version == listing.version:
        return listing.items
    return snapshots.find(kind, version)


async def lines(
    objects: Collection, snapshots: Snapshots, options: ListOptions, *, kind: Kind, namespace: str | None
) -> AsyncGenerator[bytes, None]:
    """Give the events of a watch until its timeout; closing it frees the store's watch.

    The store coalesces for a slow reader, so that what waits here is never more than one event.
    """
    told = WatchFilter(namespace=namespace, selector=options.selector)
    with objects.watch() as changes:
        listing = objects.list()
        known = base(listing, snapshots, options, kind=kind.kind)
        if known is None:
            yield _line("ERROR", refusal.expired(options.resource_version or 0).status())
            return
        told.assume(known)
        version = listing.version
        for line in _lines(told, collection.difference(known, listing.items), kind):
            yield line
        if options.initial_events and options.bookmarks:
            yield _bookmark(kind, version, initial_end=True)
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + options.timeout_s if options.timeout_s else None
        while (left_s := ends_at - loop.time() if ends_at else BOOKMARK_EVERY_S) > 0:
            try:
                async with asyncio.timeout(min(left_s, BOOKMARK_EVERY_S)):
                    change = await anext(changes)
            except TimeoutError:
                if options.bookmarks:
                    yield _bookmark(kind, version)
                continue
            except StopAsyncIteration:  # the store closes
                return
            # What the first listing already told may come once more, with its old version. A deletion is told once
            # whatever its version: the filter knows.
            if change.type == "DELETED" or change.object.resource_version > listing.version:
                version = max(version, change.object.resource_version)
                for line in _lines(told, (change,), kind):
                    yield line


def shown(document: Document, kind: Kind) -> dict[str, Any]:
    """Return a document with its apiVersion and kind in front, whatever it came from."""
    return {"kind": kind.kind, "apiVersion": kind.api_version} | dict(document)


def _lines(told: WatchFilter, changes: tuple[Change, ...], kind: Kind) -> Iterator[bytes]:
    for change in changes:
        event = told.tell(change)
        if event is not None:
            yield _line(event.type, shown(event.object.document, kind))


def _bookmark(kind: Kind, version: int, *, initial_end: bool = False) -> bytes:
    metadata: dict[str, Any] = {"resourceVersion": str(version)}
    if initial_end:
        metadata["annotations"] = {INITIAL_EVENTS_END: "true"}
    return _line("BOOKMARK", {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": metadata})


def _line(type_: str, document: Document) -> bytes:
    return encode({"type": type_, "object": document})
