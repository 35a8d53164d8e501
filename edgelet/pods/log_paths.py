"""Where containers' logs are: <logs>/<namespace>_<pod>_<uid>/<container>/<instance>.log, as the kubelet has them."""

from __future__ import annotations

from edgelet.ports.runtime import PodRef


def pod_directory(logs: str, pod: PodRef) -> str:
    """Return the directory of all the pod's logs."""
    return f"{logs}/{pod.namespace}_{pod.name}_{pod.uid}"


def directory(logs: str, pod: PodRef, container: str) -> str:
    """Return the directory of one container's logs."""
    return f"{pod_directory(logs, pod)}/{container}"


def file(logs: str, pod: PodRef, container: str, instance: int) -> str:
    """Return the log of one instance; rotated parts have further suffixes."""
    return f"{directory(logs, pod, container)}/{instance}.log"
