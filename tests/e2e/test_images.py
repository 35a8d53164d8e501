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
