"""Which interface leads out: the kernel's route tables as /proc shows them (pure)."""

from __future__ import annotations

_UP = 0x1
_REJECT = 0x200
_IPV4_FIELDS = 8  # Iface Destination Gateway Flags RefCnt Use Metric Mask
_IPV6_FIELDS = 10  # destination length source length next-hop metric references use flags interface


def default_interfaces_v4(table: str) -> tuple[str, ...]:
    """Return the interfaces of IPv4 default routes, best metric first. `table`: /proc/net/route."""
    found: list[tuple[int, int, str]] = []
    for order, line in enumerate(table.splitlines()[1:]):
        fields = line.split()
        if len(fields) < _IPV4_FIELDS:
            continue
        interface, destination, flags, metric, mask = fields[0], fields[1], fields[3], fields[6], fields[7]
        if int(destination, 16) == 0 and int(mask, 16) == 0 and _usable(int(flags, 16)):
            found.append((int(metric), order, interface))
    return _names(found)


def default_interfaces_v6(table: str) -> tuple[str, ...]:
    """Return the interfaces of IPv6 default routes, best metric first. `table`: /proc/net/ipv6_route."""
    found: list[tuple[int, int, str]] = []
    for order, line in enumerate(table.splitlines()):
        fields = line.split()
        if len(fields) < _IPV6_FIELDS:
            continue
        destination, length, metric, flags, interface = fields[0], fields[1], fields[5], fields[8], fields[9]
        # The kernel's own "unreachable" default sits on lo.
        if int(destination, 16) == 0 and int(length, 16) == 0 and _usable(int(flags, 16)) and interface != "lo":
            found.append((int(metric, 16), order, interface))
    return _names(found)


def _usable(flags: int) -> bool:
    return bool(flags & _UP) and not flags & _REJECT


def _names(found: list[tuple[int, int, str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for _, _, name in sorted(found)))
