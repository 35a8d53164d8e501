"""Secrets from the sender to the pod: sealed on the wire, sealed on disk, in pods, and nowhere else."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import canary
from tests.fixtures.agent import TESTBOX, AgentUnderTest, until
from tests.fixtures.mosquitto import Mosquitto
from tests.fixtures.mqtt_clients import Listener, publish
from tests.fixtures.registry import PASSWORD, USERNAME, Registry, running_registry
from tests.fixtures.workload import IDLE, container, pod

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto]

CANARY = "canary-4f9d2c7e-of-a-secret"
ENV_CANARY = "canary-81aa03b5-of-a-variable"
ROOT = "edgelet/v1/default/board/"

# What Podman keeps of a container's environment, in clear: docs/SECRETS.md says so.
_PODMAN_KEEPS = {"config.json", "bolt_state.db", "db.sql", "db.sql-wal"}


def secret(name: str, **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "stringData": data}


def login(registry: Registry) -> dict[str, Any]:
    auths = {registry.address: {"username": USERNAME, "password": PASSWORD}}
    made = secret("login", **{".dockerconfigjson": json.dumps({"auths": auths})})
    return made | {"type": "kubernetes.io/dockerconfigjson"}


def mounting(name: str, of: str) -> dict[str, Any]:
    """A pod that tells the hash of its secret's file again and again."""
    script = f"trap 'exit 0' TERM; while true; do sha256sum </s/password; sleep 0.3 & wait $!; done; {IDLE}"
    one = container(script=script, volumeMounts=[{"name": "s", "mountPath": "/s"}])
    one["livenessProbe"] = {"exec": {"command": ["test", "-s", "/s/password"]}, "periodSeconds": 1}
    return pod(name, one, volumes=[{"name": "s", "secret": {"secretName": of}}])


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def phase(agent: AgentUnderTest, name: str) -> bool:
    status = (agent.get("pod", name) or {}).get("status", {})
    return bool(status.get("containerStatuses")) and all(one.get("ready") for one in status["containerStatuses"])


def logs(agent: AgentUnderTest, name: str) -> str:
    return agent.cli("logs", name, "--tail", "1", check=False).stdout


def instances(agent: AgentUnderTest) -> dict[str, str]:
    return {one["Id"]: one["State"] for one in agent.containers()}


def reasons(agent: AgentUnderTest) -> set[str]:
    return {one["reason"] for one in json.loads(agent.cli("get", "events", "-A", "-o", "json").stdout)["items"]}


def conditions(agent: AgentUnderTest) -> dict[str, str]:
    node = json.loads(agent.cli("get", "node", "board", "-o", "json").stdout)
    return {one["type"]: one["status"] for one in node["status"]["conditions"]}


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running_registry(locked=True) as registry:
        yield registry


def test_a_secret_is_nowhere_but_in_its_pods(broker: Mosquitto, registry: Registry) -> None:
    agent = AgentUnderTest(broker_url=broker.url, settings={"podman": {"idle_exit_s": 1}, "log": {"level": "debug"}})
    registries = agent.base / "registries.conf"
    registries.write_text(f'[[registry]]\nlocation = "{registry.address}"\ninsecure = true\n')
    (agent.base / "tmp").mkdir()
    agent.environment |= {"CONTAINERS_REGISTRIES_CONF": str(registries), "TMPDIR": str(agent.base / "tmp")}
    with agent, Listener(broker, "#") as wire:
        image = f"{registry.address}/team/app:1"
        agent.podman("tag", TESTBOX, image)
        agent.podman("push", "--tls-verify=false", "--creds", f"{USERNAME}:{PASSWORD}", image)
        agent.podman("untag", image, image)

        key = agent.cli("secrets", "public-key").stdout.strip()
        told = until(lambda: wire.document(f"{ROOT}status/node"), what="the node is told")
        assert told["metadata"]["annotations"]["edgelet/sealing-key"] == key
        assert not loads_cryptography(agent), "a board without Secrets does without"
        send_sealed(agent, broker, key, secret("app", password=CANARY))
        send_sealed(agent, broker, key, secret("env", password=ENV_CANARY))
        send_sealed(agent, broker, key, login(registry))
        use_them(agent, broker, image)
        outputs = look_at_everything(agent)
        assert loads_cryptography(agent)

        agent.kill()  # the log of the database stays as it is
        assert (agent.base / "state" / "edgelet.db-wal").stat().st_size > 0
        places = (agent.base, broker.directory)
        for text in (CANARY, PASSWORD):
            assert canary.files_with(text, *places) == set()
        known = canary.files_with(ENV_CANARY, *places)
        assert "config.json" in {path.name for path in known} <= _PODMAN_KEEPS
        assert all(path.is_relative_to(agent.base / "s") for path in known)
        agent.start()
        until(lambda: phase(agent, "files"), what="the pod is ready after the kill")
        assert agent.stop() == 0
        assert (agent.base / "state" / "edgelet.db.good").exists()
        for text in (CANARY, PASSWORD):
            assert canary.files_with(text, *places) == set()
        said = "\n".join([*(f"{topic} {payload}" for topic, payload in wire.all), *outputs]).encode()
        assert len(wire.all) > 6
        for text in (CANARY, ENV_CANARY, PASSWORD):
            assert not canary.holds(said, text)
        agent.start()
        assert base64.b64decode(_data(agent)["password"]).decode() == CANARY


def loads_cryptography(agent: AgentUnderTest) -> bool:
    return "/cryptography/" in Path(f"/proc/{agent.pid}/maps").read_text()


