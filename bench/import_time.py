"""The answer of `python -X importtime`, added up by package. Pure."""

from __future__ import annotations

from collections import defaultdict


def by_package(text: str) -> dict[str, float]:
    """Return milliseconds spent in modules of each package itself, what they import not included.

    Our own modules count by band (edgelet.pods), everything else by its top-level name.
    """
    found: dict[str, float] = defaultdict(float)
    for line in text.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        module = rest.rpartition("|")[2].strip()
        if not line.startswith("import time:") or not own.strip().isdigit():
            continue
        parts = module.split(".")
        found[".".join(parts[:2]) if parts[0] == "edgelet" else parts[0]] += int(own) / 1000
    return dict(found)
