"""A folder of manifests as one looks at it: what is there, what it says, and when to look again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FileSignature:
    """What tells two states of a file apart without reading it."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int
    being_written: bool = False  # somebody writes and has not closed it: not worth reading yet


class FolderWatch(Protocol):
    """One folder, not what is below it. Hidden files are left out, symbolic links are followed."""

    def look(self) -> Mapping[str, FileSignature] | None:
        """Return the regular files by name; None where the folder cannot be looked at."""
        ...

    def read(self, name: str, *, limit_bytes: int) -> bytes:
        """Return a file's content.

        Raises:
            TooLargeError: It has more bytes than the limit.
            NotFoundError: It went meanwhile.
            StorageError: It cannot be read.
        """
        ...

    async def changed(self, *, timeout_s: float) -> None:
        """Return when something in the folder changed, or after the time: some changes are seen by looking only."""
        ...

    def close(self) -> None:
        """Stop watching."""
        ...
