"""The service under systemd: installed by scripts/install, run by the unit as it is shipped, on a real PID 1."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.demo import clean_up, engine
from tests.fixtures import systemd
from tests.fixtures.systemd import CannotBootError, SystemdContainer

pytestmark = [pytest.mark.podman, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
EDGELET = "/usr/local/bin/edgelet"
STORAGE = ("--root", "/var/lib/edgelet/containers", "--runroot", "/run/edgelet/containers")
POLICY = "[source.manifest]\nhost_ports = [18080]\n"  # of the example
SETTINGS = """\
[podman]
storage_root = "/var/lib/edgelet/containers"
run_root = "/run/edgelet/containers"
"""


@pytest.fixture(scope="module")
def board() -> Iterator[SystemdContainer]:
    """A board on which edgelet was installed, not yet started."""
    place = Path(tempfile.mkdtemp(prefix="el-in-", dir="/tmp"))
    root = place / "root"
    root.mkdir()
    subprocess.run((ROOT / "scripts/install", "--root", root), check=True, capture_output=True, timeout=300)
    engine.write_root(root / "opt/edgelet/image.tar")
    try:
        container = systemd.boot(binds={root / "opt/edgelet": "/opt/edgelet"})
    except CannotBootError as error:
        clean_up.directory(place)
        pytest.skip(f"systemd cannot be booted in a container on this machine: {error}")
    try:
        for name in ("etc/systemd/system/edgelet.service", "usr/lib/sysusers.d/edgelet.conf"):
            container.write(f"/{name}", (root / name).read_text())
        container.write("/usr/lib/tmpfiles.d/edgelet.conf", (root / "usr/lib/tmpfiles.d/edgelet.conf").read_text())
        container.write("/etc/edgelet/edgelet.toml", SETTINGS)
        container.write("/etc/edgelet/policy.toml", POLICY)
        container.run("ln", "-sfn", "/opt/edgelet/venv/bin/edgelet", EDGELET)
        container.run("systemd-sysusers", "edgelet.conf")
        container.run("systemd-tmpfiles", "--create", "edgelet.conf")
        container.run("systemctl", "daemon-reload")
        container.run("systemctl", "enable", "edgelet.service")
        yield container
    finally:
        container.put_out()
        clean_up.directory(place)


def until(look: Callable[[], Any], *, within_s: float = 30.0) -> Any:
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {within_s:g} s"
        time.sleep(0.2)
    return found


def until_engine_works(board: SystemdContainer) -> None:
    ask = ("curl", "-s", "--unix-socket", "/run/edgelet/edgelet.sock", "http://localhost/readyz")
    deadline = time.monotonic() + 30
    while (answer := board.run(*ask, check=False)) != "ok":
        assert time.monotonic() < deadline, answer
        time.sleep(0.2)


def shown(board: SystemdContainer, key: str) -> str:
    return board.run("systemctl", "show", "edgelet.service", "--value", "--property", key)


def pod(board: SystemdContainer) -> dict[str, Any]:
    found = board.run(EDGELET, "get", "pod", "web", "-o", "json", check=False)
    return dict(json.loads(found)) if found.startswith("{") else {}


def ready(board: SystemdContainer) -> bool:
    conditions = pod(board).get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def identities(board: SystemdContainer) -> list[tuple[str, int]]:
    statuses = pod(board)["status"]["containerStatuses"]
    return [(one["containerID"], one["restartCount"]) for one in statuses]


@pytest.fixture(scope="module")
def running(board: SystemdContainer) -> SystemdContainer:
    """The service started, a Pod from the manifest folder ready."""
    board.run("systemctl", "start", "edgelet.service")
    until_engine_works(board)
    podman = ("podman", *STORAGE, "--tmpdir", "/run/edgelet/podman/libpod")
    import_image = ("import", "--change", 'CMD ["/bin/sh"]', "/opt/edgelet/image.tar", engine.IMAGE)
    board.run("env", "CONTAINERS_CONF=/run/edgelet/podman/containers.conf", *podman, *import_image)
    example = (ROOT / "configs/examples/web-with-sidecar.yaml").read_text()
    board.write("/etc/edgelet/manifests/web.yaml", example)
    until(lambda: ready(board), within_s=60)
    return board


def test_unit_starts_and_tells_systemd_how_it_is(running: SystemdContainer) -> None:
    assert shown(running, "ActiveState") == "active"
    assert shown(running, "NRestarts") == "0"
    assert shown(running, "WatchdogUSec") == "1min"
    assert float(shown(running, "WatchdogTimestampMonotonic")) > 0
    running.run("systemctl", "reload", "edgelet.service")
    assert shown(running, "ActiveState") == "active"
    assert until(lambda: "settings read again" in shown(running, "StatusText"))


def test_api_socket_is_for_root_and_the_group_that_sysusers_made(running: SystemdContainer) -> None:
    assert running.run("stat", "-c", "%a %U %G", "/run/edgelet/edgelet.sock") == "660 root edgelet"


def test_pods_live_in_groups_of_their_own_outside_of_the_unit(running: SystemdContainer) -> None:
    processes = running.run("systemctl", "status", "--no-pager", "--lines=0", "edgelet.service")
    assert "httpd" not in processes
    assert "httpd" in running.run("ps", "ax")


def test_pods_outlive_restart_stop_and_death_of_the_agent(running: SystemdContainer) -> None:
    before = identities(running)
    assert [restarts for _, restarts in before] == [0, 0]
    running.run("systemctl", "restart", "edgelet.service")
    until(lambda: ready(running))
    assert identities(running) == before

    running.run("systemctl", "stop", "edgelet.service")
    assert "Hello from web" in running.run("curl", "-s", "http://127.0.0.1:18080/")
    running.run("systemctl", "start", "edgelet.service")
    until(lambda: ready(running))
    assert identities(running) == before

    running.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", "edgelet.service")
    until(lambda: shown(running, "NRestarts") == "1" and shown(running, "ActiveState") == "active")
    until(lambda: ready(running))
    assert identities(running) == before


def test_agent_that_hangs_is_restarted_by_the_watchdog_and_pods_do_not_notice(running: SystemdContainer) -> None:
    before = identities(running)
    drop_in = "/run/systemd/system/edgelet.service.d/watchdog.conf"
    running.write(drop_in, "[Service]\nWatchdogSec=2\nRestartSec=100ms\n")
    running.run("systemctl", "daemon-reload")
    running.run("systemctl", "restart", "edgelet.service")
    pid = shown(running, "MainPID")
    time.sleep(3)  # longer than the limit: heartbeats come
    assert shown(running, "MainPID") == pid
    running.run("kill", "-STOP", pid)
    until(lambda: shown(running, "MainPID") not in {pid, "0"} and shown(running, "ActiveState") == "active")
    until(lambda: ready(running))
    assert identities(running) == before


def test_a_credential_of_systemd_takes_the_place_of_the_key_file(running: SystemdContainer) -> None:
    secret = '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"p": "correct horse"}}'
    running.run(EDGELET, "apply", "-f", "-", text=secret)
    before, pods = json.loads(running.run(EDGELET, "secrets", "status")), identities(running)
    encrypt = "systemd-creds encrypt --with-key=host --name=edgelet.node-key - /etc/edgelet/edgelet.node-key"
    running.run("mount", "--make-rshared", "/")  # as on a booted board: by that a service sees its credentials
    running.run("sh", "-c", f"head -c 32 /dev/urandom | {encrypt}")
    load = "[Service]\nLoadCredentialEncrypted=edgelet.node-key:/etc/edgelet/edgelet.node-key\n"
    running.write("/etc/systemd/system/edgelet.service.d/key.conf", load)
    running.write("/etc/edgelet/edgelet.toml", f'{SETTINGS}\n[secrets]\nnode_key = "credential"\n')
    running.run("systemctl", "daemon-reload")
    running.run("systemctl", "restart", "edgelet.service")
    until(lambda: ready(running), within_s=60)
    after = json.loads(running.run(EDGELET, "secrets", "status"))
    assert (after["unreadable"], after["publicKey"]) == (0, before["publicKey"])
    assert after["nodeKey"] != before["nodeKey"]
    assert running.run("ls", "/var/lib/edgelet/secrets") == "sealing.keys"
    assert "Y29ycmVjdCBob3JzZQ==" in running.run(EDGELET, "get", "secret", "db", "-o", "json")
    assert identities(running) == pods
    main = shown(running, "MainPID")
    assert running.run("readlink", f"/proc/{main}/ns/mnt") == running.run("readlink", "/proc/1/ns/mnt"), (
        "volumes that the agent mounts have to be seen by all"
    )
    refused = running.run(EDGELET, "secrets", "rotate-key", check=False)
    assert "systemd-creds" in refused


def test_removed_manifest_takes_pod_network_and_mounts_along(running: SystemdContainer) -> None:
    running.run("rm", "/etc/edgelet/manifests/web.yaml")
    until(lambda: not pod(running))
    assert "httpd" not in running.run("ps", "ax")
    assert "conmon" not in running.run("ps", "ax")
    mounts = running.run("findmnt", "--raw", "--noheadings", "--output", "TARGET").splitlines()
    assert [one for one in mounts if one.startswith("/run/edgelet/pods")] == []
