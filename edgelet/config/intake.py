"""[intake]: bounds on what comes in."""

from __future__ import annotations

from pydantic import Field

from edgelet.config.section import Section


class IntakeSettings(Section):
    """Beyond a bound an object is refused with 413; what is there stays."""

    max_object_bytes: int = Field(default=128 * 1024, ge=1024)
    max_objects: int = Field(default=1000, ge=1)
    max_total_bytes: int = Field(default=16 * 1024 * 1024, ge=1024)
    strict: bool = False  # unknown fields are refused instead of warned about
    rescan_s: float = Field(default=60.0, ge=1.0)  # the manifest folder is looked through that often; unwatched, 20 s
    events: int = Field(default=500, ge=10)  # Events kept in memory
