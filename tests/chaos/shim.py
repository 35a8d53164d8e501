"""What is loaded into the agent: a faulty disk for its database (compiled here) and a clock that can be set."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_FAKETIME = "/usr/lib/*/faketime/libfaketime.so.1"


class Shim:
    """Both faults are off until their control file says otherwise.

    `missing` names what cannot be tried on this machine and why; the harness shows it.
    """

    def __init__(self, directory: Path) -> None:
        self.control = directory / "disk-fault"
        self.clock = directory / "clock"
        self.missing: dict[str, str] = {}
        self._preload: list[str] = []
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            self.missing["database_disk_fails"] = "no C compiler"
        else:
            library = directory / "shim.so"
            source = Path(__file__).with_name("shim.c")
            subprocess.run((compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"), check=True)
            self._preload.append(str(library))
        faketime = next(iter(Path("/").glob(_FAKETIME.lstrip("/"))), None)
        if faketime is None:
            self.missing["clock_steps"] = "no libfaketime"
        else:
            self._preload.append(str(faketime))
        self.step_clock("+0")

    def environment(self) -> dict[str, str]:
        """Return the environment of the agent."""
        return {
            "LD_PRELOAD": " ".join(self._preload),
            "CHAOS_CONTROL": str(self.control),
            "FAKETIME_TIMESTAMP_FILE": str(self.clock),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def step_clock(self, offset: str) -> None:
        """Let the agent's wall clock be off by e.g. "+5y" or "-20y" from the next second on."""
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(f"{offset}\n")
        fresh.replace(self.clock)

    def break_disk(self, how: str) -> None:
        """Let every sync or write of the database fail: eio-sync, eio-write, enospc-write."""
        self.control.write_text(how)

    def mend_disk(self) -> None:
        """Let it work again."""
        self.control.unlink(missing_ok=True)
