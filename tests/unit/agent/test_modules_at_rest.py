from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOR_LATER = (
    "edgelet.adapters.local_api.tcp_door",
    "edgelet.adapters.local_api.tcp_listener",
    "cryptography",
    "edgelet.agent.trust",
    "edgelet.intake.signed_desired",
    "edgelet.adapters.local_api.websocket",
    "edgelet.adapters.podman.attach_session",
    "edgelet.adapters.podman.pod_port",
    "edgelet.remote.attach",
    "edgelet.remote.port_forward",
    "edgelet.remote.port_frames",
    "wsproto",
    "tarfile",
)


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """What an agent has loaded when it is put together."""
    code = "import sys, edgelet.agent.daemon, edgelet.agent.local_api; print(*sys.modules)"
    done = subprocess.run(
        (sys.executable, "-c", code), cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("name", FOR_LATER)
def test_streams_cost_no_memory_until_somebody_asks_for_one(loaded: set[str], name: str) -> None:
    assert "edgelet.remote.api" in loaded
    assert name not in loaded
