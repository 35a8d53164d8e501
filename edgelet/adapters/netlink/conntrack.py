"""Flows that the kernel remembers: list those of UDP, forget one.

Source: Linux' include/uapi/linux/netfilter/nfnetlink_conntrack.h; numbers inside are in network order.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from edgelet.adapters.netlink import message
from edgelet.adapters.netlink.channel import Channel, NetlinkError

NETFILTER = 12  # the family of the channel
_GET, _DELETE = 1 << 8 | 1, 1 << 8 | 2
_GENMSG = struct.Struct("=BBH")
_PORT = struct.Struct("!H")
_ORIGINAL, _REPLY, _ID = 1, 2, 12
_TUPLE_IP, _TUPLE_PROTOCOL = 1, 2
_SOURCE, _DESTINATION = 1, 2
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Flow:
    """A UDP flow: where it was sent to, and who answers. They differ where it is forwarded. `key` names it."""

    to: IPv4Address
    port: int
    answered_by: IPv4Address
    answered_from: int
    key: bytes = b""


def udp_flows(channel: Channel) -> tuple[Flow, ...]:
    """Return all UDP flows over IPv4. Raises NetlinkError."""
    payload = _GENMSG.pack(socket.AF_INET, 0, 0)
    found = channel.ask(_GET, payload, flags=message.DUMP, what="list the flows")
    return tuple(_flows(found))


def forget(channel: Channel, flow: Flow) -> None:
    """Forget a flow: its next packet is looked at afresh. One that is gone is no error. Raises NetlinkError."""
    payload = _GENMSG.pack(socket.AF_INET, 0, 0) + flow.key
    try:
        channel.call(_DELETE, payload, what=f"forget the flow to {flow.to}:{flow.port}")
    except NetlinkError as error:
        if error.errno != errno.ENOENT:
            raise


def _flows(payloads: tuple[bytes, ...]) -> Iterator[Flow]:
    for payload in payloads:
        whole = message.attributes(payload[_GENMSG.size :])
        original, reply = _end(whole.get(_ORIGINAL, b""), _DESTINATION), _end(whole.get(_REPLY, b""), _SOURCE)
        if original is None or reply is None:
            continue
        # The id keeps a newer flow of the same ends from being meant.
        key = message.nested(_ORIGINAL, whole[_ORIGINAL]) + message.attribute(_ID, whole.get(_ID, bytes(4)))
        yield Flow(*original, *reply, key=key)


def _end(data: bytes, which: int) -> tuple[IPv4Address, int] | None:
    """Return address and port of one end; None where it is not UDP."""
    parts = message.attributes(data)
    protocol = message.attributes(parts.get(_TUPLE_PROTOCOL, b""))
    if protocol.get(_NUMBER, b"")[:1] != bytes((socket.IPPROTO_UDP,)):
        return None
    address = message.attributes(parts.get(_TUPLE_IP, b"")).get(which)
    port = protocol.get(_DESTINATION_PORT if which == _DESTINATION else _SOURCE_PORT)
    if address is None or port is None:
        return None
    return IPv4Address(address), _PORT.unpack_from(port)[0]
