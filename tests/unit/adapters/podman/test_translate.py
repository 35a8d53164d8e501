"""Golden bodies: what libpod is sent, to the letter. `EDGELET_WRITE_GOLDEN=1` writes them anew; read the diff."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.adapters.podman import translate
from edgelet.adapters.podman.labels import HostNamespaces
from edgelet.adapters.podman.translate import Abilities
from edgelet.api.errors import EngineError
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


def test_a_recursively_read_only_mount_is_refused() -> None:
    spec = replace(CONTAINER, mounts=(Mount("/a", "/b", read_only=True, recursive_read_only=True),))
    with pytest.raises(EngineError, match="recursiveReadOnly"):
        container_body(spec)


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
