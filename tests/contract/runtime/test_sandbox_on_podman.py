"""The sandbox on a real Podman: namespaces, network, half-made and broken ones."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgelet.adapters.podman import cgroups, labels, network
from edgelet.adapters.podman.network import PodNetwork
from edgelet.api.errors import EngineError
from edgelet.ports.runtime import Mount, Running, SandboxSpec
from tests.contract.runtime.world import FOREVER, PodmanWorld, new_pod, sandbox_of, sh

pytestmark = pytest.mark.podman


async def test_containers_share_network_ipc_and_host_name(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    spec = replace(sandbox_of(pod), hostname="web-0", sysctls={"net.core.somaxconn": "77"})
    await podman_world.runtime.create_sandbox(spec)
    links = " ".join(f"/proc/self/ns/{name}" for name in ("net", "ipc", "uts"))
    script = f"for link in {links}; do /bin/busybox readlink $link; done; /bin/busybox hostname"
    one = await podman_world.output(pod, f"{script}; cat /proc/sys/net/core/somaxconn")
    two = await podman_world.output(pod, f"{script}; cat /proc/sys/net/core/somaxconn")
    assert one == two
    assert one[3:] == ["web-0", "77"]


async def test_dns_settings_are_in_resolv_conf(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    settings = {"dns_servers": ("10.1.1.1",), "dns_searches": ("a.b",), "dns_options": ("ndots:5",)}
    for host_network in (False, True):
        await podman_world.runtime.create_sandbox(
            replace(sandbox_of(pod), host_network=host_network, attempt=int(host_network), **settings)  # type: ignore[arg-type]
        )
        lines = await podman_world.output(pod, "cat /etc/resolv.conf")
        assert sorted(lines) == ["nameserver 10.1.1.1", "options ndots:5", "search a.b"]


@pytest.mark.parametrize("host_network", [False, True])
async def test_etc_hosts_is_the_mounted_file_as_it_is(podman_world: PodmanWorld, host_network: bool) -> None:
    pod = new_pod()
    hosts = podman_world.podman.base / "hosts"
    hosts.write_text("# of the kubelet\n10.0.0.1 db\n")
    await podman_world.runtime.create_sandbox(replace(sandbox_of(pod), host_network=host_network))
    mount = Mount(source=str(hosts), target="/etc/hosts")
    assert await podman_world.output(pod, "cat /etc/hosts", mounts=(mount,)) == ["# of the kubelet", "10.0.0.1 db"]
    assert hosts.read_text() == "# of the kubelet\n10.0.0.1 db\n"


async def test_the_hosts_namespaces_are_given_where_asked(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    spec = SandboxSpec(pod=pod, hostname="ignored", host_network=True, host_pid=True, host_ipc=True)
    await podman_world.runtime.create_sandbox(spec)
    seen = await podman_world.runtime.pod(pod.uid)
    assert seen is not None
    assert seen.sandbox is not None
    assert (seen.sandbox.ready, seen.sandbox.ips) == (True, ())
    names = ("net", "pid", "ipc", "uts")
    links = " ".join(f"/proc/self/ns/{name}" for name in names)
    lines = await podman_world.output(pod, f"for link in {links}; do /bin/busybox readlink $link; done")
    assert lines == [str(Path(f"/proc/self/ns/{name}").readlink()) for name in names]


async def test_a_shared_process_namespace_lets_containers_see_each_other(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    await podman_world.runtime.create_sandbox(replace(sandbox_of(pod), share_process_namespace=True))
    await podman_world.runtime.start_container(sh(pod, "exec sleep 4242", name="other"))
    lines = await podman_world.output(
        pod, "for p in /proc/[0-9]*; do cat $p/cmdline | /bin/busybox tr '\\0' ' '; echo; done"
    )
    assert any("sleep 4242" in line for line in lines)


@pytest.mark.parametrize("podman_world", ["infra"], indirect=True)
async def test_a_dead_infra_container_is_noticed_not_ready_and_replaced(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    await podman_world.run(pod, sh(pod, FOREVER))
    infra = podman_world.podman.run(
        "ps", "-q", "--no-trunc", "--filter", "name=_infra$", "--filter", f"label={labels.POD_UID}={pod.uid}"
    )
    pid = int(podman_world.podman.run("inspect", "--format", "{{.State.Pid}}", infra))
    os.kill(pid, signal.SIGKILL)
    await podman_world.notices.of(pod, "")
    seen = await podman_world.runtime.pod(pod.uid)
    assert seen is not None
    assert seen.sandbox is not None
    assert not seen.sandbox.ready
    with pytest.raises(EngineError, match="no sandbox that is up"):
        await podman_world.runtime.start_container(sh(pod, FOREVER, name="late"))
    await podman_world.runtime.create_sandbox(replace(sandbox_of(pod), attempt=1))
    seen = await podman_world.runtime.pod(pod.uid)
    assert seen is not None
    assert seen.sandbox is not None
    assert (seen.sandbox.ready, seen.sandbox.attempt) == (True, 1)
    assert seen.containers == ()
    assert len(podman_world.podman.run("pod", "ps", "-q", "--filter", f"label={labels.POD_UID}={pod.uid}").split()) == 1


@pytest.mark.parametrize("infra", [True, False])
async def test_a_half_made_sandbox_is_seen_and_finished(podman_world: PodmanWorld, infra: bool) -> None:
    pod = new_pod()
    spec = sandbox_of(pod)
    body: dict[str, Any] = {
        "name": labels.pod_name(pod, 0),
        "infra_name": labels.infra_name(pod, 0),
        "labels": labels.of_sandbox(spec, podman_world.owner),
        "Networks": {podman_world.podman.network: {}},
        "netns": {"nsmode": "bridge"},
    }
    if not infra:
        body = {"name": body["name"], "labels": body["labels"], "no_infra": True}
    await podman_world.libpod.call("POST", "/pods/create", body=body)
    await podman_world.restart()  # whoever began it is dead
    seen = await podman_world.runtime.pod(pod.uid)
    assert seen is not None
    assert seen.sandbox is not None
    assert not seen.sandbox.ready
    await podman_world.runtime.create_sandbox(spec)
    seen = await podman_world.runtime.pod(pod.uid)
    assert seen is not None
    assert seen.sandbox is not None
    assert seen.sandbox.ready


async def test_a_sandbox_that_does_not_start_leaves_no_control_group(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    with pytest.raises(EngineError, match="somaxconn"):
        await podman_world.runtime.create_sandbox(replace(sandbox_of(pod), sysctls={"net.core.somaxconn": "many"}))
    assert not list(Path("/sys/fs/cgroup").rglob(f"pod{pod.uid}"))


@pytest.mark.parametrize("podman_world", ["pinned"], indirect=True)
async def test_a_pod_with_a_shared_process_namespace_lives_beside_pinned_ones(podman_world: PodmanWorld) -> None:
    runtime = podman_world.runtime
    assert await runtime.pods() == ()
    pods = [new_pod(name) for name in ("pinned", "shared", "pinned-too")]
    for pod in pods:
        await runtime.create_sandbox(replace(sandbox_of(pod), share_process_namespace=pod.name == "shared"))
    addresses: list[str] = []
    for pod in pods:
        seen = await runtime.pod(pod.uid)
        assert seen is not None
        assert seen.sandbox is not None
        assert seen.sandbox.ready
        addresses += seen.sandbox.ips
    assert len(set(addresses)) == 3
    infra = podman_world.podman.run("ps", "-q", "--filter", f"label=edgelet.owner={podman_world.owner}").split()
    assert len(infra) == 1
    await runtime.start_container(
        sh(pods[0], "mkdir /www; echo served > /www/index.html; exec httpd -f -p 80 -h /www", name="web")
    )
    ask = f"until wget -qO- http://{addresses[0]}/; do sleep 0.1; done"
    for pod in pods[1:]:
        assert (await podman_world.output(pod, ask))[-1] == "served"
    await runtime.remove_pod(pods[1].uid)  # netavark must leave the bridge to the others
    assert (await podman_world.output(pods[2], ask))[-1] == "served"
    fresh = await podman_world.restart()
    seen_by_name = {seen.pod.name: seen.sandbox.ips for seen in await fresh.pods() if seen.sandbox}
    assert seen_by_name == {"pinned": (addresses[0],), "pinned-too": (addresses[2],)}


@pytest.mark.parametrize("podman_world", ["pinned"], indirect=True)
async def test_a_pod_keeps_its_address_over_restarts_of_agent_engine_and_container(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    container = await podman_world.run(pod, sh(pod, FOREVER))
    before = await podman_world.runtime.pod(pod.uid)
    assert before is not None
    if podman_world.engine.pid is not None:
        os.kill(podman_world.engine.pid, signal.SIGKILL)
    fresh = await podman_world.restart()
    await fresh.recover()
    after = await fresh.pod(pod.uid)
    assert after == before
    assert after.sandbox is not None
    assert isinstance(container.state, Running)
    os.kill(container.state.pid, signal.SIGKILL)
    await podman_world.notices.of(pod, "main")
    address = (await podman_world.output(pod, "ip -4 -o addr show eth0"))[0].split()[3]
    assert (address.partition("/")[0],) == after.sandbox.ips
    shown = await podman_world.output(pod, "echo $HOSTNAME; cat /etc/hostname; /bin/busybox hostname")
    assert shown == [pod.name] * 3


@pytest.mark.parametrize("podman_world", ["pinned"], indirect=True)
async def test_containers_share_dev_shm_and_a_group_by_class(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    spec = replace(sandbox_of(pod), qos="BestEffort", cpu_shares=2)
    await podman_world.runtime.create_sandbox(spec)
    await podman_world.output(pod, "echo left > /dev/shm/note")
    lines = await podman_world.output(pod, "cat /dev/shm/note; cat /proc/self/cgroup")
    assert lines[0] == "left"
    group = f"/edgelet/besteffort/pod{pod.uid}"
    assert all(f"{group}/libpod-" in line for line in lines[1:] if ":memory:" in line or "0::/edgelet" in line)
    shares = Path("/sys/fs/cgroup/cpu") / group.lstrip("/") / "cpu.shares"
    if shares.exists():
        assert shares.read_text() == "2\n"
    await podman_world.runtime.remove_pod(pod.uid)
    assert not list(Path("/sys/fs/cgroup").glob(f"**/pod{pod.uid}"))


async def test_a_container_of_another_owner_is_never_seen_nor_touched(podman_world: PodmanWorld) -> None:
    other = podman_world.podman.run(
        "run", "-d", "--network", "none", "--label", "edgelet.owner=other", "localhost/edgelet-test:1", "sleep", "1000"
    )
    try:
        assert await podman_world.runtime.pods() == ()
        for call in (
            podman_world.runtime.remove_container,
            lambda each: podman_world.runtime.stop_container(each, grace_s=0),
        ):
            await call(other)
        await podman_world.runtime.signal_container(other, "SIGKILL")
        assert podman_world.podman.run("inspect", "--format", "{{.State.Status}}", other) == "running"
    finally:
        podman_world.podman.run("rm", "-f", "-t", "0", other)


async def test_the_bridge_keeps_its_mac_when_pods_go(podman_world: PodmanWorld) -> None:
    pods = [new_pod(f"p{number}") for number in range(4)]
    for pod in pods:
        await podman_world.runtime.create_sandbox(sandbox_of(pod))
    device = Path("/sys/class/net", podman_world.podman.network)
    mac = (device / "address").read_text()
    assert (device / "addr_assign_type").read_text().strip() == "3", "given, not the lowest of its ports"
    for pod in pods[:3]:
        await podman_world.runtime.remove_pod(pod.uid)
        assert (device / "address").read_text() == mac, "it is the gateway of those that stay"


async def test_the_network_is_made_once_and_checked(podman_world: PodmanWorld) -> None:
    name = f"{podman_world.podman.network[:10]}n"
    wanted = PodNetwork(name=name, bridge=name, pool="10.127.3.0/24")
    try:
        for _ in range(2):
            await network.ensure(podman_world.libpod, wanted, owner="test")
        shown = podman_world.podman.run("network", "inspect", name, "--format", "{{.DNSEnabled}} {{.NetworkInterface}}")
        assert shown == f"false {name}"
        with pytest.raises(EngineError, match=r"not with 10\.127\.4\.0/24") as refused:
            await network.ensure(podman_world.libpod, replace(wanted, pool="10.127.4.0/24"), owner="test")
        assert refused.value.reason == "FailedCreatePodSandBox"
    finally:
        podman_world.podman.run("network", "rm", "-f", name)


async def test_a_pod_reaches_itself_and_is_reached_by_its_address(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    await podman_world.run(
        pod, sh(pod, "mkdir /www; echo served > /www/index.html; exec httpd -f -p 8080 -h /www", name="web")
    )
    lines = await podman_world.output(pod, "until wget -qO- http://127.0.0.1:8080/; do sleep 0.1; done")
    assert lines[-1] == "served"
    seen = await podman_world.runtime.pod(pod.uid)
    assert seen is not None
    assert seen.sandbox is not None
    assert isinstance(seen.containers[-1].state, Running)
    assert Path("/sys/class/net", podman_world.podman.network).exists()


async def test_what_the_whole_pod_may_have_its_containers_have_together(podman_world: PodmanWorld) -> None:
    if not podman_world.runtime.info.memory_cgroup:
        pytest.skip("this board has no memory control group")
    pod = new_pod()
    runtime = podman_world.runtime
    await runtime.create_sandbox(replace(sandbox_of(pod), cpu_quota_us=50_000, memory_limit_bytes=64 << 20))
    await runtime.start_container(sh(pod, FOREVER))
    seen = await podman_world.observed(pod)
    assert isinstance(seen.state, Running)
    lines = Path(f"/proc/{seen.state.pid}/cgroup").read_text().splitlines()
    group = {name: line.split(":")[2] for line in lines for name in line.split(":")[1].split(",")}
    if cgroups.version() == 1:
        memory = cgroups.directory(group["memory"], "memory").parent / "memory.limit_in_bytes"
        quota = cgroups.directory(group["cpu"], "cpu").parent / "cpu.cfs_quota_us"
    else:
        memory = cgroups.directory(group[""], "memory").parent / "memory.max"
        quota = cgroups.directory(group[""], "cpu").parent / "cpu.max"
    assert memory.read_text().strip() == str(64 << 20)
    assert quota.read_text().split()[0] == "50000"
