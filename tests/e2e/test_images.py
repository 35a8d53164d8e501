"""Images from a registry that asks for a login, and images that come by hand: the real command and Podman."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tests.fixtures.agent import TESTBOX, AgentUnderTest, until
from tests.fixtures.registry import PASSWORD, USERNAME, Registry, running_registry
from tests.fixtures.workload import container, pod

pytestmark = pytest.mark.podman

SECRET = "registry-login"


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with running_registry(locked=True) as registry:
        yield registry


@pytest.fixture(scope="module")
def agent(registry: Registry) -> Iterator[AgentUnderTest]:
    """A board whose back-off of pulls is longer than any test."""
    agent = AgentUnderTest(settings={"workload": {"image_backoff_initial_s": 900.0, "image_backoff_max_s": 900.0}})
    registries = agent.base / "registries.conf"
    registries.write_text(f'[[registry]]\nlocation = "{registry.address}"\ninsecure = true\n')
    agent.environment["CONTAINERS_REGISTRIES_CONF"] = str(registries)
    with agent:
        agent.podman("tag", TESTBOX, f"{registry.address}/team/app:1")
        login = f"{USERNAME}:{PASSWORD}"
        agent.podman("push", "--tls-verify=false", "--creds", login, f"{registry.address}/team/app:1")
        agent.podman("untag", f"{registry.address}/team/app:1", f"{registry.address}/team/app:1")
        yield agent


def secret(registry: Registry) -> dict[str, Any]:
    """A secret with a wrong login for the whole registry and the right one for the team's part of it."""
    auths = {
        registry.address: {"username": USERNAME, "password": "another"},
        f"{registry.address}/team": {"auth": base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()},
    }
    text = json.dumps({"auths": auths})
    kind = "kubernetes.io/dockerconfigjson"
    metadata = {"name": SECRET, "namespace": "default"}
    data = {".dockerconfigjson": text}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "stringData": data}


def first(agent: AgentUnderTest, name: str) -> dict[str, Any]:
    """The status of the pod's container."""
    found: dict[str, Any] = (agent.get("pod", name) or {}).get("status", {}).get("containerStatuses", [{}])[0]
    return found


def waits(agent: AgentUnderTest, name: str) -> str:
    reason: str = first(agent, name).get("state", {}).get("waiting", {}).get("reason", "")
    return reason


def runs(agent: AgentUnderTest, name: str) -> bool:
    return "running" in first(agent, name).get("state", {})


def events(agent: AgentUnderTest, name: str) -> list[tuple[str, str]]:
    items = json.loads(agent.cli("get", "events", "-o", "json").stdout)["items"]
    return [(one["reason"], one["message"]) for one in items if one["involvedObject"]["name"] == name]


def test_the_closest_login_of_a_secret_opens_the_registry(agent: AgentUnderTest, registry: Registry) -> None:
    image = f"{registry.address}/team/app:1"
    wanted = pod("private", container(image=image), imagePullSecrets=[{"name": SECRET}])
    agent.apply(wanted)
    until(lambda: waits(agent, "private") == "ImagePullBackOff", what="the pull is refused")
    told = events(agent, "private")
    reasons = {reason for reason, _ in told}
    assert {"FailedToRetrieveImagePullSecret", "Pulling", "Failed", "BackOff"} <= reasons
    assert any(message.startswith(f'Failed to pull image "{image}": ') for _, message in told)
    agent.cli("delete", "pod", "private", "--now")
    agent.apply(secret(registry), wanted)
    until(lambda: runs(agent, "private"), what="the pull succeeds")
    assert first(agent, "private")["imageID"].startswith(f"{registry.address}/team/app@sha256:")
    assert first(agent, "private")["user"] == {"linux": {"uid": 0, "gid": 0, "supplementalGroups": [0]}}
    agent.cli("delete", "pod", "private", "--now")


def test_an_image_that_is_loaded_by_hand_is_used_although_its_pull_waits(agent: AgentUnderTest) -> None:
    image = "127.0.0.1:1/by-hand:1"
    agent.apply(pod("by-hand", container(image=image)))
    until(lambda: waits(agent, "by-hand") == "ImagePullBackOff", what="the pull waits")
    agent.podman("tag", TESTBOX, image)
    until(lambda: runs(agent, "by-hand"), what="it is found")
    agent.cli("delete", "pod", "by-hand", "--now")


