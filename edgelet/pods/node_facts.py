"""What a pod's values are resolved against: facts of this board and settings of its agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """The node as pods may ask for it."""

    name: str
    host_ips: tuple[str, ...]  # first: status.hostIP
    cpu_allocatable_milli: int
    memory_allocatable_bytes: int
    memory_capacity_bytes: int
    ephemeral_storage_allocatable_bytes: int = 0
    cluster_domain: str = "cluster.local"
    cluster_dns: tuple[str, ...] = ()  # empty: dnsPolicy ClusterFirst falls back to Default
    seccomp_directory: str = "/var/lib/edgelet/seccomp"  # localhostProfile is relative to it
    negative_oom_score_allowed: bool = False  # CAP_SYS_RESOURCE; without it Podman cannot start such a container
    recursive_read_only_supported: bool = False
    container_pids_limit: int = 0  # 0: the engine's own; -1: none
    huge_pages: Mapping[int, int] = field(default_factory=dict)  # size of a page -> bytes of the node's
