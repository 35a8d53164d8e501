"""The broker and the way to it."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator

from tests.chaos.board import Site
from tests.chaos.fault import Hit


@contextlib.contextmanager
def broker_killed(site: Site, chance: random.Random) -> Iterator[Hit]:
    """kill -9 of the broker, and it comes back with what it had stored."""
    site.broker.kill()
    time.sleep(chance.uniform(0, 3))
    site.broker.start()
    yield Hit(broker_forgets=True)


@contextlib.contextmanager
def broker_restarted(site: Site, chance: random.Random) -> Iterator[Hit]:
    """An ordinary restart of the broker."""
    site.broker.stop()
    time.sleep(chance.uniform(0, 3))
    site.broker.start()
    yield Hit()


@contextlib.contextmanager
def broker_wiped(site: Site, chance: random.Random) -> Iterator[Hit]:
    """The broker comes back empty: no sessions, nothing retained. Absence of a message deletes nothing."""
    site.broker.kill()
    site.broker.wipe()
    time.sleep(chance.uniform(0, 2))
    site.broker.start()
    yield Hit(memory_lost=True)


@contextlib.contextmanager
def link_frozen(site: Site, chance: random.Random) -> Iterator[Hit]:
    """Packets are dropped both ways without a word: a half-open connection."""
    site.cut_link()
    for_s = chance.uniform(1, 14)
    try:
        yield Hit(note=f"{for_s:.0f} s")
        time.sleep(for_s)
    finally:
        site.mend_link()


@contextlib.contextmanager
def registry_away(site: Site, chance: random.Random) -> Iterator[Hit]:
    """The registry refuses or swallows everything, and images that nobody uses are gone from the board."""
    how = chance.choice(("REJECT", "DROP"))
    port = site.registry.address.rpartition(":")[2]
    site.cut_registry(how)
    try:
        for tag in (1, 2):
            site.board.podman("rmi", site.image(tag), check=False)  # refused where a container is made of it
        yield Hit(note=f"{how.lower()}ed at port {port}")
        time.sleep(chance.uniform(1, 6))
    finally:
        site.mend_registry(how)
