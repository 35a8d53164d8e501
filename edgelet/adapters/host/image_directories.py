"""The files of an image, as the engine's overlay storage has its layers: mounted read-only for a pod.

Nothing of the engine is asked or changed: layers are never written to once they are there.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

from edgelet.adapters.host import mounts

_MOST_OPTION_BYTES = 4000  # the kernel takes a page
_LINKS = "l"  # beside the layers: links of 26 letters to each, made for this very bound


def make(path: Path, layers: Sequence[str]) -> bool:
    """Mount the layers over each other; False if that was done before.

    Raises:
        OSError: A layer is not there; there are too many of them.
    """
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    if mounts.is_mounted(str(path)):
        return False
    for layer in layers:
        Path(layer).stat()  # the kernel would not say which one
    if len(layers) == 1:
        mounts.bind_read_only(layers[0], str(path))
        return True
    options = f"lowerdir={':'.join(_short(layer) for layer in layers)}"
    if len(options) > _MOST_OPTION_BYTES:
        raise OSError(errno.E2BIG, f"the image has too many layers ({len(layers)})", str(path))
    mounts.mount_overlay(str(path), options)
    return True


def _short(layer: str) -> str:
    """Return the short name that overlay storage keeps for a layer's files, else the layer itself."""
    home = Path(layer).parent
    try:
        link = home.parent / _LINKS / (home / "link").read_text().strip()
    except OSError:
        return layer
    return str(link) if link.is_dir() and link.samefile(layer) else layer
