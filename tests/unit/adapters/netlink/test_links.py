"""Links in a kernel's network namespace of the test's own, seen through ip."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from functools import wraps
from ipaddress import IPv4Address, IPv4Interface
from typing import Any

import pytest

from edgelet.adapters.netlink.channel import Channel, NetlinkError
from edgelet.adapters.netlink.links import Links
from edgelet.adapters.netns import thread
from tests.fixtures.network_namespace import ip, needs_root, on_a_node

pytestmark = needs_root

MAC = bytes.fromhex("0a580a4d0001")


def node(test: Callable[[Links], None]) -> Callable[[], None]:
    @wraps(test)
    def body() -> None:
        def on_node() -> None:
            with Channel() as channel:
                test(Links(channel))

        on_a_node(on_node)

    del body.__dict__["__wrapped__"]  # pytest would ask for its argument
    return body


def shown(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ip("-j", "-d", "addr", "show", name))[0]
    return found


@node
def test_a_bridge_is_made_up_with_its_address_once(links: Links) -> None:
    links.make_bridge("br0", mac=MAC)
    bridge = links.find("br0")
    assert bridge is not None
    assert (bridge.kind, bridge.up, bridge.master) == ("bridge", True, 0)
    for _ in range(2):
        links.add_address(bridge.index, IPv4Interface("10.77.0.1/16"))
    assert links.addresses(bridge.index) == (IPv4Interface("10.77.0.1/16"),)
    seen = shown("br0")
    assert (seen["address"], seen["linkinfo"]["info_kind"]) == ("0a:58:0a:4d:00:01", "bridge")
    inet = [one for one in seen["addr_info"] if one["family"] == "inet"]
    assert [(one["local"], one["prefixlen"], one["broadcast"]) for one in inet] == [("10.77.0.1", 16, "10.77.255.255")]
    with pytest.raises(NetlinkError, match="cannot make the bridge br0: ") as refused:
        links.make_bridge("br0", mac=MAC)
    assert refused.value.errno == errno.EEXIST


@node
def test_a_pair_leads_from_the_bridge_into_another_namespace(links: Links) -> None:
    links.make_bridge("br0", mac=MAC)
    bridge = links.find("br0")
    assert bridge is not None

    def in_pod() -> tuple[str, str]:
        thread.unshare(thread.NEW_NET)
        descriptor = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        links.make_veth("v0", master=bridge.index, peer="eth0", peer_mac=MAC, peer_netns=descriptor)
        os.close(descriptor)
        with Channel() as channel:
            inside = Links(channel)
            own = inside.find("eth0")
            assert own is not None
            inside.set_up(own.index)
            inside.add_address(own.index, IPv4Interface("10.77.0.2/16"))
            for _ in range(2):
                inside.add_default_route(own.index, IPv4Address("10.77.0.1"))
            return ip("-j", "route", "show", "default"), shown("eth0")["address"]

    route, mac = thread.run(in_pod, name="pod")
    assert [(one["gateway"], one["dev"]) for one in json.loads(route)] == [("10.77.0.1", "eth0")]
    assert mac == "0a:58:0a:4d:00:01"


@node
def test_a_port_may_send_back_and_leave_the_bridge(links: Links) -> None:
    links.make_bridge("br0", mac=MAC)
    ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    bridge, port = links.find("br0"), links.find("v0")
    assert bridge is not None
    assert port is not None
    assert (port.kind, port.up, port.master) == ("veth", False, 0)
    links.set_up(port.index)
    links.set_master(port.index, bridge.index)
    links.set_hairpin(port.index)
    assert shown("v0")["linkinfo"]["info_slave_data"]["hairpin"] is True
    found = links.find("v0")
    assert found is not None
    assert (found.up, found.master) == (True, bridge.index)
    links.set_master(port.index, 0)
    assert "master" not in shown("v0")


@node
def test_a_pair_goes_as_a_whole_and_again_is_no_error(links: Links) -> None:
    ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    assert {one.name for one in links.every()} >= {"lo", "v0", "v1"}
    for _ in range(2):
        links.delete("v0")
    assert links.find("v0") is None
    assert links.find("v1") is None


@node
def test_many_links_are_listed_whole(links: Links) -> None:
    for number in range(60):
        ip("link", "add", f"v{number}", "type", "veth", "peer", "name", f"w{number}")
    names = {one.name for one in links.every()}
    assert {f"{end}{number}" for end in "vw" for number in range(60)} <= names


@node
def test_what_is_not_there_is_refused_with_errno_and_words(links: Links) -> None:
    assert links.find("nothing") is None
    with pytest.raises(NetlinkError, match="cannot set interface 4711 up") as refused:
        links.set_up(4711)
    assert refused.value.errno == errno.ENODEV
