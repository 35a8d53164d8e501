"""UDP flows that still go where a host port led before. Pure.

Rules are asked for the first packet of a flow only. A client that keeps sending from one port keeps its flow alive,
and would send into the void for ever after the pod was replaced, or before it was there for the first time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network

from edgelet.adapters.netlink.conntrack import Flow
from edgelet.adapters.nftables import ruleset
from edgelet.adapters.nftables.ruleset import Forward


def stale(
    flows: Iterable[Flow], *, forwards: Iterable[Forward], pool: IPv4Network, local: frozenset[IPv4Address]
) -> Iterator[Flow]:
    """Yield the flows to the node that should go elsewhere by now; never one that has nothing to do with pods."""
    wanted = [each for each in forwards if each.port.protocol == "UDP"]
    for flow in flows:
        if flow.to not in local and not flow.to.is_loopback:
            continue
        forward = next((each for each in wanted if _leads(each, flow)), None)
        goes = (flow.answered_by, flow.answered_from)
        if forward is None:
            if flow.answered_by != flow.to and flow.answered_by in pool:
                yield flow
        elif goes != (forward.to, forward.port.container_port):
            yield flow


def _leads(forward: Forward, flow: Flow) -> bool:
    return forward.port.host_port == flow.port and ruleset.covers(forward.port, flow.to)
