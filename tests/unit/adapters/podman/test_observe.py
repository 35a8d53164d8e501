from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.adapters.podman import inspection, labels, observe
from edgelet.adapters.podman.exits import End
from edgelet.adapters.podman.inspection import Inspected, ListedPod
from edgelet.adapters.podman.observe import Knowledge
from edgelet.ports.runtime import Created, Exited, PodRef, Running

POD = PodRef(uid="u-1", namespace="default", name="web")
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = START + timedelta(seconds=9)
ZERO = "0001-01-01T00:00:00Z"
SEEN = Inspected(
    id="a" * 64,
    pod_id="p" * 64,
    pod=POD,
    name="main",
    labels={},
    infra=False,
    status="running",
    created_at=START,
    image="localhost/app:1",
    image_id="sha256:1",
    pid=42,
    started_at=START,
)
SANDBOX = ListedPod(
    id="p" * 64,
    name="web_default_u-1_0",
    created_at=START,
    infra_id="i" * 64,
    pod=POD,
    attempt=0,
    namespaces=labels.HostNamespaces(),
)
INFRA = replace(SEEN, id="i" * 64, name="", infra=True, ips=("10.77.0.2",))
END = End(3, LATER)
LOST = End(137, LATER, lost=True)


@pytest.mark.parametrize(
    ("seen", "known", "wanted"),
    [
        (SEEN, Knowledge(), Running(START, 42)),
        (replace(SEEN, status="paused"), Knowledge(), Running(START, 42)),
        (SEEN, Knowledge(END, dead=True), Exited(3, START, LATER)),
        (SEEN, Knowledge(dead=True), Exited(137, START, None, lost=True)),
        (SEEN, Knowledge(LOST, dead=True), Exited(137, START, LATER, lost=True)),
        (replace(SEEN, status="created", started_at=None), Knowledge(), Created()),
        (replace(SEEN, status="initialized", started_at=None), Knowledge(), Created()),
        (replace(SEEN, status="created"), Knowledge(), Exited(137, START, None, lost=True)),  # after a reboot
        (
            replace(SEEN, status="created", started_at=None),
            Knowledge(End(127, LATER, message="not found"), dead=True),
            Exited(127, None, LATER, message="not found"),
        ),
        (replace(SEEN, status="exited", exit_code=5, finished_at=LATER), Knowledge(), Exited(5, START, LATER)),
        (replace(SEEN, status="exited", exit_code=5, finished_at=LATER), Knowledge(LOST), Exited(5, START, LATER)),
        (
            replace(SEEN, status="stopped", exit_code=137, finished_at=LATER),
            Knowledge(End(137, LATER, oom_killed=True)),
            Exited(137, START, LATER, oom_killed=True),
        ),
        (replace(SEEN, status="exited", finished_at=None), Knowledge(), Exited(137, START, None, lost=True)),
        (replace(SEEN, status="removing"), Knowledge(), Exited(137, START, None, lost=True)),
        (replace(SEEN, status=inspection.BROKEN, started_at=None), Knowledge(), Exited(137, None, None, lost=True)),
        (
            replace(SEEN, status="exited", finished_at=START - timedelta(milliseconds=2)),
            Knowledge(),
            Exited(0, START, START),
        ),
    ],
)
def test_a_state_is_decided_from_the_engines_word_and_what_was_seen(
    seen: Inspected, known: Knowledge, wanted: object
) -> None:
    assert observe.state(seen, known) == wanted


statuses = st.sampled_from(
    [
        "created",
        "configured",
        "initialized",
        "running",
        "paused",
        "stopping",
        "stopped",
        "exited",
        "removing",
        "unknown",
        "",
    ]
)
times = st.none() | st.datetimes(timezones=st.just(UTC))


@given(status=statuses, started=times, finished=times, end=st.none() | st.sampled_from([END, LOST]))
def test_what_is_known_dead_is_never_running(
    status: str, started: datetime | None, finished: datetime | None, end: End | None
) -> None:
    seen = replace(SEEN, status=status, started_at=started, finished_at=finished)
    state = observe.state(seen, Knowledge(end, dead=True))
    assert not isinstance(state, Running)
    if end is not None:
        assert isinstance(state, Exited)


@pytest.mark.parametrize(
    ("infra", "known", "ready"),
    [
        (INFRA, Knowledge(), True),
        (None, Knowledge(), False),
        (replace(INFRA, ips=()), Knowledge(), False),
        (replace(INFRA, status="exited"), Knowledge(), False),
        (INFRA, Knowledge(dead=True), False),
        (INFRA, Knowledge(END, dead=True), False),
    ],
)
def test_a_sandbox_is_ready_while_its_infra_container_lives_with_an_address(
    infra: Inspected | None, known: Knowledge, ready: bool
) -> None:
    containers = [infra] if infra else []
    (pod,) = observe.pods([SANDBOX], containers, {INFRA.id: known})
    assert pod.sandbox is not None
    assert pod.sandbox.ready is ready


