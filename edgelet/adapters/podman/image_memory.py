"""What the engine said of images, as long as its own list of them on disk is the same file.

So the start of a container whose image was looked at before asks nothing, and so does a pod that waits for an image
that is not here. That its layers are damaged since then is
seen when the container is made.

Source: containers/storage images.go: each change of an image or a name is a new images.json, put there by rename.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from edgelet.ports.images import ImageInfo

Stamp = tuple[tuple[str, int, int, int], ...]  # path, inode, time and size of each list; zeros: no image yet
_ABSENT_LIMIT = 256


class ImageMemory:
    """Remembers by the name that was asked for.

    Args:
        storage_root: The engine's; None: nothing is remembered.
    """

    def __init__(self, storage_root: Path | None) -> None:
        self._root = storage_root
        self._stamp: Stamp = ()
        self._images: dict[str, ImageInfo] = {}
        self._absent: set[str] = set()

    def stamp(self) -> Stamp:
        """Return what the list is now; empty where it cannot be seen. Take it before the question."""
        if self._root is None:
            return ()
        with contextlib.suppress(OSError):
            return tuple(_stamp_of(folder / "images.json") for folder in sorted(self._root.glob("*-images")))
        return ()

    def is_absent(self, name: str) -> bool:
        """Whether there was no such image, and nothing changed since."""
        return name in self._absent and self._stamp == self.stamp()

    def recall(self, name: str) -> ImageInfo | None:
        """Return the image of that name if nothing changed since."""
        found = self._images.get(name)
        return found if found is not None and self._stamp == self.stamp() else None

    def keep(self, name: str, info: ImageInfo | None, stamp: Stamp) -> None:
        """Remember an answer that was given after the stamp was taken; None: there is no such image."""
        if not stamp:
            return
        if stamp != self._stamp:
            self._stamp = stamp
            self.forget()
        if info is not None:
            self._images[name] = info
        elif len(self._absent) < _ABSENT_LIMIT:
            self._absent.add(name)

    def forget(self) -> None:
        """Ask again: something was found wrong."""
        self._images.clear()
        self._absent.clear()


def _stamp_of(path: Path) -> tuple[str, int, int, int]:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return (str(path), 0, 0, 0)
    return (str(path), stat.st_ino, stat.st_mtime_ns, stat.st_size)
