from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from edgelet.api.container import Container
from edgelet.api.pod import Pod
from edgelet.api.probe import Probe
from edgelet.pods import container_health, probe_subjects, remember
from edgelet.pods.instances import Instance
from edgelet.pods.memory import ContainerMemory, Memory, PostStart, ProbeResults, SeenExit
from edgelet.ports.runtime import (
    ContainerState,
    Created,
    Exited,
    ObservedContainer,
    ObservedPod,
    PodRef,
    Running,
)
from tests import builders

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUNNING = Running(started_at=NOW, pid=1)
ENDED = Exited(exit_code=0, started_at=NOW, finished_at=NOW)


def instance(state: ContainerState = RUNNING, number: int = 0) -> Instance:
    return Instance(name="c", number=number, id="id", image="i", image_id="i", spec_hash="", state=state, present=True)


def memory(
    results: ProbeResults | None = None, hook: Literal["due", "running", "failed"] | None = None, **fields: Any
) -> Memory:
    known = ContainerMemory(post_start=PostStart(0, hook) if hook else None)
    return Memory(containers={"c": known}, probes={"id": results} if results else {}, **fields)


PLAIN = Container(name="c")
PROBED = Container(name="c", startup_probe=Probe(), liveness_probe=Probe(), readiness_probe=Probe())


@pytest.mark.parametrize(
    ("container", "newest", "known", "started", "ready"),
    [
        (PLAIN, None, memory(), False, False),
        (PLAIN, instance(Created()), memory(), False, False),
        (PLAIN, instance(), memory(), True, True),
        (PLAIN, instance(ENDED), memory(), False, False),
        (PLAIN, instance(), memory(hook="due"), False, False),
        (PLAIN, instance(), memory(hook="running"), False, False),
        (PLAIN, instance(), memory(hook="failed"), False, False),
        (PLAIN, instance(number=1), memory(hook="running"), True, True),
        (PROBED, instance(), memory(), False, False),
        (PROBED, instance(), memory(ProbeResults(startup=False)), False, False),
        (PROBED, instance(), memory(ProbeResults(startup=True)), True, False),
        (PROBED, instance(), memory(ProbeResults(startup=True, readiness=False)), True, False),
        (PROBED, instance(), memory(ProbeResults(startup=True, readiness=True)), True, True),
        (PROBED, instance(), memory(ProbeResults(readiness=True)), False, False),
        (PROBED, instance(ENDED), memory(ProbeResults(startup=True, readiness=True)), False, False),
        (PROBED, instance(), memory(ProbeResults(startup=True, readiness=True), hook="running"), False, False),
    ],
)
def test_started_and_ready(
    container: Container, newest: Instance | None, known: Memory, *, started: bool, ready: bool
) -> None:
    assert container_health.started(container, newest, known) is started
    assert container_health.ready(container, newest, known) is ready


@pytest.mark.parametrize(
    ("policy", "exit_code", "results", "again"),
    [
        ("Always", 0, None, True),
        ("OnFailure", 0, None, False),
        ("OnFailure", 0, ProbeResults(liveness=False), True),
        ("OnFailure", 0, ProbeResults(startup=False), True),
        ("OnFailure", 0, ProbeResults(readiness=False), False),
        ("OnFailure", 1, None, True),
        ("Never", 0, ProbeResults(liveness=False), False),
        ("Never", 137, ProbeResults(liveness=False), False),
    ],
)
def test_what_a_probe_ended_starts_again_unless_never(
    policy: str, exit_code: int, results: ProbeResults | None, *, again: bool
) -> None:
    pod = builders.pod("web", restartPolicy=policy)
    found = container_health.app_restarts(pod, PLAIN, instance(ENDED), memory(results), exit_code)
    assert found is again


def test_a_failed_hook_is_shown_for_a_moment_after_the_end() -> None:
    known = memory(hook="failed", exits={"id": SeenExit(at_s=100.0)})
    assert container_health.hook_rest_s(known, instance(ENDED), now_s=100.25) == 0.75
    assert container_health.hook_rest_s(known, instance(ENDED), now_s=102.0) == 0.0
    assert container_health.hook_rest_s(memory(), instance(ENDED), now_s=100.0) == 0.0


# ---- which probes ask


def seen(*names: str) -> ObservedPod:
    made = tuple(
        ObservedContainer(
            id=f"{name}-id",
            name=name,
            instance=0,
            spec_hash="",
            image="i",
            image_id="i",
            state=RUNNING,
            created_at=NOW,
        )
        for name in names
    )
    return ObservedPod(PodRef("uid", "default", "web"), None, made)


def probed_pod(*, deleting: bool = False) -> Pod:
    every = {one: {"tcpSocket": {"port": 80}} for one in ("startupProbe", "livenessProbe", "readinessProbe")}
    pod = builders.pod("web", builders.container_document("a", **every), builders.container_document("b"))
    if not deleting:
        return pod
    return pod.replace(metadata=pod.metadata.replace(deletion_timestamp=NOW))


@pytest.mark.parametrize(
    ("results", "hook", "deleting", "kinds"),
    [
        (ProbeResults(), None, False, ["startup"]),
        (ProbeResults(startup=True), None, False, ["liveness", "readiness"]),
        (ProbeResults(startup=True, readiness=False), None, False, ["liveness", "readiness"]),
        (ProbeResults(startup=False), None, False, []),
        (ProbeResults(startup=True, liveness=False), None, False, []),
        (ProbeResults(startup=True), "running", False, []),
        (ProbeResults(startup=True), None, True, ["readiness"]),
        (ProbeResults(), None, True, []),
    ],
)
def test_which_probes_ask(
    results: ProbeResults, hook: Literal["running"] | None, kinds: list[str], *, deleting: bool
) -> None:
    known = Memory(
        containers={"a": ContainerMemory(post_start=PostStart(0, hook) if hook else None)}, probes={"a-id": results}
    )
    found = probe_subjects.of(probed_pod(deleting=deleting), seen("a", "b"), known)
    assert [one.kind for one in found] == kinds
    assert {one.container_id for one in found} <= {"a-id"}


def test_nothing_that_does_not_run_is_asked() -> None:
    assert probe_subjects.of(probed_pod(), None, Memory()) == ()
    assert probe_subjects.of(probed_pod(), seen("b"), Memory()) == ()


# ---- what is remembered


def test_results_of_instances_that_are_gone_are_forgotten() -> None:
    results = {"a-id": ProbeResults(readiness=True), "old": ProbeResults(readiness=True)}
    after = remember.look(probed_pod(), seen("a"), Memory(probes=results), now=NOW, now_s=5.0)
    assert set(after.probes) == {"a-id"}
