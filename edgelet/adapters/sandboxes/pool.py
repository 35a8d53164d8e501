"""Addresses of pods: which one is next. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from edgelet.api.errors import EngineError

_MAC_PREFIX = b"\x0a\x58"  # locally administered; the rest is the address


def gateway(pool: IPv4Network) -> IPv4Interface:
    """Return the bridge's own address: the first."""
    return IPv4Interface((pool.network_address + 1, pool.prefixlen))


def interface(address: IPv4Address, pool: IPv4Network) -> IPv4Interface:
    """Return the address with the pool's mask."""
    return IPv4Interface((address, pool.prefixlen))


def next_free(pool: IPv4Network, *, taken: frozenset[IPv4Address], after: IPv4Address | None) -> IPv4Address:
    """Return the first free address behind `after`, round and round.

    So an address rests as long as possible before another pod gets it: late packets and clients that remember meet
    nobody instead of a stranger.

    Raises:
        EngineError: FailedCreatePodSandBox: all are taken.
    """
    first, size = int(pool.network_address) + 2, pool.num_addresses - 3  # without network, gateway, broadcast
    start = int(after) - first + 1 if after is not None and after in pool else 0
    used = {int(address) for address in taken}
    for step in range(size):
        candidate = first + (start + step) % size
        if candidate not in used:
            return IPv4Address(candidate)
    raise EngineError(
        "FailedCreatePodSandBox",
        f"cannot give the pod an address: all {size} of {pool} are taken; widen [network] pool",
    )


def mac(address: IPv4Address) -> bytes:
    """Return the hardware address that goes with it: the same pod address never changes its neighbour's entry."""
    return _MAC_PREFIX + address.packed
