"""The root of all topics, such as edgelet/v1."""

from __future__ import annotations

import re

_PREFIX = re.compile(r"[^+#$\s/\x00][^+#\s\x00]*[^+#\s/\x00]")


def fault(value: str) -> str | None:
    """Return what is wrong with a prefix; None for a good one."""
    if _PREFIX.fullmatch(value):
        return None
    return f"{value!r} is no topic prefix: no wildcards, no space, no '/' at either end"
