"""Containers on a real Podman: what Kubernetes promises about command, rights, files and limits."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgelet.api.errors import DamagedImageError, EngineError
from edgelet.ports.runtime import Exited, Mount, ProcessUser, Resources, Running, Security
from tests.contract.runtime.world import FOREVER, PodmanWorld, new_pod, sandbox_of, sh
from tests.fixtures.podman import BUSYBOX_IMAGE

pytestmark = pytest.mark.podman


def built(world: PodmanWorld, name: str, *lines: str) -> str:
    """Make an image from busybox with these Dockerfile instructions."""
    image = f"localhost/{name}:1"
    arguments = [part for line in lines for part in ("--change", line)]
    made = world.podman.run("create", BUSYBOX_IMAGE)
    world.podman.run("commit", "-q", *arguments, made, image)
    world.podman.run("rm", made)
    return image


@pytest.mark.parametrize(
    ("command", "args", "wanted"),
    [
        (None, None, "entry cmd"),
        (None, ("own",), "entry own"),
        (("echo", "other"), None, "other"),
        (("echo", "other"), ("own",), "other own"),
    ],
)
async def test_command_replaces_the_entrypoint_and_drops_cmd_args_replace_cmd(
    podman_world: PodmanWorld, command: tuple[str, ...] | None, args: tuple[str, ...] | None, wanted: str
) -> None:
    image = built(podman_world, "entry", 'ENTRYPOINT ["echo", "entry"]', 'CMD ["cmd"]')
    pod = new_pod()
    await podman_world.runtime.create_sandbox(sandbox_of(pod))
    assert await podman_world.output(pod, "", image=image, command=command, args=args) == [wanted]


async def test_environment_is_the_images_and_the_specs_and_nothing_of_the_host(
    podman_world: PodmanWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:1")
    image = built(podman_world, "envs", "ENV FROM_IMAGE=yes")
    pod = new_pod()
    await podman_world.runtime.create_sandbox(replace(sandbox_of(pod), hostname="h"))
    lines = await podman_world.output(pod, "env", image=image, env=(("A", "1"), ("A", "2"), ("SPACED", "a b=c")))
    names = {line.partition("=")[0] for line in lines}
    assert {"A=2", "SPACED=a b=c", "FROM_IMAGE=yes", "HOSTNAME=h"} <= set(lines)
    assert names <= {"A", "SPACED", "FROM_IMAGE", "HOSTNAME", "PATH", "HOME", "TERM", "container", "SHLVL", "PWD"}


async def test_a_working_directory_that_is_not_there_is_made(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    await podman_world.runtime.create_sandbox(sandbox_of(pod))
    assert await podman_world.output(pod, "/bin/busybox pwd", working_dir="/data/here") == ["/data/here"]


async def test_user_groups_and_capabilities_are_as_asked(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    await podman_world.runtime.create_sandbox(sandbox_of(pod))
    security = Security(user="1000:2000", groups=(3000,), no_new_privileges=True)
    script = "/bin/busybox id -u; /bin/busybox id -G; /bin/busybox grep NoNewPrivs /proc/self/status"
    lines = await podman_world.output(pod, script, security=security)
    assert lines[0] == "1000"
    assert set(lines[1].split()) == {"2000", "3000"}
    assert lines[2].split() == ["NoNewPrivs:", "1"]
    seen = await podman_world.run(pod, replace(sh(pod, FOREVER, name="who"), security=security))
    assert seen.user == ProcessUser(1000, 2000, (2000, 3000))
    security = Security(capabilities_drop=("ALL",), capabilities_add=("NET_ADMIN",))
    lines = await podman_world.output(pod, "/bin/busybox grep CapEff /proc/self/status", security=security)
    assert int(lines[0].split()[1], 16) == 1 << 12


async def test_a_read_only_root_takes_no_write_and_mounts_do(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    folder = podman_world.podman.base / "volume"
    folder.mkdir(exist_ok=True)
    await podman_world.runtime.create_sandbox(sandbox_of(pod))
    mounts = (Mount(str(folder), "/rw"), Mount(str(folder), "/ro", read_only=True))
    script = "for d in / /rw /ro; do echo x 2>/dev/null > $d/f && echo wrote $d; done; true"
    lines = await podman_world.output(pod, script, mounts=mounts, security=Security(read_only_root=True))
    assert [line for line in lines if line.startswith("wrote")] == ["wrote /rw"]


@pytest.fixture
def shared_mount(podman_world: PodmanWorld) -> Iterator[str]:
    """A mount of the host that hands changes on."""
    folder = str(podman_world.podman.base / "shared")
    Path(folder).mkdir(exist_ok=True)
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder), check=True)
    subprocess.run(("mount", "--make-shared", folder), check=True)
    try:
        yield folder
    finally:
        subprocess.run(("umount", "-l", folder), check=True)


@pytest.mark.parametrize(("propagation", "word"), [("private", ""), ("rslave", "master:"), ("rshared", "shared:")])
async def test_mount_propagation_is_as_asked(
    podman_world: PodmanWorld, shared_mount: str, propagation: Any, word: str
) -> None:
    pod = new_pod()
    await podman_world.runtime.create_sandbox(sandbox_of(pod))
    mounts = (Mount(shared_mount, "/m", propagation=propagation),)
    lines = await podman_world.output(pod, "/bin/busybox grep ' /m ' /proc/self/mountinfo", mounts=mounts)
    optional = lines[0].split(" - ")[0].split()[6:]
    assert [field for field in optional if field.startswith(word)] if word else not optional


async def test_limits_are_in_the_cgroup(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    resources = Resources(
        cpu_shares=204, cpu_quota_us=50_000, memory_limit_bytes=64 << 20, pids_limit=50, oom_score_adj=-990
    )
    container = await podman_world.run(pod, replace(sh(pod, FOREVER), resources=resources))
    config = json.loads(podman_world.podman.run("inspect", container.id))[0]["HostConfig"]
    assert (config["CpuShares"], config["CpuQuota"], config["PidsLimit"]) == (204, 50_000, 50)
    assert (config["Memory"], config["MemorySwap"]) == (64 << 20, 64 << 20)
    assert isinstance(container.state, Running)  # though -990 may be lower than this machine allows


async def test_a_node_may_leave_the_number_of_processes_open(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    container = await podman_world.run(pod, replace(sh(pod, FOREVER), resources=Resources(pids_limit=-1)))
    assert isinstance(container.state, Running)
    groups = Path(f"/proc/{container.state.pid}/cgroup").read_text().splitlines()
    group = next(line.split(":", 2)[2] for line in groups if line.split(":")[1] in {"pids", ""})
    roots = (Path("/sys/fs/cgroup/pids"), Path("/sys/fs/cgroup"))
    limits = [root / group.lstrip("/") / "pids.max" for root in roots]
    assert {path.read_text().strip() for path in limits if path.exists()} == {"max"}


async def test_the_images_volume_healthcheck_and_stop_signal(podman_world: PodmanWorld) -> None:
    image = built(podman_world, "hints", "VOLUME /data", "STOPSIGNAL SIGUSR1")
    pod = new_pod()
    before = podman_world.podman.run("volume", "ls", "-q")
    script = (
        "echo kept > /data/f 2>/dev/null || { mkdir -p /data && echo kept > /data/f; }; trap 'exit 44' USR1; " + FOREVER
    )
    container = await podman_world.run(pod, replace(sh(pod, script), image=image))
    assert podman_world.podman.run("volume", "ls", "-q") == before
    shown = json.loads(podman_world.podman.run("inspect", container.id))[0]
    assert shown["Config"]["Healthcheck"]["Test"] == ["NONE"]
    await podman_world.listening(pod)
    await podman_world.runtime.stop_container(container.id, grace_s=20)
    state = (await podman_world.observed(pod)).state
    assert isinstance(state, Exited)
    assert state.exit_code == 44


async def test_the_pods_own_stop_signal_wins(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    spec = replace(sh(pod, f"trap 'exit 45' INT; {FOREVER}"), stop_signal="SIGINT")
    await podman_world.run(pod, spec)
    container = await podman_world.listening(pod)
    await podman_world.runtime.stop_container(container.id, grace_s=20)
    state = (await podman_world.observed(pod)).state
    assert isinstance(state, Exited)
    assert state.exit_code == 45


@pytest.mark.parametrize(
    ("change", "reason", "words", "code"),
    [
        ({"image": "localhost/never:1"}, "CreateContainerError", "image not known", None),
        ({"mounts": (Mount("/no-such-path", "/m"),)}, "CreateContainerError", "/no-such-path", None),
        ({"stop_signal": "SIGNOPE"}, "BadRequest", "SIGNOPE", None),
        ({"command": ("/etc",)}, "RunContainerError", "/etc", 128),
        ({"command": ("/nowhere",)}, "RunContainerError", "/nowhere", 128),
        ({"command": ("nowhere",)}, "RunContainerError", "nowhere", 128),
        ({"security": Security(user="nobody99")}, "RunContainerError", "nobody99", 128),
    ],
)
async def test_what_cannot_be_is_told_at_its_station(
    podman_world: PodmanWorld, change: dict[str, Any], reason: str, words: str, code: int | None
) -> None:
    pod = new_pod()
    await podman_world.runtime.create_sandbox(sandbox_of(pod))
    spec = replace(sh(pod, FOREVER), **change)
    # An image that is not there (any more) is told as one to be fetched anew.
    kind = DamagedImageError if "image" in change else EngineError
    with pytest.raises(kind, match=words) as refused:
        await podman_world.runtime.start_container(spec)
    assert refused.value.reason == reason
    seen = await podman_world.runtime.pod(pod.uid)
    assert seen is not None
    codes = [one.state.exit_code for one in seen.containers if isinstance(one.state, Exited)]
    assert codes == ([] if code is None else [code])


async def test_a_start_that_failed_may_be_asked_for_again_and_by_the_next_agent(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    await podman_world.runtime.create_sandbox(sandbox_of(pod))
    spec = replace(sh(pod, FOREVER), command=("/no-such-program",))
    for _ in range(2):
        with pytest.raises(EngineError, match="no-such-program"):
            await podman_world.runtime.start_container(spec)
        await podman_world.restart()


async def test_storage_left_by_a_killed_creation_does_not_block_the_name(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    spec = sh(pod, FOREVER)
    first = await podman_world.run(pod, spec)
    await podman_world.runtime.remove_container(first.id)
    blocker = podman_world.podman.base / "root" / "overlay-containers" / "containers.json"
    entries = json.loads(blocker.read_text())
    layer = json.loads((podman_world.podman.base / "root" / "overlay-layers" / "layers.json").read_text())[0]["id"]
    name = f"{pod.name}_{pod.namespace}_{pod.uid}_main_0"
    entries.append(
        {
            "id": "ab" * 32,
            "names": [name],
            "image": "",
            "layer": layer,
            "metadata": "{}",
            "created": "2024-01-01T00:00:00Z",
        }
    )
    blocker.write_text(json.dumps(entries))
    await podman_world.runtime.start_container(spec)
    assert isinstance((await podman_world.observed(pod)).state, Running)


async def test_a_container_sees_the_processes_of_its_target_and_does_not_hold_it(podman_world: PodmanWorld) -> None:
    pod = new_pod()
    runtime = podman_world.runtime
    await runtime.create_sandbox(sandbox_of(pod))
    await runtime.start_container(sh(pod, FOREVER))
    target = await podman_world.observed(pod)
    await runtime.start_container(replace(sh(pod, FOREVER, name="debug"), pid_namespace_of=target.id))
    debug = await podman_world.observed(pod, "debug")
    seen = await runtime.exec(debug.id, ("/bin/sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"), timeout_s=20)
    assert seen.exit_code == 0, seen.output
    assert seen.output.count(b"/bin/sh -c while") == 2, seen.output
    await runtime.remove_container(target.id)
    left = await runtime.pod(pod.uid)
    assert left is not None
    assert [one.name for one in left.containers] == ["debug"]


async def test_limits_rise_fall_and_go_while_the_container_runs(podman_world: PodmanWorld) -> None:
    if not podman_world.runtime.info.memory_cgroup:
        pytest.skip("this board has no memory control group")
    pod = new_pod()
    runtime = podman_world.runtime
    await runtime.create_sandbox(replace(sandbox_of(pod), cpu_shares=102))
    small = Resources(cpu_shares=102, cpu_quota_us=10_000, memory_limit_bytes=64 << 20)
    await runtime.start_container(replace(sh(pod, FOREVER), resources=small))
    target = await podman_world.observed(pod)

    async def limits() -> list[str]:
        script = (
            "cd /sys/fs/cgroup; if [ -f memory.max ]; then cat memory.max cpu.max;"
            " else cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares; fi"
        )
        return (await runtime.exec(target.id, ("/bin/sh", "-c", script), timeout_s=20)).output.decode().split()

    assert (await limits())[0] == str(64 << 20)
    for memory_bytes, quota_us in ((128 << 20, 20_000), (32 << 20, 5_000)):
        wanted = Resources(cpu_shares=204, cpu_quota_us=quota_us, memory_limit_bytes=memory_bytes)
        await runtime.resize_container(target.id, wanted, pod_cpu_shares=204)
        assert (await limits())[:2] == [str(memory_bytes), str(quota_us)]
    await runtime.resize_container(target.id, Resources(cpu_shares=204), pod_cpu_shares=204)
    assert (await limits())[1] in {"-1", "max", "100000"}
    assert await podman_world.observed(pod) == target


async def test_a_group_that_is_named_keeps_the_images_groups_away(podman_world: PodmanWorld) -> None:
    script = "echo 'u:x:1000:1000::/:/bin/sh' >> /etc/passwd; echo 'extra:x:5555:u' >> /etc/group"
    podman_world.podman.run("run", "--name", "grouped", "--network", "none", BUSYBOX_IMAGE, "/bin/sh", "-c", script)
    podman_world.podman.run("commit", "-q", "grouped", "localhost/grouped:1")
    podman_world.podman.run("rm", "grouped")
    pod = new_pod()
    await podman_world.runtime.create_sandbox(sandbox_of(pod))
    security = Security(user="1000:2000", groups=(3000,))
    lines = await podman_world.output(
        pod, "grep Groups /proc/self/status", image="localhost/grouped:1", security=security
    )
    assert set(lines[0].split()[1:]) <= {"2000", "3000"}
    assert "3000" in lines[0].split()
