from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from edgelet.ports.object_store import Change, Document, Key, StoredObject
from edgelet.remote import collection, selectors
from edgelet.remote.collection import Listing, ReadCollection
from edgelet.remote.snapshots import AGE_LIMIT_S, Snapshots
from edgelet.remote.watch_filter import WatchFilter


def stored(name: str = "a", version: int = 1, uid: str = "", **document: Any) -> StoredObject:
    metadata = {"name": name, "namespace": "default", **document.pop("metadata", {})}
    key = Key("Pod", "default", name)
    return StoredObject(key, uid or f"uid-{name}", version, 1, "api", "", {"metadata": metadata, **document})


def test_the_difference_of_two_listings_tells_deletions_first_then_changes_in_their_order() -> None:
    before = (stored("gone"), stored("same"), stored("changed", 3), stored("replaced", uid="old"))
    after = (stored("changed", 9), stored("new", 8), stored("replaced", 7, uid="new"), stored("same"))
    told = [(one.type, one.object.key.name, one.object.uid) for one in collection.difference(before, after)]
    assert told == [
        ("DELETED", "gone", "uid-gone"),
        ("DELETED", "replaced", "old"),
        ("ADDED", "replaced", "new"),
        ("ADDED", "new", "uid-new"),
        ("MODIFIED", "changed", "uid-changed"),
    ]


def test_a_filter_turns_changes_into_what_its_client_can_understand() -> None:
    running = selectors.parse(labels="", fields="status.phase=Running", kind="Pod")
    told = WatchFilter(namespace="default", selector=running)

    def tell(type_: Any, phase: str) -> str | None:
        event = told.tell(Change(type_, stored(status={"phase": phase})))
        return event.type if event else None

    assert tell("ADDED", "Pending") is None
    assert tell("MODIFIED", "Running") == "ADDED"
    assert tell("MODIFIED", "Running") == "MODIFIED"
    assert tell("MODIFIED", "Failed") == "DELETED"
    assert tell("DELETED", "Failed") is None


def test_snapshots_are_forgotten_by_age_and_by_number_of_objects() -> None:
    now = [0.0]
    kept = Snapshots(monotonic_s=lambda: now[0], objects_limit=5)
    kept.keep("Pod", Listing(1, tuple(stored(str(n)) for n in range(3))))
    kept.keep("Pod", Listing(2, (stored(),)))
    assert kept.find("Pod", 1)
    assert kept.find("Secret", 1) is None
    kept.keep("Pod", Listing(3, (stored("a"), stored("b"))))
    assert kept.find("Pod", 1) is None
    assert kept.find("Pod", 2)
    now[0] = AGE_LIMIT_S + 1
    assert kept.find("Pod", 3) is None


@contextmanager
def never() -> Iterator[Callable[[], Awaitable[None]]]:
    yield NotImplemented


def test_what_is_read_gets_one_version_a_content() -> None:
    documents: list[Document] = [{"metadata": {"name": "pi"}, "status": 1}]
    nodes = ReadCollection("Node", lambda: tuple(documents), wake=never, first_version=100)
    first, again = nodes.list(), nodes.list()
    documents[0] = {"metadata": {"name": "pi"}, "status": 2}
    changed = nodes.list()
    documents.clear()
    gone = nodes.list()
    assert first == again
    assert first.version == 101
    assert first.items[0].document["metadata"]["resourceVersion"] == "101"
    assert (changed.version, changed.items[0].resource_version) == (102, 102)
    assert (gone.version, gone.items) == (103, ())
