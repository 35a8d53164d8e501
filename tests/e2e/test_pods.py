"""What a Pod may ask for, seen from inside its containers and from the board."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.agent import TESTBOX, until
from tests.fixtures.site import Site, Status, container_ids
from tests.fixtures.site import container as status_of
from tests.fixtures.workload import IDLE, config_map, container, pod

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto]

GROUPS = Path("/sys/fs/cgroup")
BACKOFF_S = 4.0


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A board whose back-off is short enough to be waited for."""
    with Site(settings={"workload": {"backoff_initial_s": BACKOFF_S, "image_backoff_initial_s": BACKOFF_S}}) as site:
        yield site


@pytest.fixture(autouse=True)
def _none_left(site: Site) -> Iterator[None]:
    yield
    site.agent.cli("delete", "pods", "--all", "--grace-period=0", "--force")
    site.agent.cli("delete", "configmaps", "--all")
    assert until(lambda: not site.agent.containers(), what="the pods are gone")


def run(site: Site, document: dict[str, Any]) -> Status:
    site.agent.apply(document)
    return site.ready(document["metadata"]["name"])


def logs(site: Site, name: str, *options: str) -> list[str]:
    return site.agent.cli("logs", name, *options).stdout.splitlines()


def inside(site: Site, name: str, script: str, container_name: str = "main") -> str:
    return site.agent.cli("exec", name, "-c", container_name, "--", "sh", "-c", script).stdout


def main_pid(site: Site, identity: str) -> int:
    pid: int = json.loads(site.agent.podman("inspect", identity))[0]["State"]["Pid"]
    return pid


def group_value(pid: int, controller: str, v1: str, v2: str) -> str:
    """Return what a control file of a process's group says, with cgroup v1 or v2."""
    groups = dict(line.split(":", 2)[1:] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    for names, path in groups.items():
        if controller in names.split(","):
            return (GROUPS / controller / path.lstrip("/") / v1).read_text().strip()
    return (GROUPS / groups[""].lstrip("/") / v2).read_text().strip()


def waits(status: Status) -> str:
    """Return why the container waits."""
    reason: str = status_of(status).get("state", {}).get("waiting", {}).get("reason", "")
    return reason


def test_configmap_and_secret_volumes_follow_their_objects_while_the_pod_runs(site: Site) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "before"}}
    volumes = [{"name": "c", "configMap": {"name": "c"}}, {"name": "s", "secret": {"secretName": "s"}}]
    mounts = [{"name": "c", "mountPath": "/c"}, {"name": "s", "mountPath": "/s", "readOnly": True}]
    site.agent.apply(config_map("c", word="before"), secret)
    before = run(site, pod("web", container(volumeMounts=mounts), volumes=volumes))
    assert inside(site, "web", "cat /c/word /s/key") == "beforebefore"
    site.agent.apply(config_map("c", word="after", more="x"), {**secret, "stringData": {"key": "after"}})
    until(lambda: inside(site, "web", "cat /c/word /s/key") == "afterafter", within_s=10, what="the files follow")
    assert inside(site, "web", "ls /c").split() == ["more", "word"]
    assert container_ids(site.ready("web")) == container_ids(before)
    site.agent.cli("delete", "secret", "s")


def test_emptydir_outlives_its_container_and_is_shared(site: Site) -> None:
    volumes = [{"name": "e", "emptyDir": {}}, {"name": "m", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}]
    mounts = [{"name": "e", "mountPath": "/e"}, {"name": "m", "mountPath": "/m"}]
    writer = container("main", f"echo start >>/e/starts; echo start >>/m/starts; {IDLE}", volumeMounts=mounts)
    before = run(site, pod("web", writer, container("other", volumeMounts=mounts), volumes=volumes))
    os.kill(main_pid(site, container_ids(before)["main"]), signal.SIGKILL)
    site.settled("web", lambda status: status_of(status).get("restartCount") == 1)
    site.ready("web")
    assert inside(site, "web", "wc -l </e/starts; wc -l </m/starts", "other").split() == ["2", "2"]
    assert "tmpfs" in inside(site, "web", "grep ' /m ' /proc/mounts")


def test_container_that_fails_is_restarted_at_once_then_backs_off(site: Site) -> None:
    site.agent.apply(pod("crash", container("main", "echo here; exit 3")))
    waiting = site.settled("crash", lambda status: waits(status) == "CrashLoopBackOff")
    main = status_of(waiting)
    assert main["restartCount"] == 1
    assert "crash" in main["state"]["waiting"]["message"]
    assert (main["lastState"]["terminated"]["exitCode"], main["lastState"]["terminated"]["reason"]) == (3, "Error")
    assert waiting["phase"] == "Running"
    assert "CrashLoopBackOff" in site.agent.cli("get", "pods").stdout
    finished = dt.datetime.fromisoformat(main["lastState"]["terminated"]["finishedAt"])
    site.settled("crash", lambda status: status_of(status)["restartCount"] == 2 and waits(status) == "CrashLoopBackOff")
    started = dt.datetime.fromisoformat(status_of(site.status("crash"))["lastState"]["terminated"]["startedAt"])
    assert started - finished >= dt.timedelta(seconds=BACKOFF_S - 1)  # stamps have whole seconds
    assert logs(site, "crash", "--previous") == ["here"]


