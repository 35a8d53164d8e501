"""Ten rounds of chaos with a fixed seed, in namespaces of their own: the short form of scripts/chaos."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SEED = 7
FAULTS = (
    *("agent_killed", "engine_killed", "container_killed", "link_frozen", "reboot"),
    *("conmon_killed", "database_disk_fails", "broker_killed", "disk_full", "duplicates"),
)


def test_the_world_heals_after_each_of_the_main_faults(tmp_path: Path) -> None:
    done = subprocess.run(
        (
            *("scripts/chaos", "--seed", str(SEED), "--rounds", str(len(FAULTS)), "--each"),
            *("--faults", ",".join(FAULTS), "--keep", str(tmp_path / "kept")),
        ),
        cwd=ROOT,
        env={**os.environ, "EDGELET_CHAOS_PREPARED": "yes"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "NOT TRIED" not in done.stdout, done.stdout
