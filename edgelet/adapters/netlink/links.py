"""Links, addresses and routes: as much of rtnetlink as a pod's network needs.

Source: rtnetlink(7), Linux' include/uapi/linux/{rtnetlink,if_link,veth,if_addr}.h.
"""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

from edgelet.adapters.netlink import message
from edgelet.adapters.netlink.channel import Channel, NetlinkError

_NEWLINK, _DELLINK, _GETLINK, _SETLINK = 16, 17, 18, 19
_NEWADDR, _GETADDR, _NEWROUTE = 20, 22, 24
_IFINFO = struct.Struct("=BxHiII")
_IFADDR = struct.Struct("=BBBBI")
_RTMSG = struct.Struct("=BBBBBBBBI")
_IFF_UP = 0x1
_ADDRESS, _IFNAME, _MASTER, _PROTINFO, _LINKINFO, _NET_NS_FD = 1, 3, 10, 12, 18, 28
_INFO_KIND, _INFO_DATA, _VETH_PEER = 1, 2, 1
_PORT_MODE = 4  # IFLA_BRPORT_MODE: hairpin
_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST = 1, 2, 4
_ANY_ADDRESS = (socket.AF_INET, 0, 0, 0, 0)
_RTA_OIF, _RTA_GATEWAY = 4, 5
_TABLE_MAIN, _PROTOCOL_STATIC, _SCOPE_GLOBAL, _TYPE_UNICAST = 254, 4, 0, 1
_NOT_THERE = frozenset({errno.ENODEV, errno.ENOENT})


@dataclass(frozen=True, slots=True)
class Link:
    """An interface. `master` is the index of its bridge, 0 for none; `kind` "bridge", "veth" ..., "" for hardware.

    `mac` has six bytes, or none where there is no such thing.
    """

    index: int
    name: str
    master: int
    up: bool
    kind: str
    mac: bytes = b""


