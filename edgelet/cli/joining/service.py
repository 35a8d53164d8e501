"""The agent's systemd unit, where there is a systemd."""

from __future__ import annotations

import subprocess
from pathlib import Path

UNIT = "edgelet.service"
_BOOTED = Path("/run/systemd/system")  # Source: sd_booted(3)
_TIMEOUT_S = 180


def start() -> str:
    """Have the agent run now and after each boot, with its new settings; returns what came of it, in words.

    Restart also starts; an agent that runs reads the settings of its link at its start only. Its pods go on meanwhile.
    """
    if not _BOOTED.is_dir():
        return "there is no systemd here: start the agent yourself (edgelet agent)"
    for words in (("enable", UNIT), ("restart", UNIT)):
        try:
            done = subprocess.run(
                ("systemctl", *words), capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"the agent was not started: systemctl {' '.join(words)}: {error}"
        if done.returncode:
            told = done.stderr.strip() or f"exit code {done.returncode}"
            return f"the agent was not started: systemctl {' '.join(words)}: {told}"
    return f"{UNIT} is enabled and runs"
