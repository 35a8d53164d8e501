"""The MAC of the bridge that netavark makes: kept, since it is the gateway of every pod."""

from __future__ import annotations

import logging

from edgelet.adapters.netlink.channel import Channel, NetlinkError
from edgelet.adapters.netlink.links import Links

log = logging.getLogger(__name__)


class BridgeMac:
    """Has a bridge keep the MAC that it has.

    A bridge without one of its own takes the lowest of its ports. When the pod with that port goes, all others send to
    a MAC that nobody has, until they ask again: half a minute without a network (measured). Said once, it stays.

    Args:
        bridge: The device; "" for none of ours.
    """

    def __init__(self, bridge: str) -> None:
        self._bridge = bridge
        self._kept = 0  # index of the device that was told

    def keep(self) -> None:
        """Tell it, if there is one that was not told. Blocks for some microseconds; never raises."""
        if not self._bridge:
            return
        try:
            with Channel() as channel:
                links = Links(channel)
                found = links.find(self._bridge)
                if found is None or found.kind != "bridge" or found.index == self._kept or not found.mac:
                    return
                links.set_mac(found.index, found.mac)
                self._kept = found.index
        except (NetlinkError, OSError) as error:
            log.warning("pods may lose their gateway for a while when others go", extra={"error": str(error)})