class Links:
    """Interfaces of one network namespace. Raises NetlinkError throughout."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def find(self, name: str) -> Link | None:
        """Return the link of this name."""
        payload = _info() + message.text(_IFNAME, name)
        try:
            found = self._channel.ask(_GETLINK, payload, what=f"look for the interface {name}")
        except NetlinkError as error:
            if error.errno in _NOT_THERE:
                return None
            raise
        return _link(found[0]) if found else None

    def every(self) -> tuple[Link, ...]:
        """Return all links."""
        found = self._channel.ask(_GETLINK, _info(), flags=message.DUMP, what="list interfaces")
        return tuple(_link(each) for each in found)

    def make_bridge(self, name: str, *, mac: bytes) -> None:
        """Make a bridge and set it up; its MAC is given, or it would change with its ports."""
        payload = _info(flags=_IFF_UP) + message.text(_IFNAME, name) + message.attribute(_ADDRESS, mac)
        payload += message.nested(_LINKINFO, message.text(_INFO_KIND, "bridge"))
        self._channel.call(_NEWLINK, payload, flags=message.CREATE | message.EXCL, what=f"make the bridge {name}")

    def make_veth(self, name: str, *, master: int, peer: str, peer_mac: bytes, peer_netns: int) -> None:
        """Make a pair: this end up and on the bridge, the other as `peer` in the namespace of this descriptor."""
        other = (
            _info()
            + message.text(_IFNAME, peer)
            + message.attribute(_ADDRESS, peer_mac)
            + message.number(_NET_NS_FD, peer_netns)
        )
        payload = _info(flags=_IFF_UP) + message.text(_IFNAME, name) + message.number(_MASTER, master)
        payload += message.nested(
            _LINKINFO,
            message.text(_INFO_KIND, "veth"),
            message.nested(_INFO_DATA, message.nested(_VETH_PEER, other)),
        )
        self._channel.call(_NEWLINK, payload, flags=message.CREATE | message.EXCL, what=f"make the pair {name}")

    def set_up(self, index: int) -> None:
        """Set a link up."""
        self._channel.call(_NEWLINK, _info(index, flags=_IFF_UP), what=f"set interface {index} up")

    def set_mac(self, index: int, mac: bytes) -> None:
        """Give a link a MAC; a bridge that was given one keeps it, whatever its ports are."""
        payload = _info(index) + message.attribute(_ADDRESS, mac)
        self._channel.call(_SETLINK, payload, what=f"give interface {index} a MAC")

    def set_master(self, index: int, master: int) -> None:
        """Put a link on a bridge."""
        payload = _info(index) + message.number(_MASTER, master)
        self._channel.call(_NEWLINK, payload, what=f"put interface {index} on bridge {master}")

    def set_hairpin(self, index: int) -> None:
        """Let a port of a bridge send back where a frame came from.

        Needed where frames on a bridge pass the NAT too (bridge-nf-call-iptables): a pod that asks for a host port
        of its own is answered at the level of the bridge then.
        """
        payload = _info(index, family=socket.AF_BRIDGE)
        payload += message.nested(_PROTINFO, message.attribute(_PORT_MODE, b"\x01"))
        self._channel.call(_SETLINK, payload, what=f"let interface {index} send back")

    def add_address(self, index: int, address: IPv4Interface) -> None:
        """Give a link an address; one it has is no error."""
        local = address.ip.packed
        payload = _IFADDR.pack(socket.AF_INET, address.network.prefixlen, 0, 0, index)
        payload += message.attribute(_IFA_LOCAL, local) + message.attribute(_IFA_ADDRESS, local)
        payload += message.attribute(_IFA_BROADCAST, address.network.broadcast_address.packed)
        flags = message.CREATE | message.REPLACE
        self._channel.call(_NEWADDR, payload, flags=flags, what=f"give interface {index} the address {address}")

    def addresses(self, index: int) -> tuple[IPv4Interface, ...]:
        """Return the addresses of a link."""
        payload = _IFADDR.pack(socket.AF_INET, 0, 0, 0, index)
        found = self._channel.ask(_GETADDR, payload, flags=message.DUMP, what="list addresses")
        return tuple(each for each in (_address(one, index) for one in found) if each)

    def every_address(self) -> frozenset[IPv4Address]:
        """Return the addresses of all links."""
        found = self._channel.ask(_GETADDR, _IFADDR.pack(*_ANY_ADDRESS), flags=message.DUMP, what="list addresses")
        local = (message.attributes(each[_IFADDR.size :]).get(_IFA_LOCAL) for each in found)
        return frozenset(IPv4Address(each) for each in local if each)

    def add_default_route(self, index: int, gateway: IPv4Address) -> None:
        """Send everything else to the gateway; a route that is there is replaced."""
        payload = _RTMSG.pack(socket.AF_INET, 0, 0, 0, _TABLE_MAIN, _PROTOCOL_STATIC, _SCOPE_GLOBAL, _TYPE_UNICAST, 0)
        payload += message.attribute(_RTA_GATEWAY, gateway.packed) + message.number(_RTA_OIF, index)
        flags = message.CREATE | message.REPLACE
        self._channel.call(_NEWROUTE, payload, flags=flags, what=f"add the route by {gateway}")

    def delete(self, name: str) -> None:
        """Delete a link, of a pair both ends. Not there is no error."""
        payload = _info() + message.text(_IFNAME, name)
        try:
            self._channel.call(_DELLINK, payload, what=f"delete the interface {name}")
        except NetlinkError as error:
            if error.errno not in _NOT_THERE:
                raise


def _info(index: int = 0, *, flags: int = 0, family: int = 0) -> bytes:
    """Return a struct ifinfomsg; the flags are what is to change, too."""
    return _IFINFO.pack(family, 0, index, flags, flags)


def _link(payload: bytes) -> Link:
    _, _, index, flags, _ = _IFINFO.unpack_from(payload)
    found = message.attributes(payload[_IFINFO.size :])
    info = message.attributes(found.get(_LINKINFO, b""))
    return Link(
        index=index,
        name=message.as_text(found.get(_IFNAME)),
        master=message.as_number(found.get(_MASTER)),
        up=bool(flags & _IFF_UP),
        kind=message.as_text(info.get(_INFO_KIND)),
        mac=found.get(_ADDRESS, b""),
    )


def _address(payload: bytes, index: int) -> IPv4Interface | None:
    _, prefix, _, _, owner = _IFADDR.unpack_from(payload)
    local = message.attributes(payload[_IFADDR.size :]).get(_IFA_LOCAL)
    if owner != index or local is None:  # a kernel that does not filter lists them all
        return None
    return IPv4Interface((local, prefix))
