from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest

from edgelet.adapters.host import identity, routes, time_sync
from edgelet.adapters.host.host import PsutilHost, ordered_addresses

ROUTE_HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
UNREACHABLE_V6 = f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200       lo\n"


def route_v4(interface: str, *, destination: str = "00000000", mask: str = "00000000", metric: int = 0) -> str:
    return f"{interface}\t{destination}\t0101A8C0\t0003\t0\t0\t{metric}\t{mask}\t0\t0\t0\n"


def route_v6(interface: str, *, metric: int = 0x400) -> str:
    return f"{'0' * 32} 00 {'0' * 32} 00 fe80{'0' * 27}1 {metric:08x} 00000001 00000000 00000003 {interface:>8}\n"


def write(root: Path, place: str, text: str) -> None:
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_text(text)


@pytest.mark.parametrize(
    ("machine", "bits", "word"),
    [
        ("x86_64", 64, "amd64"),
        ("aarch64", 64, "arm64"),
        ("aarch64", 32, "arm"),  # Raspberry Pi OS 32-bit on the 64-bit kernel
        ("x86_64", 32, "386"),
        ("armv7l", 32, "arm"),
        ("armv6l", 32, "arm"),
        ("i686", 32, "386"),
        ("riscv64", 64, "riscv64"),
        ("strange", 64, "strange"),
    ],
)
def test_architectures_have_gos_names(machine: str, bits: int, word: str) -> None:
    assert identity.architecture(machine, pointer_bits=bits) == word


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('NAME=x\nPRETTY_NAME="Raspbian GNU/Linux 12 (bookworm)"\n', "Raspbian GNU/Linux 12 (bookworm)"),
        ("PRETTY_NAME=Alpine\n", "Alpine"),
        ("PRETTY_NAME='it'\\''s'\n", "it's"),
        ('PRETTY_NAME="torn\n', '"torn'),
        ("", "Linux"),
    ],
)
def test_the_os_image_is_the_pretty_name(tmp_path: Path, text: str, name: str) -> None:
    write(tmp_path, "etc/os-release", text)
    assert identity.os_image(tmp_path) == name


def test_ids_come_from_their_files_and_the_uuid_falls_back_to_the_machine_id(tmp_path: Path) -> None:
    assert identity.machine_id(tmp_path) == identity.system_uuid(tmp_path) == identity.boot_id(tmp_path) == ""
    write(tmp_path, "var/lib/dbus/machine-id", "abc\n")
    write(tmp_path, "proc/sys/kernel/random/boot_id", "boot\n")
    assert identity.system_uuid(tmp_path) == identity.machine_id(tmp_path) == "abc"
    assert identity.boot_id(tmp_path) == "boot"
    write(tmp_path, "sys/class/dmi/id/product_uuid", "4C4C4544\n")
    assert identity.system_uuid(tmp_path) == "4c4c4544"


def test_the_hottest_zone_is_told_and_a_broken_sensor_is_none(tmp_path: Path) -> None:
    assert identity.temperature_c(tmp_path) is None
    write(tmp_path, "sys/class/thermal/thermal_zone0/temp", "48312\n")
    write(tmp_path, "sys/class/thermal/thermal_zone1/temp", "51000\n")
    (tmp_path / "sys/class/thermal/thermal_zone2/temp").mkdir(parents=True)
    assert identity.temperature_c(tmp_path) == 51.0


def test_default_routes_are_found_best_metric_first() -> None:
    table = ROUTE_HEAD + route_v4("wlan0", metric=600) + route_v4("eth0", metric=100)
    table += route_v4("tun0", mask="00000080", metric=1) + route_v4("podman0", destination="0000580A", mask="0000FFFF")
    assert routes.default_interfaces_v4(table) == ("eth0", "wlan0")
    table_v6 = UNREACHABLE_V6 + route_v6("wlan0", metric=0x400) + route_v6("eth0", metric=0x100)
    assert routes.default_interfaces_v6(table_v6) == ("eth0", "wlan0")


def test_tables_that_are_empty_or_short_have_no_default_route() -> None:
    assert routes.default_interfaces_v4("") == ()
    assert routes.default_interfaces_v4(ROUTE_HEAD + "eth0\n") == ()
    assert routes.default_interfaces_v6("rubbish\n") == ()


def test_the_default_routes_address_comes_first_and_the_pods_bridges_never() -> None:
    interfaces = {
        "lo": ("127.0.0.1", "::1"),
        "eth0": ("fe80::1", "2001:db8::5", "192.168.1.5"),
        "eth1": ("172.16.0.9",),
        "podman1": ("10.88.0.1",),
        "wlan0": ("192.168.2.7", "169.254.3.3"),
    }
    assert ordered_addresses(interfaces, first_v4=("wlan0", "eth0"), first_v6=("eth0",)) == (
        "192.168.2.7",
        "192.168.1.5",
        "2001:db8::5",
        "172.16.0.9",
    )


