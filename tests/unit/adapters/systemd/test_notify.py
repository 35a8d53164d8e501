from __future__ import annotations

import os
import socket
from pathlib import Path

from edgelet.adapters.systemd.notify import SystemdNotifier


def listening(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(path))
    sock.settimeout(2)
    return sock


def test_each_note_is_one_datagram(tmp_path: Path) -> None:
    with listening(tmp_path / "n") as sock:
        notifier = SystemdNotifier({"NOTIFY_SOCKET": str(tmp_path / "n")})
        notifier.ready("3 pods")
        notifier.alive()
        notifier.status("x")
        notifier.stopping()
        notifier.reloading()
        assert sock.recv(100) == b"READY=1\nSTATUS=3 pods"
        assert sock.recv(100) == b"WATCHDOG=1"
        assert sock.recv(100) == b"STATUS=x"
        assert sock.recv(100) == b"STOPPING=1"
        assert sock.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")


def test_without_a_service_manager_notes_go_nowhere(tmp_path: Path) -> None:
    SystemdNotifier({}).ready("x")
    SystemdNotifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready("x")


def test_the_watchdog_is_fed_at_well_under_half_its_limit() -> None:
    assert SystemdNotifier({"WATCHDOG_USEC": "60000000"}).watchdog_s == 24.0
    assert SystemdNotifier({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}).watchdog_s == 24.0
    assert SystemdNotifier({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}).watchdog_s is None
    assert SystemdNotifier({"WATCHDOG_USEC": "rubbish"}).watchdog_s is None
    assert SystemdNotifier({}).watchdog_s is None
