from __future__ import annotations

from ipaddress import IPv4Address

from edgelet.adapters.aardvark import names_file
from edgelet.ports.name_server import NameEntry

LISTEN = IPv4Address("10.77.0.1")


def test_the_file_has_the_address_to_listen_on_and_a_line_a_pod() -> None:
    entries = (
        NameEntry(IPv4Address("10.77.0.2"), ("10-77-0-2.default.pod", "web.default", "web")),
        NameEntry(IPv4Address("10.77.1.3"), ("10-77-1-3.shop.pod",)),
    )
    assert names_file.render(LISTEN, entries) == (
        "10.77.0.1\n0a4d0002 10.77.0.2  10-77-0-2.default.pod,web.default,web\n0a4d0103 10.77.1.3  10-77-1-3.shop.pod\n"
    )


def test_without_pods_the_address_alone_is_there() -> None:
    assert names_file.render(LISTEN, ()) == "10.77.0.1\n"
