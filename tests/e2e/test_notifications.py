"""What a service manager hears from the real agent, over a notification socket of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.demo import clean_up, processes

pytestmark = pytest.mark.podman

WATCHDOG_US = 500_000


class Listener:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[dict[str, str]] = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))

    def until(self, **wanted: str) -> dict[str, str]:
        """Return the next message that says this; AssertionError with all that came instead."""
        deadline = time.monotonic() + 20
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                text = self.socket.recv(4096).decode()
            except TimeoutError:
                break
            message = dict(line.split("=", 1) for line in text.splitlines())
            self.heard.append(message)
            if wanted.items() <= message.items():
                return message
        raise AssertionError(f"no {wanted}, but {self.heard}")


@pytest.fixture
def place() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="el-nt-", dir="/tmp"))
    yield base
    assert clean_up.directory(base) == []
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def listener(place: Path) -> Iterator[Listener]:
    listener = Listener(place / "notify")
    yield listener
    listener.socket.close()


@pytest.fixture
def agent(place: Path, listener: Listener) -> Iterator[subprocess.Popen[bytes]]:
    tables: dict[str, dict[str, object]] = {
        "paths": {name: str(place / name) for name in ("state", "run", "manifests", "logs", "volumes")},
        "podman": {
            "storage_root": str(place / "storage"),
            "run_root": str(place / "storage-run"),
            "idle_exit_s": 1,
        },
        "network": {"bridge": f"el{place.name[-6:]}", "pool": "10.127.3.0/24"},
    }
    text = "".join(
        f"[{table}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        for table, values in tables.items()
    )
    (place / "edgelet.toml").write_text(text)
    environment = {**os.environ, "NOTIFY_SOCKET": str(listener.path), "WATCHDOG_USEC": str(WATCHDOG_US)}
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            (sys.executable, "-m", "edgelet", "agent", "--config", place / "edgelet.toml"),
            env=environment,
            stderr=log,
            stdout=log,
        )
    yield process
    process.kill()
    process.wait()
    deadline = time.monotonic() + 15
    while processes.naming(f"{place}/") and time.monotonic() < deadline:  # the engine's service ends by itself
        time.sleep(0.1)


def test_service_manager_hears_the_whole_life(agent: subprocess.Popen[bytes], listener: Listener) -> None:
    first = listener.until(READY="1")
    assert first["STATUS"].startswith("0 of 0 pods run")
    assert first is listener.heard[0]

    begin = time.monotonic()
    for _ in range(4):
        listener.until(WATCHDOG="1")
    assert time.monotonic() - begin < 4 * WATCHDOG_US / 1e6  # each well within the limit

    agent.send_signal(signal.SIGHUP)
    reloading = listener.until(RELOADING="1")
    assert int(reloading["MONOTONIC_USEC"]) > 0  # Type=notify-reload asks for it
    assert listener.until(READY="1")["STATUS"] == "settings read again"

    agent.send_signal(signal.SIGTERM)
    listener.until(STOPPING="1")
    assert agent.wait(timeout=20) == 0


def test_settings_that_cannot_be_read_leave_the_agent_running(
    place: Path, agent: subprocess.Popen[bytes], listener: Listener
) -> None:
    listener.until(READY="1")
    (place / "edgelet.toml").write_text("[log]\nlevel = 'loud'\n")
    agent.send_signal(signal.SIGHUP)
    listener.until(RELOADING="1")
    listener.until(READY="1")
    assert agent.poll() is None
    assert "log.level" in (place / "log").read_text()
