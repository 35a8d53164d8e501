from __future__ import annotations

import pytest

from edgelet.adapters.mqtt import address
from edgelet.adapters.mqtt.address import Address
from edgelet.api.errors import BusError


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("mqtt://broker", Address("tcp", "broker", 1883, tls=False)),
        ("mqtt://10.0.0.1:2000/", Address("tcp", "10.0.0.1", 2000, tls=False)),
        ("mqtts://broker.example", Address("tcp", "broker.example", 8883, tls=True)),
        ("mqtts://[fe80::1]:1", Address("tcp", "fe80::1", 1, tls=True)),
        ("unix:///run/mosquitto/socket", Address("unix", "/run/mosquitto/socket", 0, tls=False)),
    ],
)
def test_a_url_says_where_the_broker_is(url: str, wanted: Address) -> None:
    assert address.parse(url) == wanted
    assert address.parse(str(wanted)) == wanted


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker",
        "http://broker",
        "mqtt://",
        "mqtt://broker:0",
        "mqtt://broker:70000",
        "mqtt://broker:x",
        "mqtt://broker/topic",
        "mqtt://broker?x=1",
        "unix://relative/path",
        "unix://",
    ],
)
def test_a_url_that_means_nothing_is_refused(url: str) -> None:
    with pytest.raises(BusError) as caught:
        address.parse(url)
    assert caught.value.reason == "InvalidURL"


def test_a_password_in_the_url_is_refused_without_being_repeated() -> None:
    with pytest.raises(BusError) as caught:
        address.parse("mqtt://me:hunter2@broker")
    assert "hunter2" not in caught.value.message
