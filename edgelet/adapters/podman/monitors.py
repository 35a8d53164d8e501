"""The monitors (conmon) of one storage's containers, found by their bundle: nobody else's."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

_BUNDLE = re.compile(r"/(?:overlay|vfs)-containers/([0-9a-f]{64})/userdata$")


def monitors(storage_root: Path) -> Iterator[tuple[int, str]]:
    """Yield pid and container id of each."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            bundle = words[words.index("-b") + 1]
            match = _BUNDLE.search(bundle)
            if Path(words[0]).name == "conmon" and match and Path(bundle).is_relative_to(storage_root):
                yield int(entry.name), match[1]
