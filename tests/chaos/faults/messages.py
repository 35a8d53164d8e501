"""What a broken or hostile sender publishes. None of it may change anything, or stop what is good from coming in."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Iterator

from tests.chaos import witness
from tests.chaos.board import ROOT, Site
from tests.chaos.fault import Hit
from tests.fixtures.mqtt_clients import publish
from tests.fixtures.workload import pod

_KILLED = 0.5  # of the crowds
_KNOWN_S = 30.0
_GARBAGE: tuple[bytes, ...] = (
    b"\x00\xff\xfe",
    b"{",
    b"[]",
    b"null",
    b"apiVersion: v1\nkind: Pod\nmetadata: {name: [}\n",
    b"!!python/object/apply:os.system ['true']",
    b"a: &a [*a]",
    b'{"apiVersion": "v1", "kind": "Pod"}',
    b'{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "other"}, "spec": {"containers": []}}',
    b'{"apiVersion": "v9", "kind": "Nonsense", "metadata": {"name": "x"}}',
    b"[" * 20_000,
)


@contextlib.contextmanager
def garbage(site: Site, chance: random.Random) -> Iterator[Hit]:
    """Payloads that are no object, on topics of objects that are not wanted and on absurd topics."""
    names = [f"garbage-{number}" for number in range(6)]
    topics = [f"desired/pods/default/{name}" for name in names]
    topics += [
        "desired/nonsense/default/x",
        "desired/pods/default",
        "desired/pods/a/b/c",
        "cmd/exec/x",
        "desired/pods//",
    ]
    for topic in topics:
        publish(site.broker, ROOT + topic, chance.choice(_GARBAGE), retain=chance.random() < 0.5)
    yield Hit()
    for topic in topics:
        publish(site.broker, ROOT + topic, b"")


@contextlib.contextmanager
def oversized(site: Site, chance: random.Random) -> Iterator[Hit]:
    """Objects beyond the bound of the board."""
    size = chance.choice((131_073, 300_000, 2_000_000))
    document = pod("huge")
    document["metadata"]["annotations"] = {"filler": "x" * size}
    topic = f"{ROOT}desired/pods/default/huge"
    publish(site.broker, topic, json.dumps(document))
    yield Hit(note=f"{size} bytes")
    publish(site.broker, topic, b"")


@contextlib.contextmanager
def duplicates(site: Site, chance: random.Random) -> Iterator[Hit]:
    """Everything is published again, several times and in another order: nothing restarts."""
    del site
    times = chance.randint(1, 3)
    yield Hit(repeats=times, note=f"{times} times")


@contextlib.contextmanager
def apply_and_delete(site: Site, chance: random.Random) -> Iterator[Hit]:
    """A pod comes and goes and comes and goes, faster than it can start; at last it is gone."""
    topic, times = f"{ROOT}desired/pods/default/flapping", chance.randint(2, 8)
    for number in range(times):
        document = pod("flapping")
        document["spec"]["containers"][0]["image"] = site.image(1 + number % 2)
        publish(site.broker, topic, document)
        publish(site.broker, topic, b"")
    yield Hit(note=f"{times} times", came_and_went=("flapping",))


@contextlib.contextmanager
def crowd(site: Site, chance: random.Random) -> Iterator[Hit]:
    """Many pods are wanted at once; the agent dies among them; then none of them is wanted any more."""
    names = [f"crowd-{number}" for number in range(chance.randint(12, 30))]
    for name in names:
        document = pod(name)
        document["spec"]["containers"][0]["image"] = site.image(chance.randint(1, 2))
        publish(site.broker, f"{ROOT}desired/pods/default/{name}", document)
    time.sleep(chance.uniform(0, 5))
    if killed := chance.random() < _KILLED:
        site.board.kill()
        site.board.start(wait=False)
        time.sleep(chance.uniform(0, 5))
    yield Hit(note=f"{len(names)} pods{', killed' if killed else ''}", came_and_went=tuple(names))
    end = time.monotonic() + _KNOWN_S
    while time.monotonic() < end:  # a deletion is no retained message: it reaches only a board that is there
        if witness.statuses(site).get("status/online", {}).get("state") == "online":
            break
    for name in names:
        publish(site.broker, f"{ROOT}desired/pods/default/{name}", b"")
