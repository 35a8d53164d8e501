from __future__ import annotations

import ipaddress
import tarfile
import tomllib
from pathlib import Path

import pytest

from edgelet.config.settings import Settings
from scripts.demo import board, broker, clean_up, engine, free, pod, processes
from scripts.demo.place import Place

ROOT = Path(__file__).parents[3]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(base=tmp_path, bridge="eldemo-x", pool="10.200.1.0/24", broker_port=41883, host_port=18080)


def test_settings_of_the_agent_are_valid_and_stay_in_the_directory(place: Place) -> None:
    board.write_settings(place)
    settings = Settings.model_validate(tomllib.loads(place.settings.read_text()))
    assert settings.mqtt.url == "mqtt://127.0.0.1:41883"
    assert settings.network.pool == "10.200.1.0/24"
    paths = [*settings.paths.model_dump().values(), settings.podman.storage_root, settings.podman.run_root]
    assert all(path.is_relative_to(place.base) for path in paths)


def test_broker_takes_the_shipped_settings_with_port_and_place_of_the_demonstration(place: Place) -> None:
    lines = broker.settings((ROOT / "configs/mosquitto/quickstart.conf").read_text(), place).splitlines()
    assert [line for line in lines if line.startswith("listener")] == ["listener 41883 127.0.0.1"]
    assert f"persistence_location {place.broker}/" in lines
    assert "set_tcp_nodelay true" in lines


def test_routes_are_read_in_host_byte_order_and_the_default_route_is_left_out() -> None:
    table = (
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
        "eth0 00000000 0100000A 0003 0 0 0 00000000 0 0 0\n"
        "eth0 0000000A 00000000 0001 0 0 0 0000FFFF 0 0 0\n"
    )
    assert free.routes(table) == [ipaddress.IPv4Network("10.0.0.0/16")]


def test_a_name_can_be_reserved_once(tmp_path: Path) -> None:
    assert free.reserve(f"{tmp_path}/one")  # names count on the whole machine: another run has its own
    assert not free.reserve(f"{tmp_path}/one")
    assert free.reserve(f"{tmp_path}/two")


def test_pools_are_private_and_differ() -> None:
    pools = {free.pool() for _ in range(5)}
    assert len(pools) == 5
    assert all(ipaddress.ip_network(one).is_private for one in pools)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({}, "Pending"),
        (
            {
                "phase": "Pending",
                "containerStatuses": [{"name": "a", "state": {"waiting": {"reason": "ErrImagePull"}}}, {"name": "b"}],
            },
            "Pending, a ErrImagePull, b waiting",
        ),
        (
            {
                "phase": "Running",
                "containerStatuses": [{"name": "a", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}],
                "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": "True"}],
            },
            "Running, a running, Ready",
        ),
        ({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}, "Running"),
    ],
)
def test_status_is_told_in_a_few_words(status: dict[str, object], words: str) -> None:
    assert pod.summary(status) == words


def test_image_holds_busybox_and_a_link_for_each_applet_that_the_examples_use(tmp_path: Path) -> None:
    engine.write_root(tmp_path / "image.tar")
    with tarfile.open(tmp_path / "image.tar") as tar:
        assert tar.getmember("bin/busybox").mode & 0o111
        for applet in ("sh", "httpd", "wget", "sleep", "cat", "mv"):
            assert tar.getmember(f"bin/{applet}").linkname == "busybox"
        assert tar.getmember("tmp").mode == 0o1777


def test_only_the_very_process_is_ended(tmp_path: Path) -> None:
    log, pid_file = tmp_path / "log", tmp_path / "pid"
    sleeper = processes.start(("sleep", "60"), log=log, pid_file=pid_file, environment={"PATH": "/usr/bin:/bin"})
    genuine = pid_file.read_text()
    pid_file.write_text(f"{sleeper.pid} 1")  # the same number, born at another time
    processes.end(pid_file, timeout_s=1)
    assert sleeper.poll() is None
    pid_file.write_text(genuine)
    processes.end(pid_file, timeout_s=5)
    assert sleeper.wait(timeout=1) == -15
    assert not pid_file.exists()


def test_cleaning_a_directory_that_is_gone_is_no_fault(tmp_path: Path) -> None:
    assert clean_up.directory(tmp_path / "gone") == []
