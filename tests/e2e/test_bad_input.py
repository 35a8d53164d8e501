"""Whatever a stranger sends: an answer that says what is wrong, bounded memory, and pods that do not notice."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.fixtures.agent import until
from tests.fixtures.mqtt_clients import publish
from tests.fixtures.site import Site, container
from tests.fixtures.workload import config_map, pod

pytestmark = [pytest.mark.podman, pytest.mark.mosquitto, pytest.mark.slow]

GROWTH_BYTES = 48 * 1024 * 1024  # of the agent's memory at most, whatever comes
ANSWER_S = 1.0
MANY = 10_000
BOUND = 1000  # max_objects, the default

HOST_PORT = [{"containerPort": 80, "hostPort": 70_000}]
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {}}


# topic below desired/, payload, code, reason, words of the message
OVER_MQTT: dict[str, tuple[str, Any, int, str, str]] = {
    "bad YAML": ("pods/default/yaml", "kind: Pod\n  metadata: [", 400, "BadRequest", "line 2"),
    "duplicate key": ("pods/default/twice", "kind: Pod\nkind: Pod\n", 400, "BadRequest", "kind"),
    "binary": ("pods/default/binary", bytes(range(256)) * 20, 400, "BadRequest", ""),
    "no mapping": ("pods/default/list", "- 1\n- 2\n", 400, "BadRequest", ""),
    "a word": ("pods/default/word", "hello", 400, "BadRequest", ""),
    "wrong type": (
        "pods/default/type",
        {**pod("type"), "spec": {"containers": "none"}},
        422,
        "Invalid",
        "spec.containers",
    ),
    "wrong type deep inside": (
        "pods/default/deep",
        pod("deep", {"name": "main", "image": "i", "env": [{"name": 5}]}),
        422,
        "Invalid",
        "spec.containers[0].env[0].name",
    ),
    "bad port": (
        "pods/default/port",
        pod("port", {"name": "main", "image": "i", "ports": HOST_PORT}),
        422,
        "Invalid",
        "spec.containers[0].ports[0].hostPort",
    ),
    "no containers": ("pods/default/none", {**pod("none"), "spec": {}}, 422, "Invalid", "spec.containers"),
    "unknown plural": ("gadgets/default/g", {"kind": "Gadget"}, 404, "NotFound", "gadgets"),
    "unknown kind": (
        "pods/default/kind",
        {"apiVersion": "v1", "kind": "Gadget", "metadata": {"name": "kind"}},
        422,
        "Invalid",
        "kind",
    ),
    "another API version": (
        "pods/default/version",
        {**pod("version"), "apiVersion": "v9"},
        404,
        "NotFound",
        "v9",
    ),
    "kind of a later version": ("deployments/default/d", DEPLOYMENT, 405, "MethodNotAllowed", "deployments"),
    "too large": ("pods/default/large", "x" * (1 << 20), 413, "RequestEntityTooLarge", "131072"),
    "name that climbs": ("pods/default/../etc", pod("etc"), 404, "NotFound", "pods"),
    "name of dots": ("pods/default/..", pod(".."), 422, "Invalid", "metadata.name"),
    "climbing name inside": ("pods/default/inside", pod("../../etc"), 422, "Invalid", "metadata.name"),
    "name of another": ("pods/default/one", pod("two"), 422, "Invalid", "metadata.name"),
    "namespace of another": (
        "pods/default/space",
        {**pod("space"), "metadata": {"name": "space", "namespace": "shop"}},
        422,
        "Invalid",
        "metadata.namespace",
    ),
    "namespace that is none": ("pods/Shop_1/web", pod("web"), 422, "Invalid", "metadata.namespace"),
    "empty document": ("pods/default/empty", "---\n", 400, "BadRequest", ""),
    "two documents": (
        "pods/default/both",
        f"{json.dumps(pod('both'))}\n---\n{json.dumps(pod('x'))}",
        422,
        "Invalid",
        "one object",
    ),
    "not acted on yet": (
        "pods/default/later",
        pod("later", {"name": "main", "image": "i", "volumeDevices": [{"name": "v", "devicePath": "/d"}]}),
        422,
        "Invalid",
        "spec.containers[0].volumeDevices",
    ),
    "aliases that explode": (
        "pods/default/bomb",
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        400,
        "BadRequest",
        "",
    ),
    "nested beyond measure": ("pods/default/nested", "[" * 50_000, 400, "BadRequest", ""),
}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A broker that lets large packets through and keeps long queues: what it drops, nobody can answer.

    It keeps nothing on disk, since it would save all it has after each of ten thousand messages.
    """
    with Site(persistence=False, options=("max_packet_size 4194304", "max_queued_messages 30000")) as site:
        yield site


