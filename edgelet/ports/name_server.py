"""Who answers pods that ask for names: the pods' own, and on the way to the node's resolvers everything else."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Protocol


@dataclass(frozen=True, slots=True)
class NameEntry:
    """One pod.

    Args:
        address: The pod's.
        names: Lower-case, without a dot at the end. Each is answered as it is, and with the cluster domain behind it.
    """

    address: IPv4Address
    names: tuple[str, ...]


class NameServer(Protocol):
    """One server at one address. It outlives the agent, as pods do; a later agent finds it."""

    async def why_not(self) -> str:
        """Say why there can be none on this board, as far as that can be told before; "" if nothing is known."""
        ...

    async def runs(self) -> bool:
        """Whether there is one already, of an earlier agent."""
        ...

    async def serve(self, entries: tuple[NameEntry, ...]) -> bool:
        """Answer for exactly these from now on; for none at all, stop. Say it again to have mended what is broken.

        Returns:
            False if its address is not there yet: no pod has been plugged in. Ask again soon.

        Raises:
            EngineError: PodDNSUnavailable: it cannot run; the message says why.
        """
        ...

    async def ended(self) -> None:
        """Return when the server ended though nobody stopped it."""
        ...
