"""[workload]: how pods are run."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from edgelet.config.section import Section

_IDS = 2**32 - 65_536  # -1 is no user


class WorkloadSettings(Section):
    """The kubelet's numbers, as settings."""

    max_pods: int = Field(default=110, ge=1)
    backoff_initial_s: float = Field(default=10.0, gt=0)
    backoff_max_s: float = Field(default=300.0, gt=0)
    image_backoff_initial_s: float = Field(default=10.0, gt=0)
    image_backoff_max_s: float = Field(default=300.0, gt=0)
    # Processes and threads of one container. A kubelet sets no bound (podPidsLimit -1); a board is small.
    container_pids_limit: int = Field(default=2048, ge=-1)  # -1: none; 0 is Podman's own bound
    exec_probes_per_core: int = Field(default=2, ge=1, le=64)  # started at once
    reserved_cpu: str = "0"  # quantities, taken off the capacity for the board itself
    reserved_memory: str = "0"  # besides what [eviction] keeps free
    userns_first_id: int = Field(default=0x7000_0000, ge=65_536, multiple_of=65_536)  # of pods with hostUsers: false
    userns_ids: int = Field(default=0x1000_0000, ge=65_536, multiple_of=65_536)  # 65536 a pod

    @model_validator(mode="after")
    def _ids_are_ids(self) -> Self:
        if self.userns_first_id + self.userns_ids > _IDS:
            raise ValueError("userns_first_id and userns_ids reach beyond 2**32 - 65536")
        return self
