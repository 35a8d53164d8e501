"""[podman]: the engine."""

from __future__ import annotations

from pydantic import Field

from edgelet.config.paths import AbsolutePath
from edgelet.config.section import Section


class PodmanSettings(Section):
    """Nothing set: the host's own storage, an OCI runtime that was seen to work, the engine started on demand."""

    program: str = "podman"
    socket: AbsolutePath | None = None  # of a service that somebody else keeps running; none = started on demand
    storage_root: AbsolutePath | None = None  # none = the host's storage, shared with the podman command
    run_root: AbsolutePath | None = None
    runtime: str = ""  # crun, runc or a path; "" = the first that really starts a container
    containers_conf: AbsolutePath | None = None  # read below what the agent itself sets
    idle_exit_s: int = Field(default=5, ge=1, le=3600)  # the engine process ends after so long without work
    calls_per_core: int = Field(default=2, ge=1, le=16)  # engine calls under way at once