def test_a_sandbox_on_the_hosts_network_needs_no_address() -> None:
    sandbox = replace(SANDBOX, namespaces=labels.HostNamespaces(network=True))
    (pod,) = observe.pods([sandbox], [replace(INFRA, ips=())], {})
    assert pod.sandbox is not None
    assert (pod.sandbox.ready, pod.sandbox.ips) == (True, ())


def test_the_newest_attempt_is_the_sandbox_and_all_containers_are_of_the_pod() -> None:
    second = replace(SANDBOX, id="q" * 64, attempt=1)
    old = replace(SEEN, labels={labels.CONTAINER_INSTANCE: "0"})
    new = replace(SEEN, id="b" * 64, pod_id=second.id, labels={labels.CONTAINER_INSTANCE: "1"})
    (pod,) = observe.pods([second, SANDBOX], [new, old], {})
    assert pod.sandbox is not None
    assert pod.sandbox.attempt == 1
    assert [each.instance for each in pod.containers] == [0, 1]


def test_containers_whose_sandbox_is_gone_are_still_a_pod() -> None:
    (pod,) = observe.pods([], [SEEN], {})
    assert (pod.pod, pod.sandbox, len(pod.containers)) == (POD, None, 1)


def inspect_document(**changes: Any) -> dict[str, Any]:
    own = {
        labels.OWNER: "me",
        labels.POD_UID: "u-1",
        labels.POD_NAMESPACE: "default",
        labels.POD_NAME: "web",
        labels.CONTAINER_NAME: "main",
        labels.CONTAINER_INSTANCE: "2",
        "app": "web",
    }
    return {
        "Id": "a" * 64,
        "Created": "2026-11-23T01:10:10.354314292Z",
        "State": {
            "Status": "running",
            "Pid": 7,
            "ConmonPid": 6,
            "StartedAt": "2026-11-23T01:10:10.435386017+02:00",
            "FinishedAt": ZERO,
            "CgroupPath": "/libpod_parent/x",
        },
        "Image": "f" * 64,
        "ImageName": "registry.example:5000/team/app:1",
        "ImageDigest": "sha256:d1",
        "Config": {"Labels": own, "StopSignal": 15},
        "NetworkSettings": {"Networks": {"edgelet": {"IPAddress": "10.77.0.2", "GlobalIPv6Address": "fd00::2"}}},
    } | changes


def test_an_inspect_is_parsed() -> None:
    seen = inspection.inspected(inspect_document())
    assert (seen.pod, seen.name, seen.pid, seen.conmon_pid) == (POD, "main", 7, 6)
    assert seen.started_at == datetime(2026, 11, 22, 23, 10, 10, 435386, tzinfo=UTC)
    assert seen.finished_at is None
    assert seen.ips == ("10.77.0.2", "fd00::2")
    assert seen.image_id == "registry.example:5000/team/app@sha256:d1"
    shown = observe.container(seen, observe.NOTHING)
    assert (shown.instance, shown.labels) == (2, {"app": "web"})


@pytest.mark.parametrize(
    ("changes", "image_id"),
    [
        ({"ImageDigest": ""}, f"sha256:{'f' * 64}"),
        ({"ImageName": "f" * 64}, f"sha256:{'f' * 64}"),
        ({"ImageName": "app@sha256:d0"}, "app@sha256:d1"),
        ({"ImageName": "localhost/app"}, "localhost/app@sha256:d1"),
    ],
)
def test_an_image_id_is_a_digest_reference_or_the_id(changes: dict[str, Any], image_id: str) -> None:
    assert inspection.inspected(inspect_document(**changes)).image_id == image_id


@pytest.mark.parametrize(("given_signal", "number"), [(10, 10), ("SIGUSR1", 10), (0, 15), (None, 15), ("", 15)])
def test_the_stop_signal_is_a_number_in_old_and_a_name_in_new_versions(given_signal: Any, number: int) -> None:
    document = inspect_document(Config={"Labels": {}, "StopSignal": given_signal})
    assert inspection.inspected(document).stop_signal == number


def test_a_line_of_the_list_changes_its_fingerprint_with_what_may_have_happened() -> None:
    line = {"Id": "a", "State": "running", "Pid": 7, "StartedAt": 1, "ExitedAt": -1, "ExitCode": 0, "Status": "x"}
    first = inspection.listed(line).fingerprint
    assert inspection.listed(line | {"Status": "up 2 minutes"}).fingerprint == first
    for change in ({"State": "exited"}, {"Pid": 0}, {"StartedAt": 2}, {"ExitedAt": 5}, {"ExitCode": 1}):
        assert inspection.listed(line | change).fingerprint != first


def test_a_pod_without_our_labels_is_none_of_ours() -> None:
    assert inspection.listed_pod({"Id": "x", "Created": "2026-11-23T01:10:10Z", "Labels": None}) is None
