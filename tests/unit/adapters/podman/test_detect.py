"""What is decided from what a machine is: boards of every supported kind, by injected facts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgelet.adapters.podman import detect, facts
from edgelet.adapters.podman.facts import Facts
from edgelet.api.errors import EngineError
from edgelet.ports.runtime import EngineInfo

# A Raspberry Pi with a current Debian: cgroup v2, systemd, all rights.
BOARD = Facts(
    podman_path="/usr/bin/podman",
    effective_uid=0,
    boot_id="b00t",
    cgroup_version=2,
    memory_controller=True,
    systemd_bus=True,
    may_raise_limits=True,
    open_files_hard=524_288,
    open_files_kernel=1_073_741_816,
    processes_hard=31_337,
    netavark_path="/usr/lib/podman/netavark",
    catatonit_path="/usr/bin/catatonit",
    cni_plugins=False,
    recorded_network_backend="",
)
# A small virtual machine: hybrid cgroups, no systemd, no CAP_SYS_RESOURCE.
MACHINE = replace(
    BOARD, cgroup_version=1, systemd_bus=False, may_raise_limits=False, open_files_hard=20_000, processes_hard=4096
)


@pytest.mark.parametrize("text", ["4.3.1", "4.3.1+ds1", "4.9.3", "5.0.0-rc1", "5.4.2", "5.99"])
def test_versions_from_4_3_to_5_are_accepted(text: str) -> None:
    assert detect.require_version(text) >= (4, 3)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [("4.2.9", "upgrade it"), ("3.4.4", "upgrade it"), ("6.0.0", "upgrade edgelet"), ("dev", "read")],
)
def test_other_versions_are_refused_with_a_remedy(text: str, remedy: str) -> None:
    with pytest.raises(EngineError, match=remedy) as caught:
        detect.require_version(text)
    assert caught.value.reason == "EngineUnavailable"
    assert text in caught.value.message


def test_a_missing_podman_says_how_to_get_it() -> None:
    with pytest.raises(EngineError, match="apt-get install podman"):
        detect.require_engine(replace(BOARD, podman_path=""))
    detect.require_engine(BOARD)


def test_without_root_it_is_refused() -> None:
    with pytest.raises(EngineError, match="needs root"):
        detect.require_engine(replace(BOARD, effective_uid=1000))


def test_systemd_manages_the_groups_where_it_can_and_cgroupfs_is_the_second_try() -> None:
    assert detect.cgroup_managers(BOARD) == ("systemd", "cgroupfs")
    assert detect.cgroup_managers(MACHINE) == ("cgroupfs",)


def test_limits_never_pass_what_this_machine_allows() -> None:
    assert (detect.open_files(MACHINE), detect.processes(MACHINE)) == (20_000, 4096)
    assert (detect.open_files(BOARD), detect.processes(BOARD)) == (1_048_576, 4_194_304)
    unlimited = replace(MACHINE, open_files_hard=-1, processes_hard=-1)
    assert (detect.open_files(unlimited), detect.processes(unlimited)) == (1_048_576, 32_768)
    assert detect.processes(replace(MACHINE, processes_hard=96_365)) == 32_768
    assert detect.open_files(replace(BOARD, open_files_kernel=65_536)) == 65_536


@pytest.mark.parametrize(
    ("found", "backend"),
    [
        (replace(BOARD, netavark_path="/n"), "netavark"),
        (replace(BOARD, netavark_path="/n", cni_plugins=True, recorded_network_backend="netavark"), "netavark"),
        (replace(BOARD, netavark_path="/n", cni_plugins=True, recorded_network_backend="cni"), "cni"),
        (replace(BOARD, netavark_path="", cni_plugins=True), "cni"),
    ],
)
def test_netavark_is_preferred_and_cni_accepted_with_a_warning(found: Facts, backend: str) -> None:
    network = detect.network(found)
    assert network.backend == backend
    assert bool(network.warning) == (backend == "cni")


def test_without_any_network_backend_it_is_refused() -> None:
    with pytest.raises(EngineError, match="apt-get install netavark"):
        detect.network(replace(BOARD, netavark_path=""))


def info(version: str = "5.4.2") -> dict[str, Any]:
    return {
        "host": {
            "cgroupVersion": "v2",
            "cgroupManager": "systemd",
            "networkBackend": "netavark",
            "ociRuntime": {"name": "crun"},
        },
        "store": {"graphRoot": "/var/lib/containers/storage", "runRoot": "/run/containers/storage"},
        "version": {"Version": version},
    }


def test_the_engine_tells_who_it_is() -> None:
    assert detect.engine_info(info(), memory_cgroup=False) == EngineInfo(
        name="podman",
        version="5.4.2",
        oci_runtime="crun",
        cgroup_version=2,
        cgroup_manager="systemd",
        storage_root="/var/lib/containers/storage",
        run_root="/run/containers/storage",
        network_backend="netavark",
        memory_cgroup=False,
    )


@pytest.mark.parametrize("broken", [{}, {"host": {}}, {"host": None, "store": {}, "version": {}}, None])
def test_an_answer_that_is_no_podmans_is_refused(broken: Any) -> None:
    with pytest.raises(EngineError, match="cannot use Podman"):
        detect.engine_info(broken, memory_cgroup=True)


def test_an_old_engine_behind_the_socket_is_refused() -> None:
    with pytest.raises(EngineError, match=r"3\.4\.4"):
        detect.engine_info(info("3.4.4"), memory_cgroup=True)


@pytest.mark.parametrize(
    ("status", "may"),
    [
        ("Name:\tx\nCapEff:\t000001ffffffffff\n", True),
        ("CapEff:\t0000000001000000\n", True),
        ("CapEff:\t000001fffeffffff\n", False),
        ("Name:\tx\n", False),
    ],
)
def test_the_right_to_raise_limits_is_read_from_the_status(status: str, may: bool) -> None:
    assert facts.may_raise_limits(status) is may


def test_this_machine_can_be_looked_at() -> None:
    seen = facts.read(program="no-such-program")
    assert seen.podman_path == ""
    assert len(seen.boot_id) == 36
    assert seen.open_files_kernel > 1000
