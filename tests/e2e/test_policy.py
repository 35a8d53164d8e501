"""What a board lets in: the real agent, broker and Podman, and a policy.toml that comes, goes bad and gets stricter."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fixtures.agent import TESTBOX, AgentUnderTest, until
from tests.fixtures.registry import running_registry
from tests.fixtures.site import Site, container_ids
from tests.fixtures.workload import container, pod

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto]

BASELINE = {"admission": {"profile": "baseline"}}


@pytest.fixture
def site() -> Iterator[Site]:
    """A board as it is without any decision of its owner."""
    with Site(settings=BASELINE) as made:
        yield made


def decide(agent: AgentUnderTest, text: str) -> None:
    """Write the policy and tell the agent."""
    agent.policy.write_text(text)
    os.kill(agent.pid, signal.SIGHUP)


def condition(agent: AgentUnderTest) -> dict[str, Any]:
    node = agent.get("node", agent.name) or {}
    every: list[dict[str, Any]] = node["status"]["conditions"]
    return next(one for one in every if one["type"] == "PolicyFault")


def events(agent: AgentUnderTest, name: str) -> list[tuple[str, str]]:
    items = json.loads(agent.cli("get", "events", "-o", "json").stdout)["items"]
    return [(one["reason"], one["message"]) for one in items if one["involvedObject"]["name"] == name]


def test_the_baseline_holds_for_whoever_sends_until_the_boards_owner_decides(site: Site) -> None:
    agent = site.agent
    host = pod("host", hostNetwork=True)
    words = 'pods "host" is forbidden: violates PodSecurity "baseline:latest": host namespaces (spec.hostNetwork=true)'

    site.want(host, "host")
    error = until(lambda: (site.message("host") or {}).get("error"), what="the refusal")
    assert (error["code"], error["reason"], error["message"]) == (403, "Forbidden", words)
    cause = {"field": "spec.hostNetwork", "message": "host namespaces: true", "reason": "FieldValueForbidden"}
    assert error["details"]["causes"] == [cause]
    assert ("Refused", words) in events(agent, "host")

    for more in ((), ("--dry-run=server",)):
        done = agent.cli("apply", "-f", "-", *more, stdin=json.dumps(host), check=False)
        assert done.returncode == 1
        assert words in done.stderr
    file = agent.base / "manifests" / "host.json"
    file.write_text(json.dumps(host))
    until(lambda: any(words in message for _, message in events(agent, agent.name)), what="the file is refused")
    file.unlink()

    site.want(pod("plain"), "plain")
    site.ready("plain")

    decide(agent, "[source.mqtt]\nhost_network = true\n")
    until(lambda: "policy.toml read again" in agent.log_tail(), what="the policy is read again")
    site.want(pod("host", hostNetwork=True, dnsPolicy="Default"), "host")
    site.ready("host")
    assert agent.cli("apply", "-f", "-", stdin=json.dumps(pod("other", hostNetwork=True)), check=False).returncode == 1

    decide(agent, "")
    until(lambda: any(one == "PolicyViolation" for one, _ in events(agent, "host")), what="what runs is told")
    audit = agent.cli("policy", "audit", "--config", str(agent.config), check=False)
    assert audit.returncode == 1
    assert "pod/host -n default, from mqtt:\n  host namespaces (spec.hostNetwork=true)" in audit.stdout
    assert "plain" not in audit.stdout
    site.ready("host")


def test_a_policy_that_cannot_be_used_stops_what_is_new_and_nothing_that_runs(site: Site) -> None:
    agent = site.agent
    site.want(pod("web"), "web")
    before = container_ids(site.ready("web"))
    assert condition(agent)["status"] == "False"

    boot = str(site.online()["bootID"])
    agent.stop()
    agent.policy.write_text("profile = ")
    site.revive(boot)
    fault = until(lambda: one if (one := condition(agent))["status"] == "True" else None, what="the fault is shown")
    assert f"cannot use the policy {agent.policy}: no TOML" in fault["message"]
    assert any(one == "PolicyUnusable" for one, _ in events(agent, agent.name))
    site.want(pod("new"), "new")
    error = until(lambda: (site.message("new") or {}).get("error"), what="the refusal")
    assert error["code"] == 403
    assert "No new pod is let in" in error["message"]
    assert container_ids(site.ready("web")) == before

    decide(agent, "")
    until(lambda: condition(agent)["status"] == "False", what="the policy is good again")
    site.want(pod("new", terminationGracePeriodSeconds=1), "new")
    site.ready("new")

    agent.policy.chmod(0o666)
    os.kill(agent.pid, signal.SIGHUP)
    until(lambda: "others may write it" in condition(agent)["message"], what="a file of others is not trusted")
    site.unwant("new")
    site.gone("new")
    assert container_ids(site.ready("web")) == before


def test_a_link_in_a_path_that_pods_may_write_leads_no_pod_out_of_it(site: Site) -> None:
    agent = site.agent
    data, secret = agent.base / "data", agent.base / "secret"
    (data / "sub").mkdir(parents=True)
    secret.mkdir()
    decide(agent, f'host_paths = ["{data}"]\n')
    until(lambda: "policy.toml read again" in agent.log_tail(), what="the policy is read again")
    mounts = [{"name": "data", "mountPath": "/data"}, {"name": "sub", "mountPath": "/sub"}]
    named = [{"name": "data", "hostPath": {"path": str(data)}}, {"name": "sub", "hostPath": {"path": f"{data}/sub"}}]
    # It runs once, and puts a link in the place of what it will find mounted the second time.
    script = (
        f"touch /sub/$(ls /sub | wc -l); rmdir /data/sub || mv /data/sub /data/was; ln -s {secret} /data/sub; exit 1"
    )
    site.want(pod("climber", container(script=script, volumeMounts=mounts), volumes=named), "climber")
    words = f"hostPath {data}/sub leads to {secret}, where the policy of this board lets no pod in"
    until(lambda: any(words in text for _, text in events(agent, "climber")), within_s=60, what="the second start")
    site.want(pod("second", container(volumeMounts=mounts), volumes=named), "second")
    until(lambda: any(words in text for _, text in events(agent, "second")), within_s=60, what="another pod")
    assert (data / "was" / "0").exists()
    assert list(secret.iterdir()) == []


def test_an_image_that_the_rules_of_signatures_reject_is_not_run() -> None:
    with running_registry() as registry:
        agent = AgentUnderTest()
        registries = agent.base / "registries.conf"
        registries.write_text(f'[[registry]]\nlocation = "{registry.address}"\ninsecure = true\n')
        agent.environment["CONTAINERS_REGISTRIES_CONF"] = str(registries)
        rules = agent.base / "image-policy.json"
        accepted = {"docker": {f"{registry.address}/good": [{"type": "insecureAcceptAnything"}]}}
        rules.write_text(json.dumps({"default": [{"type": "reject"}], "transports": accepted}))
        agent.policy.write_text(f'signatures = "{rules}"\n')
        with agent:
            for name in ("good", "bad"):
                image = f"{registry.address}/{name}/app:1"
                agent.podman("tag", TESTBOX, image)
                agent.podman("push", "--tls-verify=false", image)
                agent.podman("untag", TESTBOX, image)
                agent.apply(pod(name, container(image=image)))

            def waits(name: str) -> str:
                status = (agent.get("pod", name) or {}).get("status", {})
                waiting = status.get("containerStatuses", [{}])[0].get("state", {}).get("waiting", {})
                return str(waiting.get("message", ""))

            until(lambda: "source image rejected" in waits("bad").lower(), within_s=60, what="the bad image is refused")
            until(
                lambda: (agent.get("pod", "good") or {})["status"].get("phase") == "Running", within_s=60, what="good"
            )
