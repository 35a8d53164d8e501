"""The file we hand to Podman."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.adapters.podman import containers_conf
from edgelet.adapters.podman.containers_conf import Choices
from edgelet.api.errors import EngineError

CHOICES = Choices(
    runtime_name="crun",
    runtime_path=Path("/usr/bin/crun"),
    cgroup_manager="systemd",
    open_files=524_288,
    processes=31_337,
    network_backend="netavark",
    network_name="edgelet0",
    network_config_dir=Path("/run/edgelet/podman/networks"),
    copy_dir=Path("/var/lib/edgelet/podman/copy"),
    tmp_dir=None,
)


def rendered(base: str = "", choices: Choices = CHOICES) -> dict[str, Any]:
    return tomllib.loads(containers_conf.render(choices, base))


def test_everything_that_was_found_is_said() -> None:
    document = rendered()
    engine, network = document["engine"], document["network"]
    assert engine["runtime"] == "crun"
    assert engine["runtimes"] == {"crun": ["/usr/bin/crun"]}
    assert engine["cgroup_manager"] == "systemd"
    assert engine["image_copy_tmp_dir"] == "/var/lib/edgelet/podman/copy"
    assert engine["events_logger"] == "none"
    assert document["containers"]["default_ulimits"] == ["nofile=524288:524288", "nproc=31337:31337"]
    assert document["containers"]["log_driver"] == "k8s-file"
    assert document["containers"]["http_proxy"] is False
    assert network == {
        "network_backend": "netavark",
        "network_config_dir": "/run/edgelet/podman/networks",
        "default_network": "edgelet0",
    }


def test_containers_get_the_capabilities_kubernetes_gives_whatever_the_podman() -> None:
    assert {"NET_RAW", "MKNOD", "AUDIT_WRITE", "SYS_CHROOT"} < set(rendered()["containers"]["default_capabilities"])


def test_the_hosts_own_storage_keeps_its_tmp_dir_and_locks() -> None:
    assert not {"tmp_dir", "lock_type"} & set(rendered()["engine"])
    engine = rendered(choices=replace(CHOICES, tmp_dir=Path("/run/edgelet/podman/libpod")))["engine"]
    assert (engine["tmp_dir"], engine["lock_type"]) == ("/run/edgelet/podman/libpod", "file")


def test_the_administrators_settings_stay_where_ours_are_not_needed() -> None:
    base = """
        [containers]
        pids_limit = 512
        default_capabilities = ["CHOWN"]
        http_proxy = true
        log_driver = "journald"
        [engine]
        runtime = "runc"
        infra_image = "registry.example/pause:3.9"
        events_logger = "file"
        [engine.runtimes]
        kata = ["/usr/bin/kata-runtime"]
        [secrets.opts]
        root = "/x"
    """
    document = rendered(base)
    assert document["containers"]["pids_limit"] == 512
    assert document["containers"]["default_capabilities"] == ["CHOWN"]
    assert document["containers"]["http_proxy"] is True
    assert document["containers"]["log_driver"] == "k8s-file"
    assert document["engine"]["runtime"] == "crun"
    assert document["engine"]["infra_image"] == "registry.example/pause:3.9"
    assert document["engine"]["events_logger"] == "file"
    assert document["engine"]["runtimes"] == {"kata": ["/usr/bin/kata-runtime"], "crun": ["/usr/bin/crun"]}
    assert document["secrets"] == {"opts": {"root": "/x"}}


def test_an_administrators_limit_is_kept_but_never_above_the_hosts() -> None:
    base = '[containers]\ndefault_ulimits = ["nofile=1024:4096", "nproc=999999:unlimited", "core=0:0"]'
    assert rendered(base)["containers"]["default_ulimits"] == ["nofile=1024:4096", "nproc=31337:31337", "core=0:0"]


@pytest.mark.parametrize("base", ["not = = toml", "engine = 3", "[containers]\n[containers.log_driver]\nx = 1"])
def test_a_base_that_cannot_be_used_is_refused(base: str) -> None:
    with pytest.raises(EngineError, match="containers_conf"):
        containers_conf.render(CHOICES, base)


TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
PLAIN = st.one_of(TEXT, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.lists(TEXT, max_size=3))
TABLES = st.recursive(
    st.dictionaries(TEXT, PLAIN, max_size=3), lambda below: st.dictionaries(TEXT, st.one_of(PLAIN, below), max_size=3)
)


@given(TABLES)
def test_what_is_written_is_read_back(table: dict[str, Any]) -> None:
    assert tomllib.loads(containers_conf.to_toml(table)) == table


def test_the_network_is_told_apart_by_name_and_begins_at_the_pools_first_address() -> None:
    document = json.loads(containers_conf.network_document("edgelet0", "edgelet0", "10.77.0.0/16"))
    assert document["subnets"] == [{"subnet": "10.77.0.0/16", "gateway": "10.77.0.1"}]
    assert document["network_interface"] == "edgelet0"
    assert len(document["id"]) == 64
    other = json.loads(containers_conf.network_document("edgelet1", "edgelet1", "10.78.0.0/16"))
    assert other["id"] != document["id"]
