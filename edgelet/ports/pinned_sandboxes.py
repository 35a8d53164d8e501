"""Sandboxes that are nothing but namespaces: no process in them, the agent is their keeper."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from edgelet.ports.runtime import SandboxSpec


@dataclass(frozen=True, slots=True)
class PinnedSandbox:
    """One sandbox. A path "" means: the host's namespace.

    Args:
        id: Its own; another attempt of the same pod has another one.
        spec: What was asked for.
        created_at: When it was begun.
        ready: Whether every namespace is there, and the network with its address.
        ips: Addresses of the pod; none on the host's network.
        network_path: The network namespace.
        ipc_path: The namespace of System V IPC and message queues.
        uts_path: The namespace of the host name.
        shm_path: The directory that is /dev/shm of each container.
        hostname_path: The file that is /etc/hostname of each container.
    """

    id: str
    spec: SandboxSpec
    created_at: datetime
    ready: bool
    ips: tuple[str, ...] = ()
    network_path: str = ""
    ipc_path: str = ""
    uts_path: str = ""
    shm_path: str = ""
    hostname_path: str = ""


class PinnedSandboxes(Protocol):
    """Makes, finds and removes them. Every call may be repeated after a crash at any moment."""

    def look(self, uid: str | None = None) -> tuple[PinnedSandbox, ...]:
        """Return those of a pod, or all, by attempt; half-made ones too. Needs no engine."""
        ...

    async def create(self, spec: SandboxSpec, *, taken: frozenset[str] = frozenset()) -> PinnedSandbox:
        """Make it; one of this attempt that is up is kept, every other one of the pod is removed.

        Raises:
            EngineError: FailedCreatePodSandBox; nothing half-made is left.
        """
        ...

    async def remove(self, sandbox_id: str) -> None:
        """Remove it, whoever is still inside. Not there is no error.

        Raises:
            EngineError: KillPodSandboxError.
        """
        ...

    async def recover(self) -> None:
        """Sweep what a crash left, put back what somebody else took away: the bridge, the rules.

        Raises:
            EngineError: FailedCreatePodSandBox: bridge or rules cannot be made.
        """
        ...

    def free_address(self, *, taken: frozenset[str] = frozenset()) -> str:
        """Return an address of the pool that nobody has, for a sandbox that is made elsewhere on the same bridge.

        Raises:
            EngineError: FailedCreatePodSandBox: there is none.
        """
        ...
