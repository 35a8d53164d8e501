"""The pods' network: one bridge of ours, made when it is first needed and kept."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from http import HTTPStatus

from edgelet.adapters.podman import labels
from edgelet.adapters.podman.errors import LibpodError
from edgelet.adapters.podman.libpod import SUCCESS, Libpod
from edgelet.api.errors import EngineError

_OR_ABSENT = SUCCESS | {HTTPStatus.NOT_FOUND}
_OR_CONFLICT = SUCCESS | {HTTPStatus.CONFLICT}


@dataclass(frozen=True, slots=True)
class PodNetwork:
    """Podman's name of it, its bridge device, its addresses ("10.77.0.0/16"). Name "": the engine's default one."""

    name: str = "edgelet"
    bridge: str = "edgelet0"
    pool: str = "10.77.0.0/16"


async def ensure(libpod: Libpod, network: PodNetwork, *, owner: str) -> None:
    """Make the network unless it is there. Container names are not resolved on it: DNS is the agent's affair.

    Raises:
        EngineError: FailedCreatePodSandBox: its addresses or its bridge are taken, or it has other ones already.
    """
    if not network.name:
        return
    try:
        if await _exists(libpod, network):
            return
        body = {
            "name": network.name,
            "driver": "bridge",
            "network_interface": network.bridge,
            "subnets": [{"subnet": network.pool}],
            "dns_enabled": False,
            "ipv6_enabled": False,
            "labels": {labels.OWNER: owner},
        }
        reply = await libpod.call("POST", "/networks/create", body=body, ok=_OR_CONFLICT)
        if reply.status == HTTPStatus.CONFLICT and not await _exists(libpod, network):
            raise _failed(network, str((reply.json() or {}).get("message", "")))
    except LibpodError as error:
        raise _failed(network, error.message) from error


async def _exists(libpod: Libpod, network: PodNetwork) -> bool:
    reply = await libpod.call("GET", f"/networks/{network.name}/json", ok=_OR_ABSENT)
    if reply.status == HTTPStatus.NOT_FOUND:
        return False
    subnets = {ipaddress.ip_network(each["subnet"]) for each in (reply.json() or {}).get("subnets") or ()}
    if ipaddress.ip_network(network.pool) not in subnets:
        have = ", ".join(map(str, sorted(subnets, key=str))) or "no addresses"
        raise _failed(network, f"it exists with {have}, not with {network.pool}; remove it or set [network] pool")
    return True


def _failed(network: PodNetwork, why: str) -> EngineError:
    return EngineError("FailedCreatePodSandBox", f"cannot make the network {network.name} ({network.pool}): {why}")
