"""The file that aardvark-dns reads. Pure.

Source: containers/aardvark-dns, config.md: the address to listen on, then a line an address: id, IPv4, IPv6, names.
Names are without the search domain that the server is started with: it is taken off the question.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address

from edgelet.ports.name_server import NameEntry


def render(listen: IPv4Address, entries: Iterable[NameEntry]) -> str:
    """Return the whole file."""
    lines = (f"{int(each.address):08x} {each.address}  {','.join(each.names)}\n" for each in entries)
    return f"{listen}\n{''.join(lines)}"
