"""[disk]: how full a disk may be, and how long logs of containers may get."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from edgelet.api.quantity import Quantity
from edgelet.config.section import Section

_LOG_LEAST_BYTES = 4096


def _quantity(value: str) -> str:
    Quantity.parse(value)
    return value


def _log_size(value: str) -> str:
    if Quantity.parse(value).to_bytes() < _LOG_LEAST_BYTES:
        raise ValueError(f"{value!r} is less than 4Ki")
    return value


class DiskSettings(Section):
    """The kubelet's numbers, as settings. Percentages are of the file system."""

    look_s: float = Field(default=60.0, ge=1.0)  # disks and logs are looked at that often at rest
    image_gc_high_percent: float = Field(default=85.0, gt=0, le=100)  # used: unused images are removed from here on
    image_gc_low_percent: float = Field(default=80.0, gt=0, le=100)  # ... until no more is used than that
    image_min_age_s: float = Field(default=120.0, ge=0)  # an image that was first seen less long ago stays
    reserve: Annotated[str, AfterValidator(_quantity)] = "2Mi"  # kept for clearing up a full disk; "0" for none
    keep_images: tuple[str, ...] = ()  # patterns of image names that are never removed; localhost/ never are anyway
    container_log_max_size: Annotated[str, AfterValidator(_log_size)] = "10Mi"  # then it is cut ...
    container_log_max_files: int = Field(default=5, ge=1)  # ... and so many parts are kept, the present one included
