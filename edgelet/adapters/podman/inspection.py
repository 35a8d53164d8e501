"""What libpod's answers say of pods and containers, as values. Pure."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from edgelet.adapters.podman import labels, signals
from edgelet.ports.pinned_sandboxes import PinnedSandbox
from edgelet.ports.runtime import PodRef, ProcessUser

BROKEN = "broken"  # not libpod's: it is in the list and cannot be inspected
_ALIVE = frozenset({"running", "paused", "stopping"})
_MADE = frozenset({"created", "configured", "initialized"})
_ZERO_YEAR = 1
_SHA256_HEX_CHARS = 64


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of containers/json. `fingerprint` differs when anything may have happened."""

    id: str
    pod_id: str
    fingerprint: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class ListedPod:
    """A line of pods/json."""

    id: str
    name: str
    created_at: datetime
    infra_id: str
    pod: PodRef
    attempt: int
    namespaces: labels.HostNamespaces
    pinned: PinnedSandbox | None = None  # then it is no pod of Podman's, and nothing of it is in a list


@dataclass(frozen=True, slots=True)
class Inspected:
    """What is used of containers/<id>/json. Absent numbers are 0."""

    id: str
    pod_id: str  # its sandbox, also a pinned one
    pod: PodRef | None
    name: str  # Kubernetes' name; "" for an infra container
    labels: Mapping[str, str]
    infra: bool
    status: str
    created_at: datetime
    image: str
    image_id: str
    pid: int = 0
    conmon_pid: int = 0
    cgroup_path: str = ""
    exit_code: int = 0
    error: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    log_path: str = ""
    stop_signal: int = signal.SIGTERM
    config_path: str = ""
    netns_path: str = ""
    ips: tuple[str, ...] = ()
    layer_path: str = ""
    user: ProcessUser | None = None

    @property
    def alive(self) -> bool:
        """Whether the engine believes that it runs."""
        return self.status in _ALIVE

    @property
    def half_started(self) -> bool:
        """Whether the engine died between making the process and letting it run, or just after."""
        return self.status == "initialized"

    @property
    def startable(self) -> bool:
        """Whether it was made and never ran."""
        return self.status in _MADE and self.started_at is None


def listed(document: Mapping[str, Any]) -> Listed:
    """Parse a line of containers/json?all=true&pod=true."""
    facts = ("State", "Pid", "StartedAt", "ExitedAt", "ExitCode")
    return Listed(document["Id"], document.get("Pod") or "", tuple(document.get(fact) for fact in facts))


def listed_pod(document: Mapping[str, Any]) -> ListedPod | None:
    """Parse a line of pods/json; None where our labels are not complete."""
    own = document.get("Labels") or {}
    pod = labels.pod_of(own)
    created_at = time(document.get("Created", ""))
    if pod is None or created_at is None:
        return None
    return ListedPod(
        id=document["Id"],
        name=document.get("Name", ""),
        created_at=created_at,
        infra_id=document.get("InfraId") or "",
        pod=pod,
        attempt=labels.number(own, labels.SANDBOX_ATTEMPT),
        namespaces=labels.namespaces(own),
    )


def of_pinned(sandbox: PinnedSandbox) -> ListedPod:
    """Show a sandbox that Podman does not know beside those that it does."""
    spec = sandbox.spec
    return ListedPod(
        id=sandbox.id,
        name=labels.pod_name(spec.pod, spec.attempt),
        created_at=sandbox.created_at,
        infra_id="",
        pod=spec.pod,
        attempt=spec.attempt,
        namespaces=labels.shared_with_host(spec),
        pinned=sandbox,
    )


def broken(document: Mapping[str, Any]) -> Inspected | None:
    """Make the best of a line of containers/json where inspect fails: storage that a cut removal took away.

    It is seen as lost, so that it is removed. None where even the line is not complete.
    """
    own = document.get("Labels") or {}
    created_at = time(document.get("Created") or "")
    if created_at is None:
        return None
    return Inspected(
        id=document["Id"],
        pod_id=document.get("Pod") or own.get(labels.SANDBOX_ID, ""),
        pod=labels.pod_of(own),
        name=own.get(labels.CONTAINER_NAME, ""),
        labels=own,
        infra=bool(document.get("IsInfra")),
        status=BROKEN,
        created_at=created_at,
        image=document.get("Image") or "",
        image_id=own.get(labels.CONTAINER_IMAGE) or document.get("ImageID") or "",
    )


def inspected(document: Mapping[str, Any]) -> Inspected:
    """Parse containers/<id>/json."""
    state, config = document["State"], document.get("Config") or {}
    own = config.get("Labels") or {}
    network = document.get("NetworkSettings") or {}
    created_at = time(document["Created"])
    if created_at is None:
        raise ValueError("a container without a time of creation")
    return Inspected(
        id=document["Id"],
        pod_id=document.get("Pod") or own.get(labels.SANDBOX_ID, ""),
        pod=labels.pod_of(own),
        name=own.get(labels.CONTAINER_NAME, ""),
        labels=own,
        infra=bool(document.get("IsInfra")),
        status=state.get("Status", ""),
        pid=state.get("Pid") or 0,
        conmon_pid=state.get("ConmonPid") or 0,
        cgroup_path=state.get("CgroupPath") or "",
        exit_code=state.get("ExitCode") or 0,
        error=state.get("Error") or "",
        created_at=created_at,
        started_at=time(state.get("StartedAt", "")),
        finished_at=time(state.get("FinishedAt", "")),
        image=document.get("ImageName") or document.get("Image") or "",
        image_id=own.get(labels.CONTAINER_IMAGE) or _image_id(document),
        log_path=((document.get("HostConfig") or {}).get("LogConfig") or {}).get("Path") or "",
        stop_signal=_stop_signal(config),
        config_path=document.get("OCIConfigPath") or "",
        netns_path=network.get("SandboxKey") or "",
        ips=_ips(network),
        layer_path=((document.get("GraphDriver") or {}).get("Data") or {}).get("UpperDir") or "",
    )


def time(text: str) -> datetime | None:
    """Parse Go's time, None for its zero."""
    if not text:
        return None
    at = datetime.fromisoformat(text)
    return None if at.year == _ZERO_YEAR else at


def _image_id(document: Mapping[str, Any]) -> str:
    name, digest, identifier = document.get("ImageName") or "", document.get("ImageDigest"), document.get("Image") or ""
    if not digest or not name or _is_id(name):
        return f"sha256:{identifier.removeprefix('sha256:')}"
    repository = name.partition("@")[0]
    if ":" in repository.rpartition("/")[2]:
        repository = repository.rpartition(":")[0]
    return f"{repository}@{digest}"


def _is_id(name: str) -> bool:
    text = name.removeprefix("sha256:")
    return len(text) == _SHA256_HEX_CHARS and all(char in "0123456789abcdef" for char in text)


def _stop_signal(config: Mapping[str, Any]) -> int:
    value = config.get("StopSignal")
    if isinstance(value, int) and value > 0:
        return value
    return signals.number(value) if isinstance(value, str) and value else signals.number("TERM")


def _ips(network: Mapping[str, Any]) -> tuple[str, ...]:
    each = (network.get("Networks") or {}).values()
    found = (one.get(key) for key in ("IPAddress", "GlobalIPv6Address") for one in each)
    return tuple(ip for ip in found if ip)
