"""Pods with users of their own on a real Podman: whichever kind of sandbox the others get."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from edgelet.adapters.podman import translate
from edgelet.api.errors import EngineError
from edgelet.ports.pod_files import USER_IDS
from edgelet.ports.runtime import Mount, SandboxSpec, Security
from tests.contract.runtime.world import FOREVER, PodmanWorld, new_pod, sandbox_of, sh

pytestmark = pytest.mark.podman
FIRST = 0x7000_0000


def of_its_own(spec: SandboxSpec, first: int = FIRST) -> SandboxSpec:
    return replace(spec, user_ids_first=first)


async def test_root_in_the_pod_is_nobody_on_the_host(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    own = podman_world.podman.base / f"own-{pod.uid}"
    own.mkdir(mode=0o700)
    spec = replace(sandbox_of(pod), sysctls={"net.ipv4.ip_unprivileged_port_start": "7"})
    await podman_world.runtime.create_sandbox(of_its_own(spec))
    own_root, host_root = own / "pods", own / "hosts"
    for path, owner in ((own_root, FIRST), (host_root, 0)):
        path.mkdir(mode=0o700)
        os.chown(path, owner, owner)
    lines = await podman_world.output(
        pod,
        "cat /proc/self/uid_map /proc/self/gid_map; echo x > /pods/x; ls /hosts 2>/dev/null || echo closed; "
        "cat /proc/sys/net/ipv4/ip_unprivileged_port_start; [ -d /sys/class/net/eth0 ] && [ -d /dev/shm ] && echo both",
        mounts=(Mount(str(own_root), "/pods"), Mount(str(host_root), "/hosts")),
    )
    mapped = ["0", str(FIRST), str(USER_IDS)]
    assert [lines[0].split(), lines[1].split(), *lines[2:]] == [mapped, mapped, "closed", "7", "both"]
    assert (own_root / "x").stat().st_uid == FIRST


async def test_two_pods_have_different_users_and_everything_goes_with_them(podman_world: PodmanWorld) -> None:
    pods = [new_pod("one"), new_pod("two")]
    layers = podman_world.podman.storage_root / "overlay"
    before = {path.name for path in layers.iterdir()}
    for number, pod in enumerate(pods):
        await podman_world.runtime.create_sandbox(of_its_own(sandbox_of(pod), FIRST + number * USER_IDS))
    maps = [(await podman_world.output(pod, "cat /proc/self/uid_map"))[0].split() for pod in pods]
    assert maps == [["0", str(FIRST + number * USER_IDS), str(USER_IDS)] for number in range(2)]
    for pod in pods:
        await podman_world.runtime.remove_pod(pod.uid)
    assert await podman_world.runtime.pods() == ()
    # The infra image's own layer comes with the first infra container of a storage; nothing may come with a pod.
    assert len({path.name for path in layers.iterdir()} - before) <= 1


async def test_containers_of_the_pod_share_its_users_also_with_a_shared_process_namespace(
    podman_world: PodmanWorld,
) -> None:
    pod = new_pod()
    await podman_world.runtime.create_sandbox(of_its_own(replace(sandbox_of(pod), share_process_namespace=True)))
    await podman_world.runtime.start_container(sh(pod, FOREVER))
    script = "/bin/busybox readlink /proc/self/ns/user; cat /proc/*/uid_map | /bin/busybox sort -u"
    one, two = [await podman_world.output(pod, script) for _ in range(2)]
    assert one == two
    assert one[0] != str(Path("/proc/self/ns/user").readlink())
    result = await podman_world.runtime.exec(
        (await podman_world.observed(pod)).id, ("cat", "/proc/self/uid_map"), timeout_s=20
    )
    assert result.output.split() == [b"0", str(FIRST).encode(), str(USER_IDS).encode()]


async def test_root_and_privileged_are_so_inside_the_pod_only(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    host_only = podman_world.podman.base / f"host-{pod.uid}"
    host_only.write_text("secret\n")
    host_only.chmod(0o600)
    await podman_world.runtime.create_sandbox(of_its_own(sandbox_of(pod)))
    for security in (Security(privileged=True), Security(unmask_proc=True, user="1000:2000")):
        lines = await podman_world.output(
            pod,
            "/bin/busybox id; cat /file 2>/dev/null || echo closed",
            security=security,
            mounts=(Mount(str(host_only), "/file"),),
        )
        assert lines[-1] == "closed"
        assert lines[0].startswith("uid=1000 gid=2000" if security.user else "uid=0 gid=0")


async def test_an_engine_that_ignores_the_users_is_found_out(
    podman_world: PodmanWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translate, "_user_namespace", lambda _: {})
    pod = new_pod()
    with pytest.raises(EngineError, match=r"can.t set `spec\.hostUsers: false`") as refused:
        await podman_world.runtime.create_sandbox(of_its_own(sandbox_of(pod)))
    assert refused.value.reason == "FailedCreatePodSandBox"
    assert await podman_world.runtime.pod(pod.uid) is None
