"""How many processes and threads there are, and may be.

Source: Kubernetes pkg/kubelet/stats/pidlimit/pidlimit_linux.go.
"""

from __future__ import annotations

from pathlib import Path

from edgelet.ports.host import TaskUsage

_LIMITS = ("proc/sys/kernel/pid_max", "proc/sys/kernel/threads-max")


def sample(root: Path = Path("/")) -> TaskUsage:
    """Read now. Raises OSError."""
    limit = min(int((root / name).read_bytes()) for name in _LIMITS)
    running = (root / "proc/loadavg").read_bytes().split()[3].partition(b"/")[2]
    return TaskUsage(limit=limit, running=int(running))
