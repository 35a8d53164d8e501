"""Names of pods: whether this agent answers for them, by what, and who is told when it cannot."""

from __future__ import annotations

import asyncio
import logging
from ipaddress import IPv4Network

from edgelet.adapters.aardvark import server
from edgelet.adapters.aardvark.server import AardvarkServer
from edgelet.adapters.sandboxes import pool
from edgelet.agent.pod_path import Foundation
from edgelet.network.pod_dns import PodDns

log = logging.getLogger(__name__)

_FOLDER = "dns"


async def make(base: Foundation, *, adopted: asyncio.Event) -> PodDns | None:
    """Return what keeps the names, None where the settings want none: a server of earlier settings is ended then.

    Before the first pod is made: the board's resolver for pods is set here. `adopted`: every pod was looked at.
    """
    network, directory = base.settings.network, base.settings.paths.run / _FOLDER
    if network.pod_dns == "off":
        try:
            await asyncio.to_thread(server.stop_in, directory)
        except OSError as error:
            log.warning("the pods' name server stays", extra={"reason": "PodDNSStays", "error": error})
        return None
    address = pool.gateway(IPv4Network(network.pool)).ip

    def told(trouble: str) -> None:
        base.board.cluster_dns = () if trouble else (str(address),)
        if trouble:
            message = f"{trouble}; pods that are made now ask the node's resolvers"
            log.warning("pods have no names", extra={"reason": "PodDNSUnavailable", "error": message})
            base.events.record(base.board.key, "", type="Warning", reason="PodDNSUnavailable", message=message)
        else:
            log.info("pods find each other by name", extra={"nameserver": str(address)})

    names = AardvarkServer(directory=directory, address=address, domain=network.cluster_domain)
    keeping = PodDns(store=base.store, server=names, clock=base.clock, adopted=adopted.wait, told=told)
    await keeping.begin()
    return keeping
