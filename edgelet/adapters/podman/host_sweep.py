"""What a killed engine left on the host and no pod of ours names any more: network namespaces and port rules."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus

from edgelet.adapters.podman import netns, port_rules
from edgelet.adapters.podman.inventory import Inventory
from edgelet.adapters.podman.libpod import SUCCESS, Libpod
from edgelet.adapters.podman.network import PodNetwork

_SECOND_LOOK_S = 1.0  # a sandbox that is just being made has its rules some 200 ms before libpod knows its address
_OR_ABSENT = SUCCESS | {HTTPStatus.NOT_FOUND}


async def sweep(*, libpod: Libpod, inventory: Inventory, network: PodNetwork) -> None:
    """Sweep what hangs on our bridge or names our network, never what another container has. Raises LibpodError."""
    if not network.name:
        return  # the engine's default network is everybody's

    async def named() -> frozenset[str]:
        return frozenset(each.netns_path for each in await inventory.containers(None))

    await netns.sweep(network.bridge, named)
    first = await _stale_rules(libpod, inventory, network)
    if not first:
        return
    await asyncio.sleep(_SECOND_LOOK_S)
    second = frozenset(await _stale_rules(libpod, inventory, network))
    await asyncio.to_thread(port_rules.delete, tuple(rule for rule in first if rule in second))


async def _stale_rules(libpod: Libpod, inventory: Inventory, network: PodNetwork) -> tuple[port_rules.Rule, ...]:
    table = await asyncio.to_thread(port_rules.read)
    if not port_rules.present(table):
        return ()
    ours = await inventory.containers(None)
    known = frozenset(each.id for each in ours)
    named = port_rules.owners(table, network.name) - known
    gone = frozenset([each for each in named if not await _exists(libpod, each)])
    if gone != named or await _has_strangers(libpod, network, known):
        return ()  # others use this network: whose an address is cannot be told
    addresses = frozenset(ip for each in ours for ip in each.ips)
    return port_rules.stale(table, network=network.name, pool=network.pool, gone=gone, addresses=addresses)


async def _exists(libpod: Libpod, container_id: str) -> bool:
    reply = await libpod.call("GET", f"/containers/{container_id}/exists", ok=_OR_ABSENT)
    return reply.status != HTTPStatus.NOT_FOUND


async def _has_strangers(libpod: Libpod, network: PodNetwork, known: frozenset[str]) -> bool:
    query = {"all": "true", "pod": "true", "filters": json.dumps({"network": [network.name]})}
    lines = (await libpod.call("GET", "/containers/json", query=query)).json() or []
    return any(line["Id"] not in known for line in lines)
