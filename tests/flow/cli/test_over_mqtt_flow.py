"""The command line and a real broker; no node listens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from edgelet.cli import main
from tests.fixtures.certificates import Authority
from tests.fixtures.mosquitto import Mosquitto
from tests.flow.cli.conftest import Ran

pytestmark = pytest.mark.mosquitto

ROOT = "edgelet/v1/default/pi-01"
WEB = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "labels": {"app": "web"}}, "spec": {}}


@pytest.fixture
def directory() -> Iterator[Path]:
    with TemporaryDirectory(prefix="el-", dir="/tmp") as made:
        yield Path(made)


@pytest.fixture
def broker(directory: Path) -> Iterator[Mosquitto]:
    with Mosquitto(directory) as running:
        yield running


@pytest.fixture
def capture(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*argv: str) -> Ran:
        code = main.run(argv)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run


def reach(broker: Mosquitto) -> tuple[str, ...]:
    return ("--node", "default/pi-01", "--broker", broker.url)


def test_apply_leaves_the_object_at_the_broker(broker: Mosquitto, capture: Any, tmp_path: Path) -> None:
    file = tmp_path / "web.json"
    file.write_text(json.dumps(WEB))
    assert capture("apply", "-f", str(file), *reach(broker)) == Ran(0, "pod/web created\n", "")
    retained = broker.retained(f"{ROOT}/desired/#")
    assert json.loads(retained[f"{ROOT}/desired/pods/default/web"])["metadata"]["name"] == "web"
    assert capture("apply", "-f", str(file), *reach(broker)) == Ran(0, "pod/web unchanged\n", "")
    file.write_text(json.dumps({**WEB, "spec": {"hostNetwork": True}}))
    assert capture("apply", "-f", str(file), *reach(broker)) == Ran(0, "pod/web configured\n", "")


def test_get_shows_what_the_node_reported(broker: Mosquitto, capture: Any) -> None:
    status = {"phase": "Running", "containerStatuses": [{"name": "a", "ready": True, "state": {"running": {}}}]}
    broker.publish(f"{ROOT}/status/pods/default/web", json.dumps({**WEB, "status": status}).encode(), retain=True)
    other = {"metadata": {"name": "db", "namespace": "prod"}, "status": {"phase": "Pending"}}
    broker.publish(f"{ROOT}/status/pods/prod/db", json.dumps(other).encode(), retain=True)
    node = {"metadata": {"name": "pi-01"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    broker.publish(f"{ROOT}/status/node", json.dumps(node).encode(), retain=True)
    assert capture("get", "pods", "-oname", *reach(broker)).out == "pod/web\n"
    assert "web    1/1     Running" in capture("get", "pods", *reach(broker)).out
    assert capture("get", "pods", "-A", "-oname", *reach(broker)).out == "pod/web\npod/db\n"
    assert capture("get", "pods", "-A", "-l", "app=web", "-oname", *reach(broker)).out == "pod/web\n"
    assert json.loads(capture("get", "pod", "db", "-n", "prod", "-ojson", *reach(broker)).out)["kind"] == "Pod"
    assert "Ready" in capture("get", "nodes", *reach(broker)).out
    ran = capture("get", "pod", "nope", *reach(broker))
    assert (ran.code, ran.err) == (1, 'Error from server (NotFound): pods "nope" not found\n')


def test_delete_takes_the_desired_object_away(broker: Mosquitto, capture: Any) -> None:
    broker.publish(f"{ROOT}/desired/pods/default/web", json.dumps(WEB).encode(), retain=True)
    assert capture("delete", "pod", "web", *reach(broker)) == Ran(0, 'pod "web" deleted\n', "")
    assert broker.retained(f"{ROOT}/desired/#") == {}
    ran = capture("delete", "pod", "web", *reach(broker))
    assert (ran.code, ran.err) == (1, 'Error from server (NotFound): pods "web" not found\n')


def test_delete_waits_for_the_node_to_say_that_it_is_gone(broker: Mosquitto, capture: Any) -> None:
    broker.publish(f"{ROOT}/status/pods/default/web", json.dumps(WEB).encode(), retain=True)
    ran = capture("delete", "pod", "web", "--timeout=400ms", *reach(broker))
    assert (ran.code, ran.out) == (1, 'pod "web" deleted\n')
    assert ran.err == "error: timed out waiting for the condition on pods/web\n"
    assert capture("delete", "pod", "web", "--wait=false", *reach(broker)).code == 0


def test_a_broker_that_refuses_is_told(directory: Path, capture: Any, tmp_path: Path) -> None:
    acl = f"topic read {ROOT}/#\ntopic deny {ROOT}/status/#\n"
    file = tmp_path / "web.json"
    file.write_text(json.dumps(WEB))
    with Mosquitto(directory, acl=acl) as broker:
        ran = capture("apply", "-f", str(file), *reach(broker))
        assert (ran.code, ran.out) == (1, "")
        assert f"refuses {ROOT}/desired/pods/default/web: Not authorized" in ran.err


def test_tls_needs_the_right_authority_and_a_certificate(directory: Path, capture: Any, tmp_path: Path) -> None:
    (directory / "pki").mkdir()
    authority = Authority(directory / "pki")
    pair = authority.client("acme/ctl-0")
    file = tmp_path / "web.json"
    file.write_text(json.dumps(WEB))
    with Mosquitto(directory, authority=authority) as broker:
        own = ("--ca", str(authority.certificate), "--cert", str(pair.certificate), "--key", str(pair.key))
        assert capture("apply", "-f", str(file), *reach(broker), *own) == Ran(0, "pod/web created\n", "")
        ran = capture("get", "pods", *reach(broker))
        assert ran.code == 1
        assert "cannot reach the broker" in ran.err
        assert "certificate" in ran.err.lower()
        ran = capture("get", "pods", *reach(broker), "--ca", str(authority.certificate))
        assert ran.code == 1
        assert ran.err.startswith("error: ")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["get", "pods", "--node", "default/pi"], "go together"),
        (["get", "pods", "--node", "Pi", "--broker", "mqtt://127.0.0.1:1"], "is not TENANT/NAME"),
        (["get", "pods", "--node", "a/b", "--broker", "http://127.0.0.1:1"], "cannot use broker URL"),
        (["get", "pods", "--node", "a/b", "--broker", "mqtt://127.0.0.1:1"], "cannot reach the broker"),
        (["get", "pods", "-w", "--node", "a/b", "--broker", "mqtt://127.0.0.1:1"], "--watch cannot be used over MQTT"),
        (["logs", "web", "--node", "a/b"], "logs cannot be used over MQTT: it needs the node's own socket"),
        (["--node", "a/b", "attach", "web"], "attach cannot be used over MQTT: it needs the node's own socket"),
        (["port-forward", "web", "80", "--node=a/b"], "port-forward cannot be used over MQTT"),
        (["cp", "a", "web:/a", "--node=a/b"], "cp cannot be used over MQTT"),
    ],
)
def test_a_wrong_way_to_a_node_is_told(capture: Any, argv: list[str], words: str) -> None:
    ran = capture(*argv)
    assert (ran.code, ran.out) == (1, "")
    assert words in ran.err
