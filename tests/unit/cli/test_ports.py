from __future__ import annotations

import socket
from typing import Any

import pytest

from edgelet.cli import port_listeners, port_pairs
from edgelet.cli.failure import CliError
from edgelet.cli.port_pairs import PortPair

POD: dict[str, Any] = {
    "metadata": {"name": "web"},
    "spec": {
        "containers": [{"name": "a", "ports": [{"name": "http", "containerPort": 80}]}],
        "initContainers": [{"name": "b", "ports": [{"name": "dns", "containerPort": 53, "protocol": "UDP"}]}],
    },
}


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("80", PortPair(80, 80)),
        ("8080:80", PortPair(8080, 80)),
        (":80", PortPair(0, 80)),
        ("0:80", PortPair(0, 80)),
        ("http", PortPair(80, 80)),
        ("8080:http", PortPair(8080, 80)),
        (":http", PortPair(0, 80)),
    ],
)
def test_a_pair_is_two_ports_or_one(text: str, pair: PortPair) -> None:
    assert port_pairs.parse(text, POD) == pair


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1:2:3", "invalid port format '1:2:3'"),
        ("x:80", "error parsing local port 'x': invalid syntax"),
        ("65536:80", "error parsing local port '65536': value out of range"),
        ("80:65536", "error parsing remote port '65536': value out of range"),
        ("9" * 5000, f"error parsing remote port '{'9' * 100}': value out of range"),
        ("80:0", "remote port must be > 0"),
        ("80:", "Pod 'web' does not have a named port ''"),
        ("80:https", "Pod 'web' does not have a named port 'https'"),
        ("53", "UDP protocol is not supported for 53"),
        ("53:dns", "UDP protocol is not supported for dns"),
    ],
)
def test_what_is_no_pair_is_told(text: str, message: str) -> None:
    with pytest.raises(CliError) as refused:
        port_pairs.parse(text, POD)
    assert refused.value.message == message


def test_localhost_is_two_addresses_with_one_port(capsys: pytest.CaptureFixture[str]) -> None:
    groups = port_listeners.addresses(["localhost"])
    made = port_listeners.listen([PortPair(0, 80)], groups)
    try:
        port = made[0].local
        told = capsys.readouterr().out.splitlines()
        assert told[0] == f"Forwarding from 127.0.0.1:{port} -> 80"
        assert told[1:] in ([], [f"Forwarding from [::1]:{port} -> 80"])  # a board may have no IPv6
        assert {one.local for one in made} == {port}
    finally:
        for one in made:
            one.socket.close()


def test_a_port_that_is_taken_is_told_and_none_at_all_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    groups = port_listeners.addresses(["127.0.0.1"])
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(CliError) as refused:
            port_listeners.listen([PortPair(taken, 80)], groups)
        assert refused.value.message == f"unable to listen on any of the requested ports: [{{{taken} 80}}]"
        made = port_listeners.listen([PortPair(taken, 80), PortPair(0, 81)], groups)
    assert [one.remote for one in made] == [81]
    made[0].socket.close()
    assert capsys.readouterr().out.startswith(
        f"Unable to listen on port {taken}: Listeners failed to create with the following errors: "
        f"[unable to create listener: Error listen tcp 127.0.0.1:{taken}: bind: address already in use]\n"
    )


def test_only_addresses_can_be_listened_on() -> None:
    assert port_listeners.addresses(["::1", "127.0.0.1", "::1"]) == (("::1",), ("127.0.0.1",))
    with pytest.raises(CliError, match=r"board.local is not a valid IP"):
        port_listeners.addresses(["board.local"])
