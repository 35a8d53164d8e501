"""What is loaded into the agent: a faulty disk for its database and a clock that can be set. Compiled here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_NEED_IT = (
    *("clock_steps", "started_in_the_past"),
    *("database_disk_fails", "database_disk_fails_and_killed"),
)


class Shim:
    """Both faults are off until their control file says otherwise.

    `missing` names what cannot be tried on this machine and why; the harness shows it.
    """

    def __init__(self, directory: Path) -> None:
        self._control = directory / "disk-fault"
        self._clock = directory / "clock"
        self._library = directory / "shim.so"
        compiler = shutil.which("cc") or shutil.which("gcc")
        self.missing = {} if compiler else dict.fromkeys(_NEED_IT, "no C compiler")
        if compiler:
            source = Path(__file__).with_name("shim.c")
            subprocess.run((compiler, "-shared", "-fPIC", "-O1", "-o", self._library, source, "-ldl"), check=True)
        self.step_clock(0)

    def environment(self) -> dict[str, str]:
        """Return the environment of the agent."""
        if self.missing:
            return {}
        return {
            "LD_PRELOAD": str(self._library),
            "CHAOS_CONTROL": str(self._control),
            "CHAOS_CLOCK": str(self._clock),
        }

    def step_clock(self, offset_s: int, *, synchronized: bool | None = None) -> None:
        """Let the agent's wall clock be off by so much, from now on.

        `synchronized`: whether the kernel says that somebody vouches for it; None: what it really says.
        """
        words = {None: "", True: " synchronized", False: " unsynchronized"}
        fresh = self._clock.with_suffix(".new")
        fresh.write_text(f"{offset_s}{words[synchronized]}\n")
        fresh.replace(self._clock)

    def break_disk(self, how: str) -> None:
        """Let every sync or write of the database fail: eio-sync, eio-write, enospc-write."""
        fresh = self._control.with_suffix(".new")
        fresh.write_text(how)
        fresh.replace(self._control)

    def mend_disk(self) -> None:
        """Let it work again."""
        self._control.unlink(missing_ok=True)
