"""Golden bodies: what libpod is sent, to the letter. `EDGELET_WRITE_GOLDEN=1` writes them anew; read the diff."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.adapters.podman import translate
from edgelet.adapters.podman.labels import HostNamespaces
from edgelet.adapters.podman.translate import Abilities
from edgelet.ports.pinned_sandboxes import PinnedSandbox
from edgelet.ports.runtime import ContainerSpec, Mount, PodRef, PortMapping, Resources, SandboxSpec, Security

GOLDEN = Path(__file__).parents[3] / "golden" / "podman"
POD = PodRef(uid="2c1f7a52-5f0e-4c55-9f5a-0d6a4f3c1b11", namespace="default", name="web")
SANDBOX = SandboxSpec(pod=POD, hostname="web")
CONTAINER = ContainerSpec(
    pod=POD, name="app", instance=0, image="localhost/app:1", spec_hash="abc", log_path="/var/log/pods/x/app/0.log"
)

SANDBOXES = {
    "sandbox-plain": SANDBOX,
    "sandbox-everything": replace(
        SANDBOX,
        share_process_namespace=True,
        ports=(PortMapping(80, 8080), PortMapping(53, 53, "UDP", "127.0.0.1")),
        dns_servers=("10.0.0.10",),
        dns_searches=("default.svc.cluster.local",),
        dns_options=("ndots:5",),
        sysctls={"net.core.somaxconn": "1024"},
        cgroup_parent="/edgelet",
        attempt=3,
    ),
    "sandbox-users": replace(SANDBOX, user_ids_first=1879048192),
    "sandbox-host": replace(
        SANDBOX,
        host_network=True,
        host_pid=True,
        host_ipc=True,
        dns_servers=("10.0.0.10",),
        ports=(PortMapping(80, 80),),
    ),
}

CONTAINERS = {
    "container-plain": CONTAINER,
    "container-everything": replace(
        CONTAINER,
        instance=2,
        command=("/bin/app",),
        args=("--verbose",),
        env=(("A", "1"), ("B", ""), ("A", "2")),
        working_dir="/srv",
        mounts=(
            Mount("/host/data", "/data"),
            Mount("/host/conf", "/conf", read_only=True, propagation="rslave"),
            Mount("/host/shared", "/shared", propagation="rshared"),
        ),
        resources=Resources(
            cpu_shares=512, cpu_quota_us=50_000, memory_limit_bytes=67_108_864, pids_limit=100, oom_score_adj=-998
        ),
        security=Security(
            user="1000:2000",
            groups=(3000, 4000),
            no_new_privileges=True,
            read_only_root=True,
            capabilities_add=("NET_ADMIN",),
            capabilities_drop=("ALL",),
            seccomp="unconfined",
            apparmor="unconfined",
            selinux=("level:s0",),
            unmask_proc=True,
        ),
        stdin=True,
        tty=True,
        stop_signal="SIGRTMIN+3",
        labels={"app": "web", "edgelet.owner": "somebody else"},
    ),
    "container-privileged": replace(CONTAINER, security=Security(privileged=True, user="0"), args=("serve",)),
}


def container_body(spec: ContainerSpec, **changes: Any) -> translate.Body:
    further: dict[str, Any] = {"namespaces": HostNamespaces(), "abilities": Abilities(oom_score_adj_min=0)} | changes
    return translate.container_body(spec, owner="node-1", sandbox="f" * 64, **further)


def check(name: str, body: translate.Body) -> None:
    path = GOLDEN / f"{name}.json"
    text = json.dumps(body, indent=2, sort_keys=True) + "\n"
    if os.environ.get("EDGELET_WRITE_GOLDEN"):
        path.write_text(text)
    assert path.read_text() == text


@pytest.mark.parametrize("name", SANDBOXES)
def test_a_sandbox_is_asked_for_as_the_golden_file_says(name: str) -> None:
    check(name, translate.sandbox_body(SANDBOXES[name], owner="node-1", network="edgelet"))


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_is_asked_for_as_the_golden_file_says(name: str) -> None:
    check(name, container_body(CONTAINERS[name]))


def test_a_container_in_the_hosts_namespaces_is_told_what_its_sandbox_cannot_give() -> None:
    namespaces = HostNamespaces(network=True, ipc=True, pid=True, dns_servers=("10.0.0.10",), dns_options=("ndots:2",))
    check("container-host", container_body(CONTAINER, namespaces=namespaces))


def pinned(**changes: Any) -> PinnedSandbox:
    spec = SandboxSpec(
        pod=CONTAINER.pod, hostname="web-0", cgroup_parent="/edgelet/burstable/podu1", dns_servers=("192.0.2.53",)
    )
    return PinnedSandbox(
        id="0123456789abcdef",
        spec=replace(spec, **changes),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        ready=True,
        ips=("10.77.0.2",),
        network_path="/run/edgelet/sandboxes/0123456789abcdef/net",
        ipc_path="/run/edgelet/sandboxes/0123456789abcdef/ipc",
        uts_path="/run/edgelet/sandboxes/0123456789abcdef/uts",
        shm_path="/run/edgelet/sandboxes/0123456789abcdef/shm",
        hostname_path="/run/edgelet/sandboxes/0123456789abcdef/hostname",
    )


def test_a_container_joins_a_pinned_sandbox_by_its_paths() -> None:
    check("container-pinned", container_body(CONTAINER, pinned=pinned()))


def test_what_the_container_brings_itself_is_not_mounted_over() -> None:
    own = (Mount("/data/shm", "/dev/shm"), Mount("/data/hostname", "/etc/hostname"))
    spec = replace(CONTAINER, mounts=own, env=(("HOSTNAME", "mine"),))
    body = container_body(spec, pinned=pinned())
    assert [mount["source"] for mount in body["mounts"]] == ["/data/shm", "/data/hostname"]
    assert body["env"] == {"HOSTNAME": "mine"}


def test_what_a_pinned_sandbox_does_not_have_is_the_hosts() -> None:
    bare = replace(
        pinned(host_network=True, host_ipc=True, host_pid=True),
        network_path="",
        ipc_path="",
        uts_path="",
        shm_path="",
        hostname_path="",
    )
    body = container_body(CONTAINER, pinned=bare)
    assert [body[key] for key in ("netns", "ipcns", "utsns", "pidns")] == [{"nsmode": "host"}] * 4
    assert not [mount for mount in body["mounts"] if mount["destination"] in {"/dev/shm", "/etc/hostname"}]
    assert "HOSTNAME" not in body["env"]
    assert body["cgroup_parent"] == "/edgelet/burstable/podu1"


def test_an_infra_container_beside_pinned_sandboxes_is_given_its_address() -> None:
    body = translate.sandbox_body(
        SandboxSpec(pod=CONTAINER.pod, hostname="web-0"), owner="node-1", network="edgelet", address="10.77.0.9"
    )
    assert body["Networks"] == {"edgelet": {"static_ips": ["10.77.0.9"]}}


def test_the_engines_default_network_is_named_by_nobody() -> None:
    assert "Networks" not in translate.sandbox_body(SANDBOX, owner="node-1", network="")


def test_an_oom_score_the_kernel_would_refuse_is_the_lowest_it_takes() -> None:
    spec = replace(CONTAINER, resources=Resources(oom_score_adj=-998))
    assert container_body(spec, abilities=Abilities(oom_score_adj_min=-500))["oom_score_adj"] == -500
    assert container_body(spec, abilities=Abilities())["oom_score_adj"] == -998
    assert "oom_score_adj" not in container_body(CONTAINER)


def test_memory_is_not_limited_where_the_board_cannot() -> None:
    spec = replace(CONTAINER, resources=Resources(memory_limit_bytes=1 << 26, cpu_shares=2))
    assert container_body(spec, abilities=Abilities(memory_cgroup=False))["resource_limits"] == {"cpu": {"shares": 2}}


words = st.lists(st.text(min_size=1, max_size=5), max_size=3).map(tuple)


@given(command=st.none() | words, args=st.none() | words)
def test_command_and_args_follow_kubernetes_table(
    command: tuple[str, ...] | None, args: tuple[str, ...] | None
) -> None:
    body = container_body(replace(CONTAINER, command=command, args=args))
    if command:
        assert body["entrypoint"] == list(command)
        assert body["command"] == list(args or ())
    else:
        assert "entrypoint" not in body
        assert body.get("command") == (list(args) if args else None)


def test_huge_pages_of_every_size_are_limited_and_nobody_gets_what_he_did_not_ask_for() -> None:
    abilities = Abilities(huge_page_sizes=(64 << 10, 2 << 20, 1 << 30))
    spec = replace(CONTAINER, resources=Resources(huge_pages={2 << 20: 4 << 20}))
    assert container_body(spec, abilities=abilities)["resource_limits"] == {
        "hugepageLimits": [
            {"pageSize": "64KB", "limit": 0},
            {"pageSize": "2MB", "limit": 4 << 20},
            {"pageSize": "1GB", "limit": 0},
        ]
    }
    assert "resource_limits" not in container_body(spec)
