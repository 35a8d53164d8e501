"""hostUsers: false on a real board: who the pod is, whose its files are, and that it stays so until it goes."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.agent import TESTBOX, until
from tests.fixtures.site import Site, container_ids
from tests.fixtures.workload import IDLE, config_map, container, pod

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto]

USER_IDS = 65_536
IDMAPPED_OVERLAY = (5, 19)  # Linux


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


def first_id(site: Site, name: str) -> int:
    """Return who of the host is root in a pod."""
    lines = site.agent.cli("exec", name, "-c", "main", "--", "cat", "/proc/1/uid_map", "/proc/1/gid_map").stdout
    users, groups = (tuple(map(int, line.split())) for line in lines.splitlines())
    assert users == groups
    assert (users[0], users[2]) == (0, USER_IDS)
    return users[1]


def kill_infra(site: Site, container_id: str) -> None:
    """End the process that holds the namespaces of a container's pod."""
    group = json.loads(site.agent.podman("inspect", container_id))[0]["Pod"]
    infra = json.loads(site.agent.podman("pod", "inspect", group))["InfraContainerID"]
    os.kill(json.loads(site.agent.podman("inspect", infra))[0]["State"]["Pid"], signal.SIGKILL)


def with_every_volume(name: str, host: Path) -> dict[str, Any]:
    """A pod with users of its own that writes into each kind of volume; `host` is a directory of the host."""
    volumes = [
        {"name": "empty", "emptyDir": {}},
        {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "conf", "configMap": {"name": "c", "defaultMode": 0o400}},
        {"name": "secret", "projected": {"defaultMode": 0o400, "sources": [{"secret": {"name": "s"}}]}},
        {"name": "host", "hostPath": {"path": str(host)}},
    ]
    mounts = [{"name": one["name"], "mountPath": f"/v/{one['name']}"} for one in volumes]
    mounts.append({"name": "empty", "mountPath": "/v/part", "subPath": "a/b"})
    script = "echo done > /dev/termination-log; echo x > /v/empty/x; echo x > /v/memory/x; echo x > /v/part/x; " + IDLE
    probe = {"exec": {"command": ["test", "-e", "/v/part/x"]}, "periodSeconds": 1}
    one = container(script=script, volumeMounts=mounts, readinessProbe=probe)
    return pod(name, one, hostUsers=False, volumes=volumes)


def test_a_pod_has_users_of_its_own_and_its_files_belong_to_them(site: Site, tmp_path: Path) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "hidden"}}
    host = tmp_path / "host"
    host.mkdir()
    (host / "closed").write_text("host")
    (host / "closed").chmod(0o600)
    site.agent.apply(config_map("c", word="readable"), secret)
    site.agent.apply(with_every_volume("own", host))
    site.agent.apply(pod("other", hostUsers=False))
    site.agent.apply(pod("plain"))
    for name in ("own", "other", "plain"):
        site.ready(name)

    own, other = first_id(site, "own"), first_id(site, "other")
    assert abs(own - other) >= USER_IDS
    assert site.agent.cli("exec", "plain", "--", "cat", "/proc/1/uid_map").stdout.split()[1] == "0"

    def inside(script: str) -> list[str]:
        return site.agent.cli("exec", "own", "-c", "main", "--", "sh", "-c", script).stdout.split()

    assert inside("cat /v/conf/word /v/secret/key; echo; id -u") == ["readablehidden", "0"]
    every = "/v/empty /v/empty/x /v/memory /v/memory/x /v/conf/word /v/secret/key /v/part /etc/hosts /v/host"
    # As 65534, nobody, appears what belongs to none of the pod's users: the host's root.
    assert inside(f"stat -c %u:%g -L {every}") == ["0:0"] * 8 + ["65534:65534"]
    assert inside("cat /v/host/closed 2>/dev/null || echo refused") == ["refused"]
    written = next((site.agent.base / "volumes").glob("*/empty-dir/empty/x"))
    assert (written.stat().st_uid, written.stat().st_gid) == (own, own)

    identities = container_ids(site.status("own"))
    site.agent.kill()
    site.agent.start()
    until(lambda: not site.agent.cli("exec", "own", "--", "true", check=False).returncode, what="the engine is there")
    assert (first_id(site, "own"), first_id(site, "other")) == (own, other)
    assert container_ids(site.ready("own")) == identities
    kill_infra(site, *identities.values())  # the sandbox is lost: the pod comes back with its users
    until(lambda: container_ids(site.status("own")) != identities, what="another container")
    site.ready("own")
    assert first_id(site, "own") == own
    assert inside("cat /v/empty/x") == ["x"]

    images = site.agent.podman("images", "-a", "-q")
    site.agent.cli("delete", "pod", "own", "other", "plain")
    site.gone("own", "other", "plain")
    assert not site.agent.containers()
    assert not list((site.agent.base / "volumes").glob("*"))
    assert site.agent.podman("images", "-a", "-q") == images
    if tuple(map(int, os.uname().release.split(".")[:2])) < IDMAPPED_OVERLAY:
        return  # Podman copies the image for the pod's users, and keeps the copy with the image
    layers = [path for path in (site.agent.base / "s" / "overlay").iterdir() if path.name != "l"]
    owners = {path.lstat().st_uid for layer in layers for path in layer.rglob("*")}
    assert owners <= {0}, "a layer was copied for the users of a pod"


def test_the_hosts_namespaces_and_files_of_images_do_not_go_with_it(site: Site) -> None:
    for fields, word in (
        ({"hostNetwork": True}, "spec.hostNetwork: Forbidden: when `hostUsers` is false"),
        ({"hostPID": True}, "spec.hostPID: Forbidden: when `hostUsers` is false"),
        ({"hostIPC": True}, "spec.hostIPC: Forbidden: when `hostUsers` is false"),
        ({"volumes": [{"name": "v", "image": {"reference": TESTBOX}}]}, "spec.volumes[0].image: Forbidden"),
    ):
        document = json.dumps(pod("refused", hostUsers=False, **fields))
        done = site.agent.cli("apply", "-f", "-", stdin=document, check=False)
        assert (done.returncode != 0, word in done.stderr) == (True, True), done.stderr


def test_a_group_beyond_its_users_is_told(site: Site) -> None:
    volumes = [{"name": "v", "emptyDir": {}}]
    mounts = [{"name": "v", "mountPath": "/v"}]
    site.agent.apply(
        pod("far", container(volumeMounts=mounts), hostUsers=False, volumes=volumes, securityContext={"fsGroup": 70000})
    )
    until(lambda: "group 70000 is not one of the 65536" in site.agent.cli("describe", "pod", "far").stdout)
    site.agent.cli("delete", "pod", "far")
    site.gone("far")


def test_what_outlives_its_sandbox_gets_its_hook_before_it_goes(site: Site) -> None:
    # Its containers have process namespaces of their own, so that they live on without the infra container.
    volumes = [{"name": "v", "emptyDir": {}}]
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo stopped >> /v/told"]}}}
    mounts = [{"name": "v", "mountPath": "/v"}]
    site.agent.apply(pod("widow", container(volumeMounts=mounts, lifecycle=hook), hostUsers=False, volumes=volumes))
    before = container_ids(site.ready("widow"))
    kill_infra(site, *before.values())
    until(lambda: container_ids(site.status("widow")) != before, what="another container")
    site.ready("widow")
    assert site.agent.cli("exec", "widow", "--", "cat", "/v/told").stdout == "stopped\n"
    assert "SandboxChanged" in site.agent.cli("describe", "pod", "widow").stdout
    site.agent.cli("delete", "pod", "widow")
    site.gone("widow")
