"""The agent of the demonstration, as a normal daemon with settings of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from scripts.demo import processes
from scripts.demo.failure import DemoError
from scripts.demo.place import Place

NODE = "demo"
TOPICS = f"edgelet/v1/default/{NODE}"
EDGELET = Path(sys.executable).with_name("edgelet")
_PAUSE_S = 0.1
_STOP_S = 20.0


def write_settings(place: Place, *, signing_keys: Path | None = None) -> None:
    """Write edgelet.toml: everything below the demonstration's directory, bridge and addresses of its own.

    With `signing_keys`, a directory of public keys, it believes signatures alone, and has no link before it joined.
    The board's policy lets the pod have the one port that it asks for, and else what the baseline allows.
    """
    base = place.base
    for name in ("manifests", "state", "run", "storage", "storage-run"):
        (base / name).mkdir(mode=0o711)
    tables: dict[str, dict[str, object]] = {
        "node": {"name": NODE},
        "paths": {name: str(base / name) for name in ("state", "run", "manifests", "logs", "volumes")},
        **({} if signing_keys else {"mqtt": {"url": f"mqtt://127.0.0.1:{place.broker_port}"}}),
        **({"trust": {"require_signature": True, "signing_keys": str(signing_keys)}} if signing_keys else {}),
        "podman": {"storage_root": str(place.storage_root), "run_root": str(place.run_root)},
        "network": {"bridge": place.bridge, "pool": place.pool},
        "admission": {"policy": str(place.policy)},
    }
    # A JSON string without control characters is a TOML string.
    text = "\n".join(
        f"[{table}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        for table, values in tables.items()
    )
    place.settings.write_text(text)
    place.policy.write_text(f"host_ports = [{place.host_port}]\n")
    place.policy.chmod(0o600)


def start(place: Place) -> None:
    """Start the daemon; it goes on when we end."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("EDGELET_")}
    argv = (str(EDGELET), "agent", "--config", str(place.settings))
    processes.start(argv, log=place.agent_log, pid_file=place.agent_pid, environment=environment)


def wait_until_ready(place: Place, *, timeout_s: float) -> None:
    """Wait until the agent can run pods: its local API says so.

    Raises:
        DemoError: The agent ended, or says what is wrong, or says nothing in time.
    """
    deadline = time.monotonic() + timeout_s
    pid, birth = place.agent_pid.read_text().split()
    answer = ""
    while time.monotonic() < deadline:
        if processes.started(int(pid)) != birth:
            raise DemoError("the agent ended", "Its last words are above.")
        answer = readiness(place)
        if answer == "ok":
            return
        time.sleep(_PAUSE_S)
    raise DemoError(
        f"the agent is not ready after {timeout_s:g} s" + (f": {answer}" if answer else ""),
        "If Podman is named, try `podman info` and `podman run` by hand. Then run this again.",
    )


def readiness(place: Place) -> str:
    """Return what /readyz answers, "" where nobody does."""
    argv = ("curl", "--silent", "--max-time", "2", "--unix-socket", str(place.api_socket), "http://localhost/readyz")
    return subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False).stdout.strip()


def command(place: Place, *words: str) -> str:
    """Run the `edgelet` command and return what it prints, errors included."""
    done = run(place, *words)
    return (done.stdout + done.stderr).rstrip()


def run(place: Place, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run the `edgelet` command with `text` as its input; the caller judges the exit code."""
    environment = {**os.environ, "EDGELET_SOCKET": str(place.api_socket)}
    return subprocess.run(
        (str(EDGELET), *words), input=text, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def stop(place: Place) -> None:
    """End the agent; pods would go on."""
    processes.end(place.agent_pid, timeout_s=_STOP_S)
