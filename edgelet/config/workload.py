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
    reserved_cpu: str = "0"  # quantities, taken off the capacity for the board itself
    reserved_memory: str = "100Mi"
