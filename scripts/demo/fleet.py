"""The other side of a board in the field: the authority, the registrar, and both brokers."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from scripts.demo import board, processes
from scripts.demo.failure import DemoError
from scripts.demo.place import Place

NODE = f"default/{board.NODE}"
CONTROLLER = "default/_person"
_REGISTRAR = "demo"
_START_S = 20.0
_STOP_S = 5.0
_PAUSE_S = 0.05


def authority(place: Place) -> Path:
    """Return the authority's directory."""
    return place.base / "ca"


def make_authority(place: Place) -> None:
    """Make the authority, and a certificate for whoever steers the board. Raises DemoError."""
    edgelet(place, "ca", "init", "--dir", str(authority(place)))
    where = ("--dir", str(authority(place)), "--out", str(place.base / "person"))
    edgelet(place, "ca", "issue", CONTROLLER, *where)


def start(place: Place) -> None:
    """Start the registrar and both brokers; returns when the registrar hears requests. Raises DemoError."""
    argv = (
        *(str(board.EDGELET), "ca", "serve", "--dir", str(authority(place)), "--name", _REGISTRAR),
        *("--broker", url(place)),
    )
    processes.start(argv, log=_log(place, "registrar"), pid_file=_pid(place, "registrar"), environment=os.environ)
    _until(lambda: f"_registrar/{_REGISTRAR}" in _listed(place), place, "registrar", "has a certificate")
    (place.base / "store").mkdir(mode=0o700)
    edgelet(
        *(place, "ca", "mosquitto", "--dir", str(authority(place)), "--out", str(place.base / "brokers")),
        *("--bind", "127.0.0.1", "--port", str(place.broker_port), "--join-port", str(place.join_port)),
        *("--store", str(place.base / "store"), "--group", "root"),
    )
    for name, port in (("mosquitto", place.broker_port), ("join", place.join_port)):
        configuration = place.base / f"{name}.conf"
        text = (place.base / "brokers" / f"{name}.conf").read_text()
        configuration.write_text(f"user root\n{text}")  # the directory is readable for root only
        command = ("mosquitto", "-c", str(configuration))
        processes.start(command, log=_log(place, name), pid_file=_pid(place, name), environment=os.environ)
        _until(partial(_accepts, port), place, name, "takes connections")
    _until(lambda: "hears requests" in processes.tail(_log(place, "registrar"), 200), place, "registrar", "hears")


def stop(place: Place) -> None:
    """End them; does nothing where there are none."""
    for name in ("registrar", "join", "mosquitto"):
        processes.end(_pid(place, name), timeout_s=_STOP_S)


def url(place: Place) -> str:
    """Return where those with a certificate connect."""
    return f"mqtts://127.0.0.1:{place.broker_port}"


def token(place: Place) -> str:
    """Return the line that the board joins with. Raises DemoError."""
    return edgelet(
        *(place, "token", "create", "--dir", str(authority(place)), "--node", NODE, "--ttl", "10m"),
        *("--broker", f"mqtts://127.0.0.1:{place.join_port}", "--link", url(place)),
    )


def person(place: Place) -> tuple[Path, Path, Path]:
    """Return authorities, certificate and key of whoever steers the board."""
    own = place.base / "person"
    return own / "ca.crt", own / "controller.crt", own / "controller.key"


def edgelet(place: Place, *words: str, text: str = "") -> str:
    """Run the `edgelet` command and return what it prints.

    Raises:
        DemoError: It ended with an error; its words are in it.
    """
    done = board.run(place, *words, text=text)
    if done.returncode:
        raise DemoError(f"edgelet {' '.join(words[:2])}: {(done.stderr or done.stdout).strip()}", "See the logs there.")
    return done.stdout.strip()


def _listed(place: Place) -> str:
    return board.command(place, "ca", "list", "--dir", str(authority(place)))


def _until(met: Callable[[], bool], place: Place, name: str, what: str) -> None:
    deadline = time.monotonic() + _START_S
    while not met():
        if time.monotonic() > deadline:
            words = processes.tail(_log(place, name), 5)
            raise DemoError(f"not after {_START_S:g} s: {name} {what}: {words}", "Is mosquitto 2.0 or newer installed?")
        time.sleep(_PAUSE_S)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _log(place: Place, name: str) -> Path:
    return place.base / f"{name}.log"


def _pid(place: Place, name: str) -> Path:
    return place.base / f"{name}.pid"
