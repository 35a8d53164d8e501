"""[workload]: how pods are run."""

from __future__ import annotations

from pydantic import Field

from edgelet.config.section import Section


class WorkloadSettings(Section):
    """The kubelet's numbers, as settings."""

    max_pods: int = Field(default=110, ge=1)
    backoff_initial_s: float = Field(default=10.0, gt=0)
    backoff_max_s: float = Field(default=300.0, gt=0)
    image_backoff_initial_s: float = Field(default=10.0, gt=0)
    image_backoff_max_s: float = Field(default=300.0, gt=0)
    # Processes and threads of one container. A kubelet sets no bound (podPidsLimit -1); a board is small.
    container_pids_limit: int = Field(default=2048, ge=-1)  # -1: none; 0 is Podman's own bound
    reserved_cpu: str = "0"  # quantities, taken off the capacity for the board itself
    reserved_memory: str = "0"  # besides what [eviction] keeps free
