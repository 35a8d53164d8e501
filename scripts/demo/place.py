"""The directory of one demonstration, and what in it has to be found again by --clean."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

PREFIX = "edgelet-demo-"
_MARK = "demo.json"
_LOCK = "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where everything of one demonstration lies, and what is its own outside of the directory."""

    base: Path  # short: unix sockets below it hold 107 bytes
    bridge: str  # also the name of the network
    pool: str
    broker_port: int
    host_port: int
    join_port: int = 0  # of the demonstration with certificates

    @property
    def settings(self) -> Path:
        return self.base / "edgelet.toml"

    @property
    def policy(self) -> Path:
        return self.base / "policy.toml"

    @property
    def agent_log(self) -> Path:
        return self.base / "agent.log"

    @property
    def agent_pid(self) -> Path:
        return self.base / "agent.pid"

    @property
    def broker(self) -> Path:
        return self.base / "broker"

    @property
    def broker_pid(self) -> Path:
        return self.base / "broker.pid"

    @property
    def run(self) -> Path:
        return self.base / "run"

    @property
    def state(self) -> Path:
        return self.base / "state"

    @property
    def api_socket(self) -> Path:
        return self.run / "edgelet.sock"

    @property
    def storage_root(self) -> Path:
        return self.base / "storage"

    @property
    def run_root(self) -> Path:
        return self.base / "storage-run"

    @property
    def manifest(self) -> Path:
        return self.base / "web-with-sidecar.yaml"

    def write(self) -> None:
        """Keep what --clean needs."""
        values = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}
        (self.base / _MARK).write_text(json.dumps(values))


def make_directory() -> Path:
    """Make an empty directory that nobody else reads, and hold its lock for the life of this process."""
    base = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))  # $TMPDIR may be too long for sockets
    if not hold(base):
        raise OSError(f"{base} was locked by somebody else")
    return base


def hold(base: Path) -> bool:
    """Lock a demonstration; False where another process works on it. Given up when this process ends."""
    descriptor = os.open(base / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    return True


def left_behind(directories: list[str]) -> list[Place | Path]:
    """Find demonstrations that nobody works on: places, or bare directories where the start was cut short.

    Looks at all there are, or at those named.
    """
    found: list[Place | Path] = []
    for base in sorted(Path("/tmp").glob(f"{PREFIX}*")):  # noqa: S108  see make_directory
        if directories and str(base) not in directories:
            continue
        if not base.is_dir() or base.is_symlink() or base.stat().st_uid != os.geteuid() or not hold(base):
            continue
        try:
            values = json.loads((base / _MARK).read_text())
            found.append(Place(**{**values, "base": base}))
        except (OSError, ValueError, TypeError):
            found.append(base)
    return found