def send_sealed(agent: AgentUnderTest, broker: Mosquitto, key: str, one: dict[str, Any]) -> None:
    flags = ("--node", "default/board", "--node-key", key, "-o", "json")
    sealed = agent.cli("seal", "-f", "-", *flags, stdin=json.dumps(one)).stdout
    publish(broker, f"{ROOT}desired/secrets/default/{one['metadata']['name']}", sealed)


def use_them(agent: AgentUnderTest, broker: Mosquitto, image: str) -> None:
    """As a file, as a variable, as a login."""
    variable = {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "env", "key": "password"}}}
    script = f'printf %s "$PASSWORD" | sha256sum; {IDLE}'
    wanted = {
        "files": mounting("files", "app"),
        "variable": pod("variable", container(script=script, env=[variable])),
        "private": pod("private", container(image=image), imagePullSecrets=[{"name": "login"}]),
    }
    for name, one in wanted.items():
        publish(broker, f"{ROOT}desired/pods/default/{name}", one)
    for name in wanted:
        until(partial(phase, agent, name), within_s=90, what=f"pod {name} is ready")
    until(lambda: digest(CANARY) in logs(agent, "files"), what="the file holds the secret")
    until(lambda: digest(ENV_CANARY) in logs(agent, "variable"), what="the variable holds the secret")


def look_at_everything(agent: AgentUnderTest) -> list[str]:
    """What people see of it, and must not hold it; root sees it by asking for it."""
    assert base64.b64decode(_data(agent)["password"]).decode() == CANARY, "root sees it, as with kubectl"
    assert agent.cli("exec", "files", "--", "cat", "/s/password").stdout == CANARY
    broken = secret("broken") | {"data": {"password": CANARY + "!"}}
    refused = agent.cli("apply", "-f", "-", stdin=json.dumps(broken), check=False)
    assert refused.returncode == 1
    assert "illegal base64" in refused.stderr
    outputs = [agent.cli("get", what, "-A", "-o", "yaml").stdout for what in ("pods", "events", "nodes")]
    return [refused.stderr, *outputs, *(agent.cli("describe", what).stdout for what in ("pods", "secrets"))]


def _data(agent: AgentUnderTest) -> dict[str, str]:
    found: dict[str, str] = json.loads(agent.cli("get", "secret", "app", "-o", "json").stdout)["data"]
    return found


def test_a_lost_key_stops_no_pod_and_the_broker_brings_the_secret_back(broker: Mosquitto) -> None:
    with AgentUnderTest(broker_url=broker.url) as agent, Listener(broker, f"{ROOT}status/#") as wire:
        publish(broker, f"{ROOT}desired/secrets/default/app", secret("app", password=CANARY))
        publish(broker, f"{ROOT}desired/pods/default/files", mounting("files", "app"))
        until(lambda: phase(agent, "files"), what="the pod is ready")
        assert "ApplyWarning" in reasons(agent), "the broker could read it, and that is said"
        before = instances(agent)
        agent.stop()
        (agent.base / "state" / "secrets" / "node.key").unlink()
        broker.stop()
        agent.start()
        until(lambda: conditions(agent).get("SecretsUnreadable") == "True", what="the node says so")
        assert {"SecretsUnreadable", "Unreadable"} <= reasons(agent)
        assert "data" not in json.loads(agent.cli("get", "secret", "app", "-o", "json").stdout)
        assert digest(CANARY) in logs(agent, "files")
        broker.start()
        until(lambda: "SecretsUnreadable" not in conditions(agent), within_s=90, what="the broker told it again")
        assert base64.b64decode(_data(agent)["password"]).decode() == CANARY
        until(lambda: phase(agent, "files"), what="the pod is ready")
        assert instances(agent) == before, "nothing was started anew"
        until(lambda: "SecretsUnreadable" not in (wire.newest.get(f"{ROOT}status/node") or "SecretsUnreadable"))


def test_keys_are_changed_while_pods_run_and_while_the_agent_is_stopped(broker: Mosquitto) -> None:
    with AgentUnderTest(broker_url=broker.url) as agent:
        key = agent.cli("secrets", "public-key").stdout.strip()
        send_sealed(agent, broker, key, secret("app", password=CANARY))
        publish(broker, f"{ROOT}desired/pods/default/files", mounting("files", "app"))
        until(lambda: phase(agent, "files"), what="the pod is ready")
        before = instances(agent)
        keys = [json.loads(agent.cli("secrets", "status").stdout)["nodeKey"]]
        keys += [agent.cli("secrets", "rotate-key").stdout.split()[-1] for _ in range(2)]
        fresh = agent.cli("secrets", "rotate-sealing-key").stdout.strip()
        assert fresh != key
        assert agent.cli("secrets", "public-key").stdout.strip() == fresh
        agent.stop()
        agent.cli("secrets", "rotate-key", "--config", str(agent.config))
        agent.start()
        keys.append(json.loads(agent.cli("secrets", "status").stdout)["nodeKey"])
        assert len(set(keys)) == 4
        assert base64.b64decode(_data(agent)["password"]).decode() == CANARY
        assert sorted(one.name for one in (agent.base / "state" / "secrets").iterdir()) == ["node.key", "sealing.keys"]

        send_sealed(agent, broker, key, secret("app", password=ENV_CANARY))  # for the public key of before
        until(lambda: digest(ENV_CANARY) in logs(agent, "files"), within_s=90, what="the file holds the new secret")
        until(lambda: phase(agent, "files"), what="the pod is ready")
        assert instances(agent) == before, "nothing was started anew"
