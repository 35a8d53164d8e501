"""Some rounds of chaos with a fixed seed, in namespaces of their own: the short form of scripts/chaos."""

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
    *("image_layer_gone", "layer_list_cut", "engine_database_zeroed", "dns_killed", "crowd"),
)
_BOUND_S = 600
_END_S = 60


def test_the_world_heals_after_each_of_the_main_faults(tmp_path: Path) -> None:
    chaos = subprocess.Popen(
        (
            *("scripts/chaos", "--seed", str(SEED), "--rounds", str(len(FAULTS)), "--each"),
            *("--faults", ",".join(FAULTS), "--keep", str(tmp_path / "kept")),
        ),
        cwd=ROOT,
        env={**os.environ, "EDGELET_CHAOS_PREPARED": "yes"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        told, _ = chaos.communicate(timeout=_BOUND_S)
    except subprocess.TimeoutExpired:
        chaos.terminate()  # it ends all that it started, which SIGKILL would not
        told, _ = chaos.communicate(timeout=_END_S)
    assert chaos.returncode == 0, told
    assert "NOT TRIED" not in told, told
