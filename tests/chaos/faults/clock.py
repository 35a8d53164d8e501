"""The clock that the agent sees is years off, or jumps while it runs. The machine's own clock is never touched."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator

from tests.chaos.board import Site
from tests.chaos.fault import Hit

_YEAR_S = 365 * 24 * 3600
_STEPS_S = (3 * _YEAR_S, -3 * _YEAR_S, 15 * _YEAR_S, -20 * _YEAR_S, 7200, -7200, -86_400, 86_400)


@contextlib.contextmanager
def clock_steps(site: Site, chance: random.Random) -> Iterator[Hit]:
    """It jumps while the agent runs, and back after a while."""
    step = chance.choice(_STEPS_S)
    site.board.shim.step_clock(step)
    try:
        yield Hit(note=_words(step))
        time.sleep(chance.uniform(0, 4))
    finally:
        site.board.shim.step_clock(0)


@contextlib.contextmanager
def started_in_the_past(site: Site, chance: random.Random) -> Iterator[Hit]:
    """A board without a clock of its own reboots, and gets the right time only later."""
    step = chance.choice((-20 * _YEAR_S, -50 * _YEAR_S, -3 * _YEAR_S))
    site.board.power_off()
    site.board.shim.step_clock(step)
    site.board.power_on()
    site.board.start(wait=False)
    try:
        time.sleep(chance.uniform(1, 5))
        yield Hit(everything=True, note=_words(step))
        time.sleep(chance.uniform(0, 2))
    finally:
        site.board.shim.step_clock(0)


def _words(step_s: int) -> str:
    return f"{step_s / 86_400:+.1f} days"