@pytest.fixture(scope="module")
def bystander(site: Site) -> Iterator[dict[str, Any]]:
    """A pod that runs all the time; it is the same at the end, on the same connection, beside the same agent."""
    site.want(pod("bystander"), "bystander")
    before, online, pid = container(site.ready("bystander")), site.online(), site.agent.pid
    rss = rss_bytes(site)
    yield before
    assert container(site.ready("bystander")) == before
    assert [one["Id"] for one in site.agent.containers()] == [before["containerID"].removeprefix("podman://")]
    assert site.agent.alive
    assert site.agent.pid == pid
    assert site.online() == online, "the link was lost meanwhile"
    assert rss_bytes(site) - rss < GROWTH_BYTES
    began_s = time.monotonic()
    assert site.agent.get("pod", "bystander")
    assert time.monotonic() - began_s < ANSWER_S


def rss_bytes(site: Site) -> int:
    lines = Path(f"/proc/{site.agent.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def request(site: Site, method: str, path: str, body: Any = b"") -> tuple[int, dict[str, Any]]:
    """Ask the local API with curl; returns code and document. `body` is sent as JSON unless it is bytes."""
    done = subprocess.run(
        (
            *("curl", "-s", "-m", "10", "--unix-socket", str(site.agent.socket), "-X", method, "-w", "\n%{http_code}"),
            *("-H", "content-type: application/yaml", "--data-binary", "@-", f"http://edgelet{path}"),
        ),
        input=body if isinstance(body, bytes) else json.dumps(body).encode(),
        capture_output=True,
        check=True,
    )
    text, _, code = done.stdout.decode().rpartition("\n")
    return int(code), json.loads(text)


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("case", OVER_MQTT)
def test_answer_over_mqtt(site: Site, case: str) -> None:
    path, payload, code, reason, words = OVER_MQTT[case]
    topic = f"{site.root}status/{path}"
    publish(site.broker, f"{site.root}desired/{path}", payload)
    answer = until(lambda: site.listener.document(topic), within_s=10, what=f"an answer on status/{path}")
    error = answer["error"]
    assert (error["kind"], error["status"], error["code"], error["reason"]) == ("Status", "Failure", code, reason)
    assert words in error["message"]
    assert len(error["message"]) < 2000
    if code == 422 and words.startswith(("spec", "meta")):
        assert words in {one["field"] for one in error["details"]["causes"]}
    publish(site.broker, f"{site.root}desired/{path}", b"")
    until(lambda: site.listener.newest[topic] == "", within_s=10, what="the answer is taken back")


PODS = "/api/v1/namespaces/default/pods"
SHOP = "/api/v1/namespaces/shop/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
IN_DEFAULT = {**pod("x"), "metadata": {"name": "x", "namespace": "default"}}
MEBIBYTE = {**pod("x"), "metadata": {"name": "x", "annotations": {"a": "x" * (1 << 20)}}}
BAD_PORT = pod("x", {"name": "m", "image": "i", "ports": HOST_PORT})
# method, path, body, code, reason
OVER_HTTP: dict[str, tuple[str, str, Any, int, str]] = {
    "bad YAML": ("POST", PODS, b"kind: Pod\n  metadata: [", 400, "BadRequest"),
    "binary": ("POST", PODS, bytes(range(256)) * 20, 400, "BadRequest"),
    "empty": ("POST", PODS, b"", 400, "BadRequest"),
    "wrong type": ("POST", PODS, {**pod("x"), "spec": {"containers": 5}}, 422, "Invalid"),
    "bad port": ("POST", PODS, BAD_PORT, 422, "Invalid"),
    "climbing name": ("POST", PODS, pod("../../etc"), 422, "Invalid"),
    "climbing path": ("GET", f"{PODS}/..%2f..%2fetc", b"", 404, "NotFound"),
    "another namespace": ("POST", SHOP, IN_DEFAULT, 400, "BadRequest"),
    "another kind": ("POST", PODS, config_map("x"), 400, "BadRequest"),
    "unknown resource": ("POST", "/api/v1/namespaces/default/gadgets", {}, 404, "NotFound"),
    "kind of a later version": ("POST", DEPLOYMENTS, DEPLOYMENT, 404, "NotFound"),
    "too large an object": ("POST", PODS, MEBIBYTE, 413, "RequestEntityTooLarge"),
    "too large a body": ("POST", PODS, b"x" * (5 << 20), 413, "RequestEntityTooLarge"),
}


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("case", OVER_HTTP)
def test_answer_over_the_local_api(site: Site, case: str) -> None:
    method, path, body, code, reason = OVER_HTTP[case]
    found, status = request(site, method, path, body)
    assert (found, status["kind"], status["code"], status["reason"]) == (code, "Status", code, reason), status
    assert status["message"]


@pytest.mark.usefixtures("bystander")
def test_ten_thousand_objects_are_each_answered_and_the_bound_is_kept(site: Site) -> None:
    """Sent as fast as one client can, with retained messages; then taken back."""
    prefix = f"{site.root}status/configmaps/default/flood-"
    flood(site, {f"flood-{number}": json.dumps(config_map(f"flood-{number}", n=str(number))) for number in range(MANY)})
    until(lambda: answered(site, prefix) == MANY, within_s=90, what=f"{MANY} answers")
    errors = [document["error"] for document in documents(site, prefix) if "error" in document]
    assert MANY - len(errors) in range(BOUND - 5, BOUND + 1)
    assert {(one["code"], one["reason"]) for one in errors} == {(413, "RequestEntityTooLarge")}
    assert str(BOUND) in errors[0]["message"]

    began_s = time.monotonic()
    assert site.agent.get("pod", "bystander")
    assert time.monotonic() - began_s < ANSWER_S
    code, status = request(site, "POST", "/api/v1/namespaces/default/configmaps", config_map("one"))
    assert (code, status["reason"]) == (413, "RequestEntityTooLarge")

    flood(site, {f"flood-{number}": "" for number in range(MANY)})
    until(lambda: not list(documents(site, prefix)), within_s=90, what="all topics cleared")
    assert json.loads(site.agent.cli("get", "configmaps", "-o", "json").stdout)["items"] == []


def flood(site: Site, payloads: dict[str, str]) -> None:
    """Publish to desired/configmaps/default/..., retained, QoS 1, and wait until the broker has all."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.max_inflight_messages_set(20)
    client.connect("127.0.0.1", site.broker.port)
    client.loop_start()
    sent = [
        client.publish(f"{site.root}desired/configmaps/default/{name}", payload, qos=1, retain=True)
        for name, payload in payloads.items()
    ]
    for one in sent:
        one.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


def documents(site: Site, prefix: str) -> Iterator[dict[str, Any]]:
    for topic, text in tuple(site.listener.newest.items()):
        if topic.startswith(prefix) and text:
            yield json.loads(text)


def answered(site: Site, prefix: str) -> int:
    return sum(topic.startswith(prefix) for topic in tuple(site.listener.newest))