def test_a_bridge_with_the_default_route_is_the_boards_own() -> None:
    assert ordered_addresses({"br-lan": ("192.168.1.1",)}, first_v4=("br-lan",), first_v6=()) == ("192.168.1.1",)


def test_loopback_is_told_only_alone() -> None:
    assert ordered_addresses({"lo": ("127.0.0.1", "::1")}, first_v4=(), first_v6=()) == ("127.0.0.1",)


def test_interfaces_that_went_are_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library: Any = psutil
    kernel = type(psutil.net_io_counters(pernic=True)["lo"])
    veths = ({f"veth{number}": kernel(*[number] * 8)._asdict().values()} for number in range(100))
    monkeypatch.setattr(library._psplatform, "net_io_counters", lambda: {k: tuple(v) for k, v in next(veths).items()})
    host = PsutilHost(state_directory=tmp_path)
    library.net_io_counters.cache_clear()
    for _ in range(100):
        host.usage()
    assert not any(library._common.wrap_numbers.cache_info())


def test_the_bridge_of_the_pods_is_not_the_boards_address_whatever_its_name(tmp_path: Path) -> None:
    host = PsutilHost(
        state_directory=tmp_path,
        bridge="pods0",
        root=tmp_path,
        interface_addresses=lambda: {"eth0": ("192.168.1.5",), "pods0": ("10.77.0.1",)},
    )
    assert host.addresses() == ("192.168.1.5",)


def test_the_host_reads_routes_below_its_root(tmp_path: Path) -> None:
    write(tmp_path, "proc/net/route", ROUTE_HEAD + route_v4("eth1"))
    host = PsutilHost(
        state_directory=tmp_path,
        root=tmp_path,
        interface_addresses=lambda: {"eth0": ("192.168.1.5",), "eth1": ("192.168.2.5",)},
    )
    assert host.addresses() == ("192.168.2.5", "192.168.1.5")


def test_facts_and_samples_of_this_machine_are_plausible(tmp_path: Path) -> None:
    host = PsutilHost(state_directory=tmp_path)
    facts, first, second = host.facts(), host.usage(), host.usage()
    assert facts.cpus == psutil.cpu_count()
    assert facts.memory_bytes == psutil.virtual_memory().total
    assert facts.boot_id
    assert facts.operating_system == "linux"
    assert 0 < first.memory_working_set_bytes < facts.memory_bytes
    assert first.memory_working_set_bytes + first.memory_available_bytes == facts.memory_bytes
    assert 0 < first.disk_available_bytes <= first.disk_total_bytes
    assert second.cpu_busy_s >= first.cpu_busy_s > 0
    assert second.network_rx_bytes >= first.network_rx_bytes
    assert host.addresses()


@pytest.mark.parametrize(
    ("error_us", "expected"), [(None, False), (16_000_000, False), (15_999_999, True), (0, True), (1_800, True)]
)
def test_the_clock_is_right_while_the_kernels_error_is_bounded(
    tmp_path: Path, error_us: int | None, *, expected: bool
) -> None:
    host = PsutilHost(state_directory=tmp_path, max_error_us=lambda: error_us)
    assert host.clock_synchronized() is expected


def test_the_kernel_answers_with_its_maximum_error() -> None:
    error_us = time_sync.max_error_us()
    assert error_us is not None
    assert 0 <= error_us <= 16_000_000


def test_somebody_vouches_for_the_clock_once_the_kernel_or_systemd_has_seen_it_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "synchronized"
    monkeypatch.setattr(time_sync, "max_error_us", lambda: 16_000_000)
    assert not time_sync.vouched_for(marker)
    marker.touch()
    assert time_sync.vouched_for(marker)
    marker.unlink()
    monkeypatch.setattr(time_sync, "max_error_us", lambda: 1000)
    assert time_sync.vouched_for(marker)


def test_huge_pages_are_told_by_size_also_where_there_are_none(tmp_path: Path) -> None:
    for name, count in (("hugepages-2048kB", "3\n"), ("hugepages-1048576kB", "0\n"), ("hugepages-xkB", "1\n")):
        directory = tmp_path / "sys/kernel/mm/hugepages" / name
        directory.mkdir(parents=True)
        (directory / "nr_hugepages").write_text(count)
    assert identity.huge_pages(tmp_path) == {2 << 20: 6 << 20, 1 << 30: 0}
    assert identity.huge_pages(tmp_path / "none") == {}
