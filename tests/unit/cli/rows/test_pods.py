from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.cli.resources import PODS
from edgelet.cli.rows import pods
from edgelet.cli.rows.pods import Summary
from edgelet.cli.table import Style, Table

NOW = datetime(2026, 1, 1, 1, 0, 0, tzinfo=UTC)
START = "2026-01-01T00:00:00Z"


def running(name: str = "a", *, ready: bool = True, restarts: int = 0, ended: str = "") -> dict[str, Any]:
    last = {"lastState": {"terminated": {"exitCode": 1, "finishedAt": ended}}} if ended else {}
    state = {"running": {"startedAt": START}}
    return {"name": name, "ready": ready, "restartCount": restarts, "started": True, "state": state, **last}


def waiting(reason: str, name: str = "a", restarts: int = 0) -> dict[str, Any]:
    return {"name": name, "ready": False, "restartCount": restarts, "state": {"waiting": {"reason": reason}}}


def ended(code: int = 0, name: str = "a", **more: Any) -> dict[str, Any]:
    return {"name": name, "ready": False, "restartCount": 0, "state": {"terminated": {"exitCode": code, **more}}}


def pod(
    *statuses: dict[str, Any], phase: str = "Running", init: tuple[dict[str, Any], ...] = (), **more: Any
) -> dict[str, Any]:
    """A pod with these container statuses; `sidecars` names init containers that always restart."""
    sidecars = more.pop("sidecars", ())
    metadata = {"name": "web", "namespace": "default", "creationTimestamp": START, **more.pop("metadata", {})}
    inits = [{"name": one["name"], **({"restartPolicy": "Always"} if one["name"] in sidecars else {})} for one in init]
    conditions = [{"type": kind, "status": "True"} for kind in more.pop("true", ())]
    return {
        "metadata": metadata,
        "spec": {"containers": [{"name": one["name"]} for one in statuses], "initContainers": inits},
        "status": {
            "phase": phase,
            "conditions": conditions,
            "initContainerStatuses": list(init),
            "containerStatuses": list(statuses),
            **more,
        },
    }


DELETED = {"deletionTimestamp": START}


@pytest.mark.parametrize(
    ("document", "ready", "status", "restarts"),
    [
        (pod(running()), "1/1", "Running", 0),
        (pod(running(), running("b", ready=False)), "1/2", "Running", 0),
        (pod(running(restarts=2), running("b", restarts=1)), "2/2", "Running", 3),
        (pod(waiting("ContainerCreating"), phase="Pending"), "0/1", "ContainerCreating", 0),
        (pod(waiting("ImagePullBackOff"), phase="Pending"), "0/1", "ImagePullBackOff", 0),
        (pod(waiting("CrashLoopBackOff", restarts=4)), "0/1", "CrashLoopBackOff", 4),
        (pod(running(), waiting("ErrImagePull", "b")), "1/2", "ErrImagePull", 0),
        (pod(waiting("First"), waiting("Second", "b")), "0/2", "First", 0),
        (pod(ended(reason="Completed"), phase="Succeeded"), "0/1", "Completed", 0),
        (pod(ended(1, reason="Error"), phase="Failed"), "0/1", "Error", 0),
        (pod(ended(137, reason="OOMKilled")), "0/1", "OOMKilled", 0),
        (pod(ended(3)), "0/1", "ExitCode:3", 0),
        (pod(ended(137, signal=9)), "0/1", "Signal:9", 0),
        (pod(ended(reason="Completed"), running("b"), true=("Ready",)), "1/2", "Running", 0),
        (pod(ended(reason="Completed"), running("b")), "1/2", "NotReady", 0),
        (pod(phase="Pending"), "0/0", "Pending", 0),
        (pod(phase="Failed", reason="Evicted"), "0/0", "Evicted", 0),
        (pod(running(), metadata=DELETED), "1/1", "Terminating", 0),
        (pod(ended(reason="Completed"), phase="Succeeded", metadata=DELETED), "0/1", "Completed", 0),
        (pod(running(), reason="NodeLost", metadata=DELETED), "1/1", "Unknown", 0),
        (
            pod(waiting("PodInitializing"), phase="Pending", init=(running("i"), waiting("PodInitializing", "j"))),
            "0/1", "Init:0/2", 0,
        ),
        (
            pod(waiting("PodInitializing"), phase="Pending", init=(ended(name="i"), running("j"))),
            "0/1", "Init:1/2", 0,
        ),
        (
            pod(waiting("PodInitializing"), phase="Pending", init=(waiting("CrashLoopBackOff", "i", 3),)),
            "0/1", "Init:CrashLoopBackOff", 3,
        ),
        (pod(waiting("PodInitializing"), init=(ended(1, "i", reason="Error"),)), "0/1", "Init:Error", 0),
        (pod(waiting("PodInitializing"), init=(ended(4, "i"),)), "0/1", "Init:ExitCode:4", 0),
        (pod(waiting("PodInitializing"), init=(ended(137, "i", signal=9),)), "0/1", "Init:Signal:9", 0),
        (pod(waiting("PodInitializing"), phase="Pending", init=(ended(name="i"),)), "0/1", "PodInitializing", 0),
        (pod(running(restarts=1), init=(ended(name="i"),)), "1/1", "Running", 1),
        (pod(running(), init=(running("s", restarts=2),), sidecars=("s",)), "2/2", "Running", 2),
        (pod(running(), init=(running("s", ready=False),), sidecars=("s",)), "1/2", "Running", 0),
        (
            pod(running(), init=(waiting("CrashLoopBackOff", "s"),), sidecars=("s",), true=("Initialized",)),
            "1/2", "Init:CrashLoopBackOff", 0,
        ),
        (
            pod(waiting("ContainerCreating"), conditions=[{"type": "PodScheduled", "reason": "SchedulingGated"}]),
            "0/1", "ContainerCreating", 0,
        ),
        (pod(phase="Pending", conditions=[{"type": "PodScheduled", "reason": "SchedulingGated"}]),
         "0/0", "SchedulingGated", 0),
        ({"metadata": {"name": "bare"}, "spec": {"containers": [{"name": "a"}]}}, "0/1", "Pending", 0),
        ({"metadata": {"name": "over-mqtt"}, "status": {"phase": "Running", "containerStatuses": [running()]}},
         "1/1", "Running", 0),
    ],
)  # fmt: skip
def test_the_status_of_a_pod_is_what_kubectl_says(
    document: dict[str, Any], ready: str, status: str, restarts: int
) -> None:
    line = pods.summary(document)
    assert (f"{line.ready}/{line.total}", line.status, line.restarts) == (ready, status, restarts)


