"""What holds for every pod, whatever its containers do."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edgelet.api.container import EphemeralContainer
from edgelet.api.pod import Pod
from edgelet.pods import phase, references, restart_policy
from edgelet.pods.steps import KillContainers, ResetContainers, StartContainer, Step
from edgelet.ports.runtime import Exited, Running
from tests.unit.pods.engine_on_paper import Ending, Paper

LONG_S = 3000.0
CODES = [0, 1, 42]
RULES = st.lists(
    st.fixed_dictionaries(
        {
            "action": st.sampled_from(["Restart", "RestartAllContainers"]),
            "exitCodes": st.fixed_dictionaries(
                {
                    "operator": st.sampled_from(["In", "NotIn"]),
                    "values": st.lists(st.sampled_from(CODES), min_size=1, max_size=2),
                }
            ),
        }
    ),
    max_size=1,
)
POLICY = st.sampled_from(["Always", "OnFailure", "Never"])
ENDING: st.SearchStrategy[Ending | None] = st.none() | st.tuples(
    st.sampled_from([0.0, 1.0, 700.0]), st.sampled_from(CODES)
)


@st.composite
def containers(draw: st.DrawFn, prefix: str, most: int, *, init: bool) -> list[dict[str, Any]]:
    made = []
    for index in range(draw(st.integers(0 if init else 1, most))):
        one: dict[str, Any] = {"name": f"{prefix}{index}", "image": "i"}
        if init and draw(st.booleans()):
            one["restartPolicy"] = "Always"
        elif draw(st.booleans()):
            one |= {"restartPolicy": draw(POLICY), "restartPolicyRules": draw(RULES)}
            if init and one["restartPolicy"] == "Always":
                one["restartPolicy"] = "Never"
        made.append(one)
    return made


@st.composite
def papers(draw: st.DrawFn) -> tuple[Pod, dict[tuple[str, int], Ending | None]]:
    spec: dict[str, Any] = {
        "restartPolicy": draw(POLICY),
        "terminationGracePeriodSeconds": 30,
        "initContainers": draw(containers("i", 3, init=True)),
        "containers": draw(containers("a", 2, init=False)),
    }
    if draw(st.booleans()):
        spec["ephemeralContainers"] = [{"name": "e", "image": "i"}]
    if draw(st.booleans()):
        spec["activeDeadlineSeconds"] = draw(st.sampled_from([1, 30, 1000]))
    pod = Pod.model_validate({"metadata": {"name": "web", "namespace": "default", "uid": "u"}, "spec": spec})
    names = [one.name for one in references.every_container(pod)]
    return pod, {(name, instance): draw(ENDING) for name in names for instance in range(3)}


def _played(case: tuple[Pod, dict[tuple[str, int], Ending | None]], *checks: Any) -> Paper:
    pod, endings = case

    def watch(paper: Paper, step: Step) -> None:
        for check in checks:
            check(paper, step)

    paper = Paper(pod, lambda name, instance: endings.get((name, min(instance, 2))), watch)
    paper.live(LONG_S)
    return paper


def _no_app_before_its_inits(paper: Paper, step: Step) -> None:
    apps = {one.name for one in paper.pod.spec.containers}
    if isinstance(step, StartContainer) and step.container in apps:
        assert phase.initialized(paper.pod, paper.seen, paper.memory)


def _inits_in_order(paper: Paper, step: Step) -> None:
    inits = list(paper.pod.spec.init_containers)
    index = next(
        (i for i, one in enumerate(inits) if isinstance(step, StartContainer) and one.name == step.container), 0
    )
    if paper.memory.initialized:
        return
    for one in inits[:index]:
        if restart_policy.is_sidecar(one):
            continue  # it may have ended since it was passed
        assert phase.init_done(paper.pod, one.name, paper.seen, paper.memory)


def _nothing_that_the_policy_forbids(paper: Paper, step: Step) -> None:
    if not isinstance(step, StartContainer):
        return
    pod, memory = paper.pod, paper.memory
    container = next(one for one in references.every_container(pod) if one.name == step.container)
    there = [one for one in (paper.seen.containers if paper.seen else ()) if one.name == step.container]
    if not there:
        return  # a first start, or one in a new sandbox, or after everything was reset
    newest = max(there, key=lambda one: one.instance)
    assert not isinstance(newest.state, Running), "one instance at a time"
    assert isinstance(newest.state, Exited)
    assert not isinstance(container, EphemeralContainer), "started once"
    code = newest.state.exit_code
    if container in pod.spec.init_containers:
        assert restart_policy.init_restarts(pod, container, code)
    else:
        assert restart_policy.app_restarts(pod, container, code) or memory.container(container.name).restart_due


def _no_start_after_the_end(paper: Paper, step: Step) -> None:
    if isinstance(step, StartContainer):
        assert phase.decide(paper.pod, paper.seen, paper.memory) not in {"Succeeded", "Failed"}
        assert paper.situation().evicted is None


def _kills_only_what_runs(paper: Paper, step: Step) -> None:
    if isinstance(step, KillContainers):
        states = {one.id: one.state for one in (paper.seen.containers if paper.seen else ())}
        assert all(isinstance(states.get(one.id), Running) for one in step.targets)
    if isinstance(step, ResetContainers):
        names = {one.name for one in references.containers(paper.pod)}
        mine = [one for one in (paper.seen.containers if paper.seen else ()) if one.name in names]
        assert not any(isinstance(one.state, Running) for one in mine)


@given(papers())
def test_the_rules_of_kubernetes_hold_at_every_step_and_every_pod_comes_to_rest(case: Any) -> None:
    _played(
        case,
        _no_app_before_its_inits,
        _inits_in_order,
        _nothing_that_the_policy_forbids,
        _no_start_after_the_end,
        _kills_only_what_runs,
    )


@given(papers())
def test_what_is_final_stays_final_and_nothing_of_it_runs(case: Any) -> None:
    paper = _played(case)
    if paper.situation().evicted is None and phase.decide(paper.pod, paper.seen, paper.memory) in {
        "Pending",
        "Running",
    }:
        return
    assert paper.seen is None
    assert paper.memory.volumes_gone


@given(papers())
def test_the_same_situation_has_the_same_plan(case: Any) -> None:
    first, second = _played(case), _played(case)
    assert (first.seen, first.memory, first.now_s) == (second.seen, second.memory, second.now_s)


@given(papers(), st.sampled_from([0.0, 1.0, 100.0]))
def test_a_pod_that_is_deleted_is_gone_whatever_it_was_doing(case: Any, at_s: float) -> None:
    pod, endings = case
    paper = Paper(pod, lambda name, instance: endings.get((name, min(instance, 2))), lambda _paper, _step: None)
    paper.live(at_s)
    metadata = pod.metadata.replace(deletion_timestamp="2026-01-01T00:00:00Z", deletion_grace_period_seconds=5)
    paper.pod = pod.replace(metadata=metadata)
    paper.live(LONG_S)
    assert paper.finished
    assert paper.seen is None
