from __future__ import annotations

from typing import Any

import pytest

from edgelet.remote import pod_containers
from edgelet.remote.refusal import RefusedError

ENDED = {"terminated": {"exitCode": 1, "containerID": "podman://old"}}
RUNS: dict[str, Any] = {"running": {}}


def pod(*names: str, annotation: str = "", inits: tuple[str, ...] = (), **status: Any) -> dict[str, Any]:
    annotations = {pod_containers.DEFAULT_CONTAINER: annotation} if annotation else {}
    spec = {"containers": [{"name": n} for n in names], "initContainers": [{"name": n} for n in inits]}
    return {"metadata": {"name": "web", "annotations": annotations}, "spec": spec, "status": status}


def with_status(state: dict[str, Any], last: dict[str, Any] | None = None, count: int = 0) -> dict[str, Any]:
    one = {"name": "a", "restartCount": count, "state": state, "lastState": last or {}, "containerID": "podman://id"}
    return pod("a", containerStatuses=[one])


def test_exec_means_the_one_asked_for_the_annotated_or_the_first() -> None:
    assert pod_containers.for_exec(pod("a", "b"), "b") == "b"
    assert pod_containers.for_exec(pod("a", "b", annotation="b"), "") == "b"
    assert pod_containers.for_exec(pod("a", "b", annotation="gone"), "") == "a"
    with pytest.raises(RefusedError, match="container x is not valid for pod web"):
        pod_containers.for_exec(pod("a"), "x")


def test_logs_mean_the_only_one_and_otherwise_want_a_name() -> None:
    assert pod_containers.for_logs(pod("a"), "") == "a"
    assert pod_containers.for_logs(pod("a", inits=("i",)), "i") == "i"
    with pytest.raises(RefusedError, match=r"choose one of: \[a b\] or one of the init containers: \[i\]"):
        pod_containers.for_logs(pod("a", "b", inits=("i",)), "")


def test_only_a_running_container_can_be_entered() -> None:
    assert pod_containers.running_id(with_status(RUNS), "a") == "id"
    with pytest.raises(RefusedError, match=r'container not found \("a"\)'):
        pod_containers.running_id(with_status({"waiting": {"reason": "CrashLoopBackOff"}}), "a")
    with pytest.raises(RefusedError, match="completed pod; current phase is Succeeded"):
        pod_containers.running_id(pod("a", phase="Succeeded"), "a")


@pytest.mark.parametrize(
    ("state", "last", "count", "current", "previous"),
    [
        (RUNS, None, 0, 0, None),
        (RUNS, ENDED, 3, 3, 2),
        (ENDED, None, 0, 0, None),
        (ENDED, ENDED, 2, 2, 1),
        ({"waiting": {"reason": "CrashLoopBackOff"}}, ENDED, 3, 3, 3),
        ({"waiting": {"reason": "CrashLoopBackOff"}}, ENDED, 0, 0, 0),
    ],
)
def test_the_instance_is_the_one_the_status_shows(
    state: dict[str, Any], last: dict[str, Any] | None, count: int, current: int, previous: int | None
) -> None:
    document = with_status(state, last, count)
    assert pod_containers.instance_for_logs(document, "a", previous=False) == current
    if previous is None:
        with pytest.raises(RefusedError, match='previous terminated container "a" in pod "web" not found'):
            pod_containers.instance_for_logs(document, "a", previous=True)
    else:
        assert pod_containers.instance_for_logs(document, "a", previous=True) == previous


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("ContainerCreating", "is waiting to start: ContainerCreating"),
        ("ErrImagePull", "is waiting to start: image can't be pulled"),
        ("ImagePullBackOff", "is waiting to start: trying and failing to pull image"),
        ("", "is waiting to start - no logs yet"),
    ],
)
def test_a_container_that_never_ran_says_what_it_waits_for(reason: str, said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        pod_containers.instance_for_logs(with_status({"waiting": {"reason": reason}}), "a", previous=False)
