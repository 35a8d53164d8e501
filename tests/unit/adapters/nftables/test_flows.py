from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from edgelet.adapters.netlink.conntrack import Flow
from edgelet.adapters.nftables import flows
from edgelet.adapters.nftables.ruleset import Forward
from edgelet.ports.runtime import PortMapping

POOL = IPv4Network("10.77.0.0/16")
NODE, POD, OLD, FAR = map(IPv4Address, ("192.0.2.1", "10.77.0.2", "10.77.0.3", "198.51.100.1"))
FORWARD = Forward(PortMapping(53, 5353, "UDP"), POD)


@pytest.mark.parametrize(
    ("flow", "forward", "stale"),
    [
        (Flow(NODE, 5353, POD, 53), FORWARD, False),
        (Flow(NODE, 5353, OLD, 53), FORWARD, True),
        (Flow(NODE, 5353, POD, 54), FORWARD, True),
        (Flow(NODE, 5353, NODE, 5353), FORWARD, True),  # was there before the pod
        (Flow(IPv4Address("127.0.0.1"), 5353, OLD, 53), FORWARD, True),
        (Flow(NODE, 5354, OLD, 53), FORWARD, True),  # the port is no more
        (Flow(NODE, 5354, NODE, 5354), FORWARD, False),  # the node's own affair
        (Flow(FAR, 5353, FAR, 5353), FORWARD, False),  # on its way to somebody else's port
        (Flow(NODE, 5353, FAR, 5353), Forward(PortMapping(53, 1, "UDP"), POD), False),  # forwarded by others
        (Flow(NODE, 5353, NODE, 5353), Forward(PortMapping(53, 5353, "TCP"), POD), False),
        (Flow(NODE, 5353, NODE, 5353), Forward(PortMapping(53, 5353, "UDP", "127.0.0.1"), POD), False),
        (Flow(NODE, 5353, NODE, 5353), Forward(PortMapping(53, 5353, "UDP", "192.0.2.1"), POD), True),
    ],
)
def test_a_flow_is_forgotten_where_it_goes_another_way_than_the_table(
    flow: Flow, forward: Forward, stale: bool
) -> None:
    found = tuple(flows.stale([flow], forwards=[forward], pool=POOL, local=frozenset({NODE})))
    assert found == ((flow,) if stale else ())
