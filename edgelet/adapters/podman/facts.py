"""What this machine is, as far as the engine cares: read once at start, then only decided upon."""

from __future__ import annotations

import os
import resource
import shutil
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edgelet.adapters.podman import cgroups

_CAP_SYS_RESOURCE = 24
_HELPER_DIRECTORIES = ("/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman")
_CNI_DIRECTORIES = ("/usr/local/libexec/cni", "/usr/libexec/cni", "/usr/local/lib/cni", "/usr/lib/cni", "/opt/cni/bin")
_SYSTEM_BUS = "/run/dbus/system_bus_socket"
_BUS_WAIT_S = 2.0
DEFAULT_STORAGE_ROOT = Path("/var/lib/containers/storage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Limits are of the agent's own process: the engine inherits them."""

    podman_path: str  # "" = not installed
    effective_uid: int
    boot_id: str
    cgroup_version: cgroups.Version
    memory_controller: bool
    systemd_bus: bool  # PID 1 is systemd and its bus lets us in
    may_raise_limits: bool  # CAP_SYS_RESOURCE
    open_files_hard: int  # RLIMIT_NOFILE; -1 = unlimited
    open_files_kernel: int  # fs.nr_open
    processes_hard: int  # RLIMIT_NPROC; -1 = unlimited
    netavark_path: str  # "" = not installed
    catatonit_path: str  # the init of infra containers; "" = not installed
    cni_plugins: bool
    recorded_network_backend: str  # what an existing storage was made with; "" = none


def read(*, program: str = "podman", storage_root: Path | None = None) -> Facts:
    """Look at this machine. Never fails: what cannot be read is absent."""
    return Facts(
        podman_path=shutil.which(program) or "",
        effective_uid=os.geteuid(),
        boot_id=_text("/proc/sys/kernel/random/boot_id"),
        cgroup_version=cgroups.version(),
        memory_controller=cgroups.memory_controller(),
        systemd_bus=_text("/proc/1/comm") == "systemd" and _bus_answers(),
        may_raise_limits=may_raise_limits(_text("/proc/self/status")),
        open_files_hard=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        open_files_kernel=int(_text("/proc/sys/fs/nr_open") or 1_048_576),
        processes_hard=resource.getrlimit(resource.RLIMIT_NPROC)[1],
        netavark_path=_first_existing(f"{folder}/netavark" for folder in _HELPER_DIRECTORIES),
        catatonit_path=_first_existing(f"{folder}/catatonit" for folder in _HELPER_DIRECTORIES)
        or (shutil.which("catatonit") or ""),
        cni_plugins=bool(_first_existing(f"{folder}/bridge" for folder in _CNI_DIRECTORIES)),
        recorded_network_backend=_text((storage_root or DEFAULT_STORAGE_ROOT) / "defaultNetworkBackend"),
    )


def may_raise_limits(status: str) -> bool:
    """Tell from the text of /proc/<pid>/status whether CAP_SYS_RESOURCE is effective."""
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return bool(int(value, 16) >> _CAP_SYS_RESOURCE & 1)
    return False


def _bus_answers() -> bool:
    # A D-Bus greeting as root: cheap, and true only where runc and crun could ask systemd for a scope.
    try:
        with socket.socket(socket.AF_UNIX) as bus:
            bus.settimeout(_BUS_WAIT_S)
            bus.connect(_SYSTEM_BUS)
            bus.sendall(b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() + b"\r\n")
            return bus.recv(64).startswith(b"OK ")
    except OSError:
        return False


def _first_existing(candidates: Iterable[str]) -> str:
    return next((path for path in candidates if os.access(path, os.X_OK)), "")


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
