"""A mosquitto of the demonstration's own, on loopback, with the settings of configs/mosquitto/quickstart.conf."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from scripts.demo import processes
from scripts.demo.failure import DemoError
from scripts.demo.place import Place

_SETTINGS = Path("configs/mosquitto/quickstart.conf")
_OWN = frozenset({"listener", "bind_address", "port", "persistence_location", "log_dest", "pid_file", "user"})
_START_S = 10.0
_STOP_S = 5.0
_PAUSE_S = 0.05


def settings(text: str, place: Place) -> str:
    """Return the settings with port and places of this demonstration instead of the file's own."""
    kept = [line for line in text.splitlines() if not line.split() or line.split()[0] not in _OWN]
    ours = [
        "user root",  # the directory is readable for root only
        f"persistence_location {place.broker}/",
        "log_dest stderr",
        f"listener {place.broker_port} 127.0.0.1",
    ]
    return "\n".join([*kept, *ours]) + "\n"


def start(place: Place) -> None:
    """Start the broker and return when it takes connections.

    Raises:
        DemoError: It did not start.
    """
    place.broker.mkdir(mode=0o700)
    configuration = place.base / "mosquitto.conf"
    configuration.write_text(settings(_SETTINGS.read_text(), place))
    log = place.base / "broker.log"
    argv = ("mosquitto", "-c", str(configuration))
    process = processes.start(argv, log=log, pid_file=place.broker_pid, environment=os.environ)
    deadline = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", place.broker_port)) == 0:
                return
        time.sleep(_PAUSE_S)
    raise DemoError(f"mosquitto does not start: {processes.tail(log, 5)}", "Is mosquitto 2.0 or newer installed?")


def stop(place: Place) -> None:
    """End the broker."""
    processes.end(place.broker_pid, timeout_s=_STOP_S)
