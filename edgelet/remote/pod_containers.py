"""Which container, and which instance of it, a request about a pod means. Pure."""

from __future__ import annotations

from typing import Any

from edgelet.ports.object_store import Document
from edgelet.remote.refusal import bad_request

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
_STATUS_LISTS = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
_SPEC_LISTS = ("containers", "initContainers", "ephemeralContainers")


def for_exec(pod: Document, asked: str) -> str:
    """Return the container's name: the one asked for, the annotated one, or the first. Raises RefusedError(400)."""
    return _named(pod, asked) or _annotated(pod) or _names(pod, "containers")[0]


def for_logs(pod: Document, asked: str) -> str:
    """Return the container's name: the one asked for, the annotated one, or the only one. Raises RefusedError(400)."""
    found = _named(pod, asked) or _annotated(pod)
    if found:
        return found
    names = _names(pod, "containers")
    if len(names) == 1:
        return names[0]
    inits = _names(pod, "initContainers")
    more = f" or one of the init containers: [{' '.join(inits)}]" if inits else ""
    raise bad_request(
        f"a container name must be specified for pod {_name(pod)}, choose one of: [{' '.join(names)}]{more}"
    )


def status(pod: Document, container: str) -> Document:
    """Return a container's status; empty where there is none yet."""
    statuses = pod.get("status") or {}
    all_of_them = (one for which in _STATUS_LISTS for one in statuses.get(which) or ())
    found: Document | None = next((one for one in all_of_them if one.get("name") == container), None)
    return found or {}


def running_id(pod: Document, container: str, *, purpose: str = "exec into") -> str:
    """Return the engine's id of the running container; `purpose` is what kubectl calls the use of it.

    Raises:
        RefusedError: 400 in kubectl's words: the pod is complete, or the container does not run.
    """
    phase = (pod.get("status") or {}).get("phase", "")
    if phase in ("Succeeded", "Failed"):
        raise bad_request(f"cannot {purpose} a container in a completed pod; current phase is {phase}")
    found = status(pod, container)
    identifier = str(found.get("containerID") or "").rpartition("//")[2]
    if not running(found) or not identifier:
        raise bad_request(f'unable to upgrade connection: container not found ("{container}")')
    return identifier


def spec(pod: Document, container: str) -> Document:
    """Return a container's part of the pod's spec; empty where there is none."""
    every = (one for which in _SPEC_LISTS for one in (pod.get("spec") or {}).get(which) or ())
    found: Document | None = next((one for one in every if one.get("name") == container), None)
    return found or {}


def running(container_status: Document) -> bool:
    """Whether the newest instance lives."""
    return (container_status.get("state") or {}).get("running") is not None


def instance_for_logs(pod: Document, container: str, *, previous: bool) -> int:
    """Return the number of the instance whose log is meant.

    Raises:
        RefusedError: 400 in the kubelet's words where there is no such log.

    Source: pkg/kubelet validateContainerLogStatus. An instance's number is the restartCount it shows: while a
    container waits in back-off, its last instance carries the present count, and is also the previous one.
    """
    found = status(pod, container)
    quoted = f'container "{container}" in pod "{_name(pod)}"'
    if not found:
        raise bad_request(f"{quoted} is waiting to start: PodInitializing")
    state: dict[str, Any] = found.get("state") or {}
    last = (found.get("lastState") or {}).get("terminated")
    count = int(found.get("restartCount") or 0)
    shows_instance = _ran(state)
    if previous:
        if not last or (shows_instance and count == 0):
            raise bad_request(f"previous terminated {quoted} not found")
        return count - 1 if shows_instance else count
    if shows_instance or last:
        return count
    if state.get("terminated") is not None:
        raise bad_request(f"{quoted} is terminated")
    waiting = (state.get("waiting") or {}).get("reason", "")
    said = {
        "ErrImagePull": "image can't be pulled",
        "ImagePullBackOff": "trying and failing to pull image",
    }.get(waiting, waiting)
    raise bad_request(
        f"{quoted} is waiting to start: {said}" if said else f"{quoted} is waiting to start - no logs yet"
    )


def _ran(state: Document) -> bool:
    """Whether the state is an instance's: it runs, or ended after it had been made."""
    return state.get("running") is not None or bool((state.get("terminated") or {}).get("containerID"))


def _named(pod: Document, asked: str) -> str:
    if asked and not any(asked in _names(pod, which) for which in _SPEC_LISTS):
        raise bad_request(f"container {asked} is not valid for pod {_name(pod)}")
    return asked


def _annotated(pod: Document) -> str:
    annotated = (pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER, "")
    return annotated if annotated in _names(pod, "containers") else ""


def _names(pod: Document, which: str) -> list[str]:
    return [str(one["name"]) for one in (pod.get("spec") or {}).get(which) or ()]


def _name(pod: Document) -> str:
    return str(pod["metadata"]["name"])
