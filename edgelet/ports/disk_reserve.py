"""Room kept on a disk for clearing it up: without a few free blocks nothing can be deleted in an orderly way."""

from __future__ import annotations

from typing import Protocol


class DiskReserve(Protocol):
    """Given back before room is made, taken again when there is room. Both may be asked any time, and never fail."""

    def release(self) -> None: ...

    def hold(self) -> None: ...