def test_changed_image_restarts_its_container_and_no_other(site: Site) -> None:
    before = run(site, pod("web", container("one"), container("two")))
    site.agent.podman("tag", TESTBOX, "localhost/testbox:2")
    site.agent.apply(pod("web", container("one", image="localhost/testbox:2"), container("two")))
    site.settled("web", lambda status: status_of(status, "one").get("restartCount") == 1)
    after = site.ready("web")
    assert status_of(after, "one")["image"] == "localhost/testbox:2"
    assert status_of(after, "two") == status_of(before, "two")
    assert after["podIP"] == before["podIP"]
    assert (site.message("web") or {})["observedGeneration"] == 2


def test_limits_are_in_the_control_group_and_an_excess_of_memory_is_told(site: Site) -> None:
    limits = {"limits": {"memory": "32Mi", "cpu": "500m"}, "requests": {"memory": "16Mi", "cpu": "100m"}}
    eater = container("eater", "sleep 1; tail /dev/zero", resources=limits)
    site.agent.apply(pod("web", container(resources=limits), eater, restartPolicy="Never"))
    status = site.settled("web", lambda status: status_of(status, "main").get("state", {}).get("running"))
    pid = main_pid(site, status_of(status)["containerID"].removeprefix("podman://"))
    assert int(group_value(pid, "memory", "memory.limit_in_bytes", "memory.max")) == 32 << 20
    quota = group_value(pid, "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0]
    assert quota == "50000"
    assert status["qosClass"] == "Burstable"
    ended = site.settled("web", lambda status: status_of(status, "eater").get("state", {}).get("terminated"))
    terminated = status_of(ended, "eater")["state"]["terminated"]
    assert (terminated["reason"], terminated["exitCode"]) == ("OOMKilled", 137)


def test_deletion_gives_the_grace_that_was_asked_for(site: Site) -> None:
    place = site.agent.base / "grace"
    place.mkdir()
    volume = [{"name": "w", "hostPath": {"path": str(place)}}]
    mounts = [{"name": "w", "mountPath": "/w"}]
    polite = container(
        "polite", "trap 'sleep 1; echo bye >/w/polite; exit 0' TERM; sleep 1000 & wait", volumeMounts=mounts
    )
    deaf = container("deaf", "trap '' TERM; while true; do sleep 1; done", volumeMounts=mounts)
    run(site, pod("web", polite, deaf, volumes=volume, terminationGracePeriodSeconds=3))
    began_s = time.monotonic()
    site.agent.cli("delete", "pod", "web", "--wait=false")
    until(lambda: (site.agent.get("pod", "web") or {}).get("metadata", {}).get("deletionTimestamp"), within_s=2)
    site.gone("web")
    took_s = time.monotonic() - began_s
    assert (place / "polite").read_text() == "bye\n"
    assert 2.9 < took_s < 8

    run(site, pod("deaf", deaf, volumes=volume, terminationGracePeriodSeconds=60))
    began_s = time.monotonic()
    site.agent.cli("delete", "pod", "deaf", "--grace-period=1")
    assert time.monotonic() - began_s < 8


def test_image_that_must_not_be_pulled_is_waited_for_and_found_when_it_comes(site: Site) -> None:
    missing = container("main", image="localhost/not-here:1", imagePullPolicy="Never")
    site.agent.apply(pod("web", missing))
    status = site.settled("web", lambda status: status_of(status).get("state", {}).get("waiting", {}).get("message"))
    waiting = status_of(status)["state"]["waiting"]
    assert waiting["reason"] == "ErrImageNeverPull"
    assert "localhost/not-here:1" in waiting["message"]
    assert status["phase"] == "Pending"
    site.agent.podman("tag", TESTBOX, "localhost/not-here:1")
    assert status_of(site.ready("web"))["restartCount"] == 0


def test_host_network_is_the_boards_own(site: Site) -> None:
    status = run(site, pod("host", hostNetwork=True))
    assert status["podIP"] == status["hostIP"]
    pid = main_pid(site, container_ids(status)["main"])
    assert Path(f"/proc/{pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()
    assert Path(f"/proc/{pid}/ns/mnt").readlink() != Path("/proc/self/ns/mnt").readlink()


def test_environment_is_expanded_and_told(site: Site) -> None:
    site.agent.apply(config_map("c", FROM_MAP="map", odd="x"))
    env = [
        {"name": "A", "value": "a"},
        {"name": "B", "value": "$(A)-$(FROM_MAP)-$$(A)-$(UNKNOWN)"},
        {"name": "KEY", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "odd"}}},
        {"name": "NONE", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "none", "optional": True}}},
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "LABEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
    ]
    names = ["A", "B", "KEY", "NONE", "NAME", "LABEL", "IP", "NODE", "MEMORY"]
    script = ";".join(f'echo "{name}=${name}"' for name in names)
    main = {
        **container(env=env, envFrom=[{"configMapRef": {"name": "c"}}], resources={"limits": {"memory": "48Mi"}}),
        "command": ["sh", "-c", f'{script}; echo "$0 $1"; {IDLE}'],
        "args": ["$(A)", "$$(A)"],
    }
    document = pod("web", main)
    document["metadata"]["labels"] = {"app": "shop"}
    status = run(site, document)
    assert logs(site, "web") == [
        "A=a",
        "B=a-map-$(A)-$(UNKNOWN)",
        "KEY=x",
        "NONE=",
        "NAME=web",
        "LABEL=shop",
        f"IP={status['podIP']}",
        "NODE=board",
        "MEMORY=48",
        "a $(A)",
    ]
