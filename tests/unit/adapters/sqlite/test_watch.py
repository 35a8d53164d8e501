from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgelet.adapters.sqlite.watch import ChangeQueue
from edgelet.ports.object_store import Change, Key, StoredObject

ACTIONS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "remove", "read"])), max_size=60)


def stored(name: str, uid: str, version: int) -> StoredObject:
    return StoredObject(Key("Pod", "default", name), uid, version, 1, "mqtt", "", {"metadata": {}})


@given(ACTIONS)
def test_a_reader_that_reads_all_knows_the_truth_and_misses_no_end(actions: list[tuple[str, str]]) -> None:
    queue = ChangeQueue()
    truth: dict[str, StoredObject] = {}
    known: dict[str, StoredObject] = {}

    def read() -> None:
        change = queue.pop()
        if change is None:
            return
        found, name = change.object, change.object.key.name
        assert change.type != "ADDED" or name not in known, "an end was hidden by a new incarnation"
        assert change.type != "MODIFIED" or known[name].uid == found.uid
        if change.type == "DELETED":
            known.pop(name, None)
        else:
            known[name] = found

    for version, (name, action) in enumerate(actions, 1):
        if action == "read":
            read()
        elif action == "put":
            old = truth.get(name)
            new = stored(name, old.uid if old else f"uid-{version}", version)
            truth[name] = new
            queue.push(Change("MODIFIED" if old else "ADDED", new))
        elif name in truth:
            queue.push(Change("DELETED", truth.pop(name)))
    while len(queue):
        read()
    assert known == truth


@given(ACTIONS)
def test_changes_come_in_the_order_of_their_versions(actions: list[tuple[str, str]]) -> None:
    queue, last = ChangeQueue(), 0
    for version, (name, action) in enumerate(actions, 1):
        if action == "put":
            queue.push(Change("MODIFIED", stored(name, "uid", version)))
    while (change := queue.pop()) is not None:
        assert change.object.resource_version > last
        last = change.object.resource_version


def test_a_reader_that_never_reads_costs_bounded_memory() -> None:
    queue = ChangeQueue()
    for n in range(5000):
        queue.push(Change("ADDED", stored(f"job-{n}", f"uid-{n}", n)))
        queue.push(Change("DELETED", stored(f"job-{n}", f"uid-{n}", n)))
    assert len(queue) == 1024
    last = None
    while (change := queue.pop()) is not None:
        last = change
    assert last is not None
    assert (last.type, last.object.uid) == ("DELETED", "uid-4999")


def test_an_end_is_told_also_of_what_was_only_listed() -> None:
    queue = ChangeQueue()
    queue.push(Change("ADDED", stored("a", "uid", 1)))
    queue.push(Change("DELETED", stored("a", "uid", 2)))
    change = queue.pop()
    assert change is not None
    assert change.type == "DELETED"
    assert queue.pop() is None
