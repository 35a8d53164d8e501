"""How often and how long is measured, and which of the settings that a choice is to be made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """One profile."""

    lifecycle: int
    restarts: int
    adoptions: int
    starts: int  # of commands
    idle_s: float
    crowds: tuple[int, ...]  # numbers of pods
    sandbox: str = "auto"  # [network] sandbox


QUICK = Rounds(lifecycle=3, restarts=3, adoptions=2, starts=5, idle_s=30, crowds=(10,))
USUAL = Rounds(lifecycle=10, restarts=10, adoptions=5, starts=10, idle_s=60, crowds=(10, 30))
FULL = Rounds(lifecycle=20, restarts=10, adoptions=5, starts=20, idle_s=600, crowds=(10, 30, 110))
