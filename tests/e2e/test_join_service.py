"""From an empty machine to a board on its broker, under systemd: authority, brokers, registrar, and a file at boot."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fixtures import systemd
from tests.fixtures.systemd import CannotBootError, SystemdContainer

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
EDGELET = "/opt/edgelet/venv/bin/edgelet"
# What scripts/install puts there, from this tree instead: tests/e2e/test_install.py has that part.
COMMAND = '#!/bin/sh\nPYTHONPATH=/opt/edgelet/code exec /opt/edgelet/python/bin/python -m edgelet "$@"\n'
HAND_ON = f"""#!/bin/sh -e
{EDGELET} ca mosquitto localhost --out /etc/mosquitto/edgelet
systemctl reload edgelet-broker@mosquitto
"""
BOOT_FILE = "/boot/firmware/edgelet-join"


@pytest.fixture(scope="module")
def machine() -> Iterator[SystemdContainer]:
    """Server and board in one."""
    try:
        container = systemd.boot(binds={ROOT: "/opt/edgelet/code", Path(sys.prefix).resolve(): "/opt/edgelet/python"})
    except CannotBootError as error:
        pytest.skip(f"systemd cannot be booted in a container on this machine: {error}")
    try:
        container.write(EDGELET, COMMAND)
        container.write("/usr/local/sbin/hand-on", HAND_ON)
        container.run("chmod", "755", EDGELET, "/usr/local/sbin/hand-on")
        for unit in ("edgelet.service", "edgelet-join.service"):
            container.write(f"/etc/systemd/system/{unit}", (ROOT / "systemd" / unit).read_text())
        registrar = "edgelet-registrar@.service"
        container.write(f"/etc/systemd/system/{registrar}", (ROOT / "configs" / registrar).read_text())
        container.run("systemctl", "daemon-reload")
        yield container
    finally:
        container.put_out()


def until(look: Callable[[], object], machine: SystemdContainer, *, within_s: float = 120.0) -> None:
    deadline = time.monotonic() + within_s
    while not look():
        if time.monotonic() > deadline:
            units = (
                "edgelet",
                "edgelet-join",
                "edgelet-registrar@r1",
                "edgelet-broker@mosquitto",
                "edgelet-broker@join",
            )
            words = [word for unit in units for word in ("-u", unit)]
            raise AssertionError(machine.run("journalctl", "--no-pager", "-n", "60", *words, check=False))
        time.sleep(0.3)


def active(machine: SystemdContainer, unit: str) -> str:
    return machine.run("systemctl", "show", unit, "--value", "--property", "ActiveState", check=False)


@pytest.fixture(scope="module")
def served(machine: SystemdContainer) -> SystemdContainer:
    """An authority with both brokers and a registrar, set up as docs/JOINING.md says."""
    machine.run("install", "-d", "-o", "mosquitto", "-g", "mosquitto", "/var/lib/mosquitto")
    machine.run(EDGELET, "ca", "init")
    machine.run(EDGELET, "ca", "mosquitto", "localhost", "--out", "/etc/mosquitto/edgelet")
    machine.run("cp", "/etc/mosquitto/edgelet/edgelet-broker@.service", "/etc/systemd/system/")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "edgelet-broker@mosquitto", "edgelet-broker@join")
    machine.write("/etc/edgelet-registrar", "BROKER=mqtts://localhost:8883\nOPTIONS=--on-change hand-on\n")
    machine.run("systemctl", "enable", "--now", "edgelet-registrar@r1")
    log = ("journalctl", "--no-pager", "-u", "edgelet-registrar@r1")
    until(lambda: "the command of --on-change ran" in machine.run(*log, check=False), machine)
    return machine


def test_a_file_on_the_boot_partition_makes_a_node(served: SystemdContainer) -> None:
    made = ("token", "create", "--node", "default/pi-01")
    where = ("--broker", "mqtts://localhost:8884", "--link", "mqtts://localhost:8883")
    served.write(BOOT_FILE, served.run(EDGELET, *made, *where))
    served.run("systemctl", "start", "--no-block", "edgelet-join.service")
    until(lambda: active(served, "edgelet.service") == "active", served)
    assert served.run("systemctl", "is-enabled", "edgelet.service") == "enabled"
    assert served.run("test", "-e", BOOT_FILE, check=False) == ""
    assert "No such file" in served.run("cat", BOOT_FILE, check=False)
    served.run(EDGELET, "config", "check")
    # The broker for boards has let it in: by its name, which only its certificate says.
    served.run(EDGELET, "ca", "issue", "default/_ctl-0", "--out", "/root/ctl-0")
    served.run("hand-on")
    files = served.run("ls", "/root/ctl-0").split()
    certificate = next(name for name in files if name.endswith(".crt") and name != "ca.crt")
    key = next(name for name in files if name.endswith(".key"))
    listen = (
        *("mosquitto_sub", "-V", "5", "-h", "localhost", "-p", "8883", "-C", "1", "-W", "5"),
        *("--cafile", "/var/lib/edgelet-ca/ca.crt", "--cert", f"/root/ctl-0/{certificate}"),
        *("--key", f"/root/ctl-0/{key}", "-t", "edgelet/v1/default/pi-01/status/online"),
    )
    until(lambda: '"online"' in served.run(*listen, check=False), served)


def test_without_a_file_nothing_is_done_and_a_bad_one_is_not_tried_again(served: SystemdContainer) -> None:
    served.run("rm", "-f", BOOT_FILE)
    served.run("systemctl", "start", "edgelet-join.service")
    assert served.run("systemctl", "show", "edgelet-join.service", "--value", "--property", "ConditionResult") == "no"
    served.write(BOOT_FILE, "edgelet1.broken\n")
    served.run("systemctl", "start", "edgelet-join.service", check=False)
    assert active(served, "edgelet-join.service") == "failed"
    served.run("rm", "-f", BOOT_FILE)
    served.run("systemctl", "reset-failed", "edgelet-join.service")
