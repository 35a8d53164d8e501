"""What is decided from what was found: which Podman is accepted, which manager, network and limits it gets. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from edgelet.adapters.podman.facts import Facts
from edgelet.api.errors import EngineError
from edgelet.ports.runtime import EngineInfo

OLDEST = (4, 3)
TOO_NEW = (6, 0)
_NOFILE_WANTED = 1_048_576
_NPROC_WANTED = 4_194_304  # Linux's own bound of pids
_NPROC_OF_PODMAN = 32_768  # Podman lowers its own hard limit to this when it starts, and cannot raise it again

CgroupManager = Literal["cgroupfs", "systemd"]


@dataclass(frozen=True, slots=True)
class Network:
    """The backend to ask for, and what people should know about it ("" = nothing)."""

    backend: str
    warning: str = ""


def require_engine(facts: Facts) -> None:
    """Refuse a machine on which nothing can run.

    Raises:
        EngineError: EngineUnavailable, with the remedy.
    """
    if not facts.podman_path:
        raise EngineError("EngineUnavailable", "cannot find podman: install it with `apt-get install podman`")
    if facts.effective_uid != 0:
        raise EngineError(
            "EngineUnavailable", "cannot run containers: edgelet needs root, start it as a system service"
        )


def require_version(text: str) -> tuple[int, int]:
    """Return major and minor of a version that edgelet knows.

    Raises:
        EngineError: EngineUnavailable, for another one.
    """
    match = re.match(r"(\d+)\.(\d+)", text)
    if match is None:
        raise EngineError("EngineUnavailable", f"cannot use Podman: its version {text!r} cannot be read")
    found = int(match[1]), int(match[2])
    if found < OLDEST:
        raise EngineError(
            "EngineUnavailable",
            f"cannot use Podman {text}: 4.3 or newer is needed; upgrade it (Debian 12 and Ubuntu 24.04 have one)",
        )
    if found >= TOO_NEW:
        raise EngineError(
            "EngineUnavailable",
            f"cannot use Podman {text}: newer than this edgelet knows (4.3 to 5.x); upgrade edgelet, or install 5.x",
        )
    return found


def cgroup_managers(facts: Facts) -> tuple[CgroupManager, ...]:
    """Return the managers worth a try, best first: systemd's groups belong to systemd where it runs."""
    return ("systemd", "cgroupfs") if facts.systemd_bus else ("cgroupfs",)


def network(facts: Facts) -> Network:
    """Return the network backend.

    Raises:
        EngineError: EngineUnavailable: none is installed.
    """
    # A storage that was made with CNI keeps it: a switch would leave its containers without their network.
    if facts.netavark_path and facts.recorded_network_backend != "cni":
        return Network("netavark")
    if facts.cni_plugins:
        why = "recorded in this storage" if facts.netavark_path else "netavark is not installed"
        return Network("cni", f"the old CNI network is used ({why}); `apt-get install netavark` and reset the storage")
    raise EngineError("EngineUnavailable", "cannot give pods a network: install it with `apt-get install netavark`")


def open_files(facts: Facts) -> int:
    """Return the limit of open files for containers: what Podman wants, never more than this machine allows."""
    wanted = min(_NOFILE_WANTED, facts.open_files_kernel)
    return wanted if facts.may_raise_limits or facts.open_files_hard < 0 else min(wanted, facts.open_files_hard)


def processes(facts: Facts) -> int:
    """Return the limit of processes per user id for containers (their own number is bounded by the pids cgroup)."""
    if facts.may_raise_limits:
        return _NPROC_WANTED
    return _NPROC_OF_PODMAN if facts.processes_hard < 0 else min(facts.processes_hard, _NPROC_OF_PODMAN)


def engine_info(document: dict[str, Any], *, memory_cgroup: bool) -> EngineInfo:
    """Read the answer of GET /info.

    Raises:
        EngineError: EngineUnavailable: a version that is not accepted, or an answer that is none.
    """
    try:
        host, store, version = document["host"], document["store"], document["version"]
        require_version(version["Version"])
        return EngineInfo(
            name="podman",
            version=version["Version"],
            oci_runtime=host["ociRuntime"]["name"],
            cgroup_version=2 if host["cgroupVersion"] == "v2" else 1,
            cgroup_manager="systemd" if host["cgroupManager"] == "systemd" else "cgroupfs",
            storage_root=store["graphRoot"],
            run_root=store["runRoot"],
            network_backend=host.get("networkBackend", ""),
            memory_cgroup=memory_cgroup,
        )
    except (KeyError, TypeError) as error:
        raise EngineError("EngineUnavailable", f"cannot use Podman: its info lacks {error}") from error
