"""A person with a controller's certificate, and a board with its own, through brokers of `edgelet ca mosquitto`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgelet.adapters.identity import revoked_file
from edgelet.adapters.x509 import certificates, revocation
from edgelet.api.revocations import Revocations
from edgelet.ca import revocation_lists
from edgelet.cli import main
from tests.fixtures.certificates import Pair
from tests.fixtures.trust import Trust

pytestmark = pytest.mark.mosquitto

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {"containers": [{"name": "c", "image": "localhost/x"}]},
}


@pytest.fixture
def trust(tmp_path: Path) -> Iterator[Trust]:
    with Trust(tmp_path) as running:
        yield running


def reach(trust: Trust, pair: Pair, node: str) -> list[str]:
    files = ["--ca", str(trust.ca), "--cert", str(pair.certificate), "--key", str(pair.key)]
    return ["--node", node, "--broker", trust.url, *files]


def test_a_controller_steers_its_own_tenant(trust: Trust, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    person, board = trust.pair("one/_ctl"), trust.pair("one/a")
    trust.update()
    (tmp_path / "web.json").write_text(json.dumps(POD))
    assert main.run(["apply", "-f", str(tmp_path / "web.json"), *reach(trust, person, "one/a")]) == 0
    assert capsys.readouterr().out == "pod/web created\n"

    told = trust.client(board)
    told.connect("127.0.0.1", trust.port)
    told.loop_start()
    status = {**POD, "metadata": {"name": "web", "namespace": "default"}, "status": {"phase": "Running"}}
    told.publish("edgelet/v1/one/a/status/pods/default/web", json.dumps(status), qos=1, retain=True).wait_for_publish(
        60
    )
    assert main.run(["get", "pods", "-o", "name", *reach(trust, person, "one/a")]) == 0
    assert capsys.readouterr().out == "pod/web\n"
    told.publish("edgelet/v1/one/a/status/pods/default/web", b"", qos=1, retain=True).wait_for_publish(60)
    told.disconnect()
    told.loop_stop()
    assert main.run(["delete", "pod", "web", *reach(trust, person, "one/a")]) == 0
    assert "deleted" in capsys.readouterr().out


@pytest.mark.parametrize(("who", "node"), [("one/_ctl", "two/a"), ("one/a", "one/b"), ("_registrar/r", "one/a")])
def test_nobody_else_does(
    trust: Trust, tmp_path: Path, capsys: pytest.CaptureFixture[str], who: str, node: str
) -> None:
    pair = trust.pair(who)
    trust.update()
    (tmp_path / "web.json").write_text(json.dumps(POD))
    assert main.run(["apply", "-f", str(tmp_path / "web.json"), *reach(trust, pair, node)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "not authorized" in said.err.lower()


def test_a_broker_that_the_lists_beside_the_ca_file_name_is_refused(
    trust: Trust, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    person = trust.pair("one/_ctl")
    trust.update()
    ca = tmp_path / "ca.crt"  # as a board has it
    ca.write_bytes(trust.ca.read_bytes())
    asked = ["get", "pods", "--node", "one/a", "--broker", trust.url, "--ca", str(ca)]
    asked += ["--cert", str(person.certificate), "--key", str(person.key)]
    write_lists(trust, ca)
    assert main.run(asked) == 0
    capsys.readouterr()

    (server, *_) = certificates.read((trust.brokers / "server.crt").read_bytes())
    revocation_lists.revoke(trust.authority, server.serial)  # and the broker goes on with it
    assert main.run(asked) == 0  # nobody has told the person
    capsys.readouterr()
    write_lists(trust, ca)
    assert main.run(asked) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert f"cannot trust the broker: its certificate, serial {server.serial}, was revoked" in said.err

    revoked_file.beside(ca).write_bytes(b"rubbish")
    assert main.run(asked) == 0
    assert "nothing is known to be revoked" in capsys.readouterr().err


def write_lists(trust: Trust, ca: Path) -> None:
    """What a board keeps of the lists that the registrar tells."""
    lists, wrong = revocation.known(trust.authority.crl(), certificates.read(trust.authority.bundle()))
    assert wrong == ()
    revoked_file.write(revoked_file.beside(ca), Revocations().merged(lists)[0])
