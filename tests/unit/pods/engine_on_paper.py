"""An engine on paper for tests of the planner: steps are carried out at once, time goes from one event to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

from edgelet.api.pod import Pod
from edgelet.pods import active_deadline, plan, references, remember, restart_backoff
from edgelet.pods.memory import ImagePresent, ImageUnknown, Memory
from edgelet.pods.plan import Situation
from edgelet.pods.restart_backoff import BackoffSettings
from edgelet.pods.spec_hash import spec_hash
from edgelet.pods.steps import (
    FetchImage,
    FinishDeletion,
    KillContainers,
    MakeSandbox,
    PrepareFiles,
    RemoveInstances,
    RemovePod,
    RemoveVolumes,
    ResetContainers,
    ResizeContainer,
    RunPostStart,
    StartContainer,
    Step,
)
from edgelet.ports.images import ImageInfo
from edgelet.ports.runtime import Exited, ObservedContainer, ObservedPod, ObservedSandbox, PodRef, Running

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
IMAGE = ImageInfo(id="i", digests=(), names=("i",), size_bytes=1, user="", architecture="amd64")
Ending = tuple[float, int]  # after how long, with which code
Program = Callable[[str, int], Ending | None]  # of an instance; None runs until it is killed
MOST_AT_ONCE = 60  # rounds without time going by: more is a loop


@dataclass
class Paper:
    """One pod's life. `watch` sees every step before it is done."""

    pod: Pod
    program: Program
    watch: Callable[[Paper, Step], None]
    seen: ObservedPod | None = None
    memory: Memory = field(default_factory=Memory)
    now_s: float = 0.0
    ends: dict[str, Ending] = field(default_factory=dict)
    finished: bool = False

    def live(self, until_s: float) -> None:
        """Go on until nothing is due any more, or the time is over."""
        while not self.finished and self.now_s <= until_s:
            wake_in_s = self._rest()
            events = [at_s for at_s, _ in self.ends.values()]
            if wake_in_s is not None:
                events.append(self.now_s + max(wake_in_s, 0.001))
            if not events:
                return
            self.now_s = min(events)
            for identity, (at_s, code) in tuple(self.ends.items()):
                if at_s <= self.now_s:
                    self._end(identity, code)

    def situation(self) -> Situation:
        """What the planner is given."""
        evicted = active_deadline.exceeded(self.pod, self.memory, now_s=self.now_s)
        return Situation(self.pod, self.seen, self.memory, self.now_s, BackoffSettings(), evicted=evicted)

    def _rest(self) -> float | None:
        for _ in range(MOST_AT_ONCE):
            now = BEGIN + timedelta(seconds=self.now_s)
            self.memory = remember.look(self.pod, self.seen, self.memory, now=now, now_s=self.now_s)
            self.memory = active_deadline.anchored(self.memory, BEGIN, now=now, now_s=self.now_s)
            round_ = plan.plan(self.situation())
            if not round_.steps:
                return round_.wake_in_s
            for step in round_.steps:
                self.watch(self, step)
                self._do(step)
                if self.finished:
                    return None
        raise AssertionError(f"never at rest: {round_}")

    def _do(self, step: Step) -> None:  # noqa: C901, PLR0912  one case a step
        match step:
            case PrepareFiles():
                self.memory = replace(self.memory, files_ready=True)
            case RemoveVolumes():
                self.memory = replace(self.memory, volumes_gone=True, files_ready=False)
            case MakeSandbox(attempt=attempt):
                ref = PodRef(uid="u", namespace="default", name="web")
                sandbox = ObservedSandbox(
                    f"s{attempt}", ready=True, ips=("10.0.0.2",), created_at=BEGIN, attempt=attempt
                )
                self.seen = ObservedPod(ref, sandbox)
                self.memory = replace(self.memory, initialized=False, sandbox_made_s=self.now_s)
            case FetchImage(container=name):
                self._remember(name, image=ImagePresent(IMAGE))
            case StartContainer():
                self._start(step)
            case KillContainers(targets=targets):
                for one in targets:
                    self._end(one.id, 143)
            case RemoveInstances(ids=ids):
                self._remove(ids)
            case ResetContainers(ids=ids):
                self._remove(ids)
                self.memory = remember.reset(self.pod, self.memory)
            case RemovePod():
                self.seen, self.ends = None, {}
                self.memory = remember.without_sandbox(self.memory)
            case ResizeContainer(container=name):
                container = next(one for one in references.every_container(self.pod) if one.name == name)
                self._remember(name, resources=container.resources)
            case RunPostStart(container=name):
                self._remember(name, post_start=None)
            case FinishDeletion():
                self.finished = True
            case _ as never:
                assert_never(never)

    def _start(self, step: StartContainer) -> None:
        assert self.seen is not None
        container = next(one for one in references.every_container(self.pod) if one.name == step.container)
        known = self.memory.container(step.container)
        backoff = known.backoff
        if step.ended_s is not None:
            backoff = restart_backoff.advance(
                backoff, ended_s=step.ended_s, now_s=self.now_s, settings=BackoffSettings()
            )
        given = container.resources
        self._remember(step.container, image=ImageUnknown(), backoff=backoff, resources=given, restart_due=False)
        at = BEGIN + timedelta(seconds=self.now_s)
        identity = f"{step.container}#{step.instance}"
        made = ObservedContainer(
            identity, step.container, step.instance, spec_hash(container), "i", "i", Running(at, 1), created_at=at
        )
        assert identity not in {one.id for one in self.seen.containers}, "an instance is made once"
        ordered = sorted((*self.seen.containers, made), key=lambda one: (one.name, one.instance))
        self.seen = replace(self.seen, containers=tuple(ordered))
        if (ending := self.program(step.container, step.instance)) is not None:
            self.ends[identity] = (self.now_s + ending[0], ending[1])

    def _end(self, identity: str, code: int) -> None:
        self.ends.pop(identity, None)
        assert self.seen is not None
        at = BEGIN + timedelta(seconds=self.now_s)
        self.seen = replace(
            self.seen,
            containers=tuple(
                replace(one, state=Exited(code, one.state.started_at, at))
                if one.id == identity and isinstance(one.state, Running)
                else one
                for one in self.seen.containers
            ),
        )

    def _remove(self, ids: tuple[str, ...]) -> None:
        assert self.seen is not None
        self.seen = replace(self.seen, containers=tuple(one for one in self.seen.containers if one.id not in ids))

    def _remember(self, name: str, **changes: Any) -> None:
        known = replace(self.memory.container(name), **changes)
        self.memory = replace(self.memory, containers={**self.memory.containers, name: known})