def test_groups_that_the_image_gives_a_user_are_kept_beside_a_group_of_the_pods(agent: AgentUnderTest) -> None:
    script = "echo 'plc:x:1234:1234::/:/bin/sh' >> /etc/passwd; echo 'serial:x:77:plc' >> /etc/group"
    agent.podman("run", "--name", "grouped", "--network", "none", TESTBOX, "sh", "-c", script)
    agent.podman("commit", "-q", "grouped", "localhost/grouped:1")
    agent.podman("rm", "grouped")
    who = {"runAsUser": 1234, "runAsGroup": 3000, "supplementalGroups": [4000]}
    for name, policy, groups in (("merged", "Merge", [77, 3000, 4000]), ("strict", "Strict", [3000, 4000])):
        context = {**who, "supplementalGroupsPolicy": policy}
        agent.apply(pod(name, container(image="localhost/grouped:1"), securityContext=context))
        until(partial(runs, agent, name), what="it runs")
        assert first(agent, name)["user"]["linux"] == {"uid": 1234, "gid": 3000, "supplementalGroups": groups}
        assert sorted(map(int, agent.cli("exec", name, "--", "id", "-G").stdout.split())) == groups
        agent.cli("delete", "pod", name, "--now")


def push(agent: AgentUnderTest, image: str) -> None:
    """Put an image of its own into the registry; it is not on the board then."""
    agent.podman("run", "--name", "made", "--network", "none", TESTBOX, "sh", "-c", f"echo {image} > /secret")
    agent.podman("commit", "-q", "made", image)
    agent.podman("rm", "made")
    agent.podman("push", "--tls-verify=false", "--creds", f"{USERNAME}:{PASSWORD}", image)
    agent.podman("rmi", image)


def never(agent: AgentUnderTest, name: str, image: str) -> str:
    """Ask for an image without a login; returns why it is not given, "" where it is."""
    agent.apply(pod(name, container(image=image, imagePullPolicy="Never")))
    until(lambda: waits(agent, name) == "ErrImageNeverPull" or runs(agent, name), what="it is decided")
    refused = not runs(agent, name)
    agent.cli("delete", "pod", name, "--now")
    return "ErrImageNeverPull" if refused else ""


def test_an_image_that_came_by_a_login_stays_closed_by_every_name_and_without_the_database(
    agent: AgentUnderTest, registry: Registry
) -> None:
    image = f"{registry.address}/team/locked:1"
    push(agent, image)
    agent.apply(secret(registry), pod("owner", container(image=image), imagePullSecrets=[{"name": SECRET}]))
    until(lambda: runs(agent, "owner"), what="the pull succeeds")
    found = json.loads(agent.podman("image", "inspect", image))[0]
    names = {
        "name": image,
        "digest": f"{registry.address}/team/locked@{found['Digest']}",
        "both": f"{image}@{found['Digest']}",
        "elsewhere": f"{registry.address}/team/app@{found['Digest']}",
        "foreign": f"evil.example/tool@{found['Digest']}",
        "local": f"localhost/testbox@{found['Digest']}",
        "id": f"sha256:{found['Id']}",
    }
    closed = dict.fromkeys(names, "ErrImageNeverPull")
    assert {how: never(agent, how, name) for how, name in names.items()} == closed
    agent.cli("delete", "pod", "owner", "--now")
    agent.kill()
    for path in (agent.base / "state").glob("edgelet.db*"):
        path.unlink()
    agent.start()
    some = {how: names[how] for how in ("name", "digest", "id")}
    assert {how: never(agent, how, name) for how, name in some.items()} == dict.fromkeys(some, "ErrImageNeverPull")
    agent.stop()
    (agent.base / "state" / "image-access").write_bytes(b"\0" * 512)
    agent.start()
    assert {how: never(agent, how, name) for how, name in some.items()} == dict.fromkeys(some, "ErrImageNeverPull")
    assert never(agent, "made-here", TESTBOX) == ""
    agent.apply(secret(registry), pod("again", container(image=image), imagePullSecrets=[{"name": SECRET}]))
    until(lambda: runs(agent, "again"), what="a login opens it")


def test_an_agent_that_is_killed_after_the_image_came_leaves_it_closed(
    agent: AgentUnderTest, registry: Registry
) -> None:
    image = f"{registry.address}/team/killed:1"
    push(agent, image)
    agent.apply(secret(registry), pod("cut", container(image=image), imagePullSecrets=[{"name": SECRET}]))
    names = next(agent.base.glob("s/*-images/images.json"))
    until(lambda: f'"{image}"' in names.read_text(), what="the image is here")  # written before the agent hears of it
    agent.kill()
    agent.start()
    agent.cli("delete", "pod", "cut", "--now")
    found = json.loads(agent.podman("image", "inspect", image))[0]
    ways = {"name": image, "digest": f"{registry.address}/team/killed@{found['Digest']}", "id": f"sha256:{found['Id']}"}
    assert {how: never(agent, how, name) for how, name in ways.items()} == dict.fromkeys(ways, "ErrImageNeverPull")
    agent.apply(pod("after", container(image=image), imagePullSecrets=[{"name": SECRET}]))
    until(lambda: runs(agent, "after"), what="a login opens it")
    agent.cli("delete", "pod", "after", "--now")
