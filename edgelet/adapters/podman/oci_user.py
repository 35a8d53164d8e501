"""Who a container's first process is started as, from the configuration that the engine made for the OCI runtime.

Source: OCI runtime-spec config.md, process.user.
"""

from __future__ import annotations

import json
from pathlib import Path

from edgelet.ports.runtime import ProcessUser


def read(config_path: str) -> ProcessUser | None:
    """Return the user; None where there is no such file (before the first start) or it cannot be read."""
    if not config_path:
        return None
    try:
        user = json.loads(Path(config_path).read_text())["process"]["user"]
        uid, gid = int(user.get("uid", 0)), int(user.get("gid", 0))
        return ProcessUser(uid, gid, tuple(sorted({gid, *map(int, user.get("additionalGids") or ())})))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
