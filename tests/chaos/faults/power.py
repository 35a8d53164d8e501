"""The power goes: everything volatile is gone at once."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator

from tests.chaos.board import Site
from tests.chaos.fault import Hit


@contextlib.contextmanager
def reboot(site: Site, chance: random.Random) -> Iterator[Hit]:
    """Processes, run directories, mounts, namespaces, bridge, firewall and control groups are gone."""
    site.board.power_off()
    time.sleep(chance.uniform(0, 0.5))
    site.board.power_on()
    site.board.start(wait=False)
    yield Hit(everything=True)


@contextlib.contextmanager
def reboot_without_link(site: Site, chance: random.Random) -> Iterator[Hit]:
    """The broker cannot be reached when the board comes up, and for a while after."""
    site.board.power_off()
    site.cut_link()
    site.board.power_on()
    site.board.start(wait=False)
    try:
        time.sleep(chance.uniform(3, 6))
        yield Hit(everything=True)
    finally:
        site.mend_link()


@contextlib.contextmanager
def reboots(site: Site, chance: random.Random) -> Iterator[Hit]:
    """It goes again while the board comes up."""
    times = chance.randint(2, 3)
    for _ in range(times):
        site.board.power_off()
        site.board.power_on()
        site.board.start(wait=False)
        time.sleep(chance.uniform(0.1, 3))
    yield Hit(everything=True, note=f"{times} times")