def test_a_row_says_when_the_last_restart_was() -> None:
    document = pod(
        running(restarts=2, ended="2026-01-01T00:59:55Z"), running("b", restarts=1, ended="2026-01-01T00:10:00Z")
    )
    text = Table(PODS, Style()).text([document], now=NOW)
    assert text == "NAME   READY   STATUS    RESTARTS     AGE\nweb    2/2     Running   3 (5s ago)   60m\n"


def test_the_wide_table_adds_address_and_node() -> None:
    document = pod(running(), podIPs=[{"ip": "10.0.0.2"}])
    document["spec"] |= {"nodeName": "pi", "readinessGates": [{"conditionType": "x"}]}
    text = Table(PODS, Style(wide=True, headers=False)).text([document], now=NOW)
    assert text.split() == ["web", "1/1", "Running", "0", "60m", "10.0.0.2", "pi", "<none>", "0/1"]


def test_namespace_labels_and_kind_are_columns_when_asked_for() -> None:
    document = pod(running(), metadata={"labels": {"b": "2", "a.io/x": "1"}})
    style = Style(with_namespace=True, with_kind=True, show_labels=True, label_columns=("a.io/x", "none"))
    header, row = Table(PODS, style).text([document], now=NOW).splitlines()
    assert header.split() == ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE", "X", "NONE", "LABELS"]
    assert row.split() == ["default", "pod/web", "1/1", "Running", "0", "60m", "1", "<none>", "a.io/x=1,b=2"]


STATUSES = st.lists(
    st.one_of(
        st.builds(running, st.sampled_from("ab"), ready=st.booleans(), restarts=st.integers(0, 9)),
        st.builds(waiting, st.sampled_from(["", "X", "PodInitializing"]), st.sampled_from("ab")),
        st.builds(ended, st.integers(0, 255), st.sampled_from("ab")),
    ),
    max_size=3,
)


@given(STATUSES, STATUSES, st.sampled_from(["Pending", "Running", "Succeeded", "Failed"]))
def test_no_pod_is_more_ready_than_it_has_containers(
    init: list[dict[str, Any]], statuses: list[dict[str, Any]], phase: str
) -> None:
    line = pods.summary(pod(*statuses, init=tuple(init), phase=phase))
    assert isinstance(line, Summary)
    assert line.status
    assert 0 <= line.ready <= len(statuses) + len(init)
    assert line.restarts >= 0
