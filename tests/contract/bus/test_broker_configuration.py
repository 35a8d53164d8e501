"""The broker configurations we ship, run as they are (but for paths and port)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from edgelet.api.errors import BusError
from edgelet.ports.bus import Message, Synced
from tests.contract.bus.conftest import Running, make_bus
from tests.fixtures.certificates import Authority, Pair
from tests.fixtures.mosquitto import Mosquitto

pytestmark = pytest.mark.mosquitto

CONFIGS = Path(__file__).parents[3] / "configs" / "mosquitto"


class Shipped(Mosquitto):
    """A broker with the text of one of our files."""

    def __init__(self, directory: Path, name: str, *, authority: Authority | None = None) -> None:
        super().__init__(directory, authority=authority)
        self._name = name

    def _lines(self) -> list[str]:
        text = (CONFIGS / self._name).read_text()
        if self.authority is not None:
            pair = self.authority.server()
            acl = self.directory / "acl"
            acl.write_text((CONFIGS / "acl").read_text())
            acl.chmod(0o600)
            text = text.replace("crlfile /etc/mosquitto/edgelet/crl.pem\n", "")  # this authority has none
            for shipped, here in (
                ("/etc/mosquitto/edgelet/acl", acl),
                ("/etc/mosquitto/edgelet/ca.crt", self.authority.certificate),
                ("/etc/mosquitto/edgelet/server.crt", pair.certificate),
                ("/etc/mosquitto/edgelet/server.key", pair.key),
                ("/var/lib/mosquitto/", f"{self._store}/"),
            ):
                assert shipped in text, shipped
                text = text.replace(shipped, str(here))
        for listener in ("listener 1883 127.0.0.1", "listener 8883"):
            text = text.replace(f"\n{listener}\n", f"\nlistener {self.port} 127.0.0.1\n")
        assert f"listener {self.port}" in text
        return ["user root", *([] if self.authority else [f"persistence_location {self._store}/"]), text]


async def test_the_quickstart_broker_serves_a_node_and_mosquitto_pub(broker_directory: Path) -> None:
    with Shipped(broker_directory, "quickstart.conf") as broker:
        broker.publish("edgelet/v1/default/pi-01/desired/pods/default/web", b"x", retain=True)
        node = Running(make_bus(broker))
        await node.reader.until(Synced)
        assert [message.payload for message in node.reader.of(Message)] == [b"x"]
        await node.bus.publish("status/node", b"y", retain=True)
        broker.publish("edgelet/v1/default/pi-01/desired/pods/default/big", b"x" * 1_048_576, retain=True)
        _, big = await node.reader.until(Message, 2)
        assert len(big.payload) == 1_048_576  # so that it can be refused with a Status
        await node.close()


async def test_the_field_broker_fences_every_node_in(broker_directory: Path) -> None:
    authority = Authority(broker_directory / "pki")
    with Shipped(broker_directory, "field.conf", authority=authority) as broker:
        for name in ("pi-01", "pi-02"):
            topic = f"edgelet/v1/default/{name}/desired/pods/default/web"
            _as(authority.client("default/_ctl-0"), broker, "mosquitto_pub", "-r", "-t", topic, "-m", name)
        node = Running(make_bus(broker))
        await node.reader.until(Synced)
        assert [message.payload for message in node.reader.of(Message)] == [b"pi-01"]
        for topic in ("status/node", "status/pods/default/web", "events/default/e", "cmdstatus/exec/1"):
            await node.bus.publish(topic, b"y", retain=topic.startswith("status"))
        for topic in ("desired/pods/default/web", "cmd/exec/1", "../pi-02/status/node"):
            with pytest.raises(BusError) as caught:
                await node.bus.publish(topic, b"y")
            assert caught.value.reason == "NotAuthorized"
        await node.close()


async def test_another_nodes_certificate_cannot_take_a_session(broker_directory: Path) -> None:
    authority = Authority(broker_directory / "pki")
    with Shipped(broker_directory, "field.conf", authority=authority) as broker:
        node = Running(make_bus(broker))
        await node.reader.until(Synced)
        thief = authority.client("default/pi-02")
        _as(thief, broker, "mosquitto_pub", "-i", "edgelet-default_pi-01", "-t", "x", "-m", "y", check=False)
        await node.bus.publish("status/node", b"still here", retain=True)
        assert node.bus.connected
        await node.close()


async def test_a_client_without_a_certificate_gets_nothing(broker_directory: Path) -> None:
    authority = Authority(broker_directory / "pki")
    with Shipped(broker_directory, "field.conf", authority=authority) as broker:
        arguments = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(broker.port), "-t", "x", "-m", "y"]
        done = subprocess.run(
            [*arguments, "--cafile", str(authority.certificate)], capture_output=True, timeout=10, check=False
        )
        assert done.returncode != 0


def _as(pair: Pair, broker: Mosquitto, program: str, *arguments: str, check: bool = True) -> None:
    assert broker.authority is not None
    connection = ["-V", "mqttv5", "-q", "1", "-h", "127.0.0.1", "-p", str(broker.port)]
    tls = ["--cafile", str(broker.authority.certificate), "--cert", str(pair.certificate), "--key", str(pair.key)]
    subprocess.run([program, *connection, *tls, *arguments], check=check, timeout=10, capture_output=True)
