"""The lifecycle hooks of one pod, under way: a task for each, beside what its worker does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from edgelet.api.container import Container
from edgelet.api.pod import Pod
from edgelet.pods import hook_call
from edgelet.pods.pod_events import PodEvents
from edgelet.pods.probe_call import CarePorts
from edgelet.pods.steps import RunPostStart, Target

log = logging.getLogger(__name__)

Tell = Callable[[RunPostStart, str | None], None]  # which hook, what went wrong: "" nothing, None: it was broken off


@dataclass(frozen=True, slots=True)
class _Hook:
    kind: str  # PostStart, PreStop
    id: str


class Hooks:
    """Owned by one worker; `tell` hears how postStart hooks end."""

    def __init__(self, ports: CarePorts, *, tell: Tell) -> None:
        self._ports = ports
        self._tell = tell
        self._tasks: dict[_Hook, asyncio.Task[None]] = {}

    def begin_post_start(self, pod: Pod, step: RunPostStart, ips: tuple[str, ...]) -> None:
        """Run the hook of a container that was just started."""
        container = _find(pod, step.container)
        handler = container.lifecycle.post_start if container and container.lifecycle else None
        if container is None or handler is None:
            self._tell(step, "")
            return

        async def run() -> None:
            trouble = await hook_call.run(self._ports, pod, container, step.id, handler, ips)
            if trouble:  # its words may hold secrets: they stay in the status
                self._failed(pod, "PostStart", container.name)
            self._tell(step, trouble)

        task = self._start(_Hook("PostStart", step.id), run(), pod, step.container)
        task.add_done_callback(lambda done: self._post_start_ended(step, done))

    def begin_pre_stop(self, pod: Pod, target: Target, ips: tuple[str, ...]) -> asyncio.Task[None] | None:
        """Run the hook of a container that is to be stopped, once; None where it has none."""
        hook = _Hook("PreStop", target.id)
        if (known := self._tasks.get(hook)) is not None:
            return known
        container = _find(pod, target.container)
        handler = container.lifecycle.pre_stop if container and container.lifecycle else None
        if container is None or handler is None:
            return None

        async def run() -> None:
            if await hook_call.run(self._ports, pod, container, target.id, handler, ips):
                self._failed(pod, "PreStop", container.name)

        return self._start(hook, run(), pod, target.container)

    def stopped(self, container_id: str) -> None:
        """Forget the hooks of a container that is gone."""
        for kind in ("PostStart", "PreStop"):
            if task := self._tasks.pop(_Hook(kind, container_id), None):
                task.cancel()

    def break_off_post_starts(self) -> None:
        """End the postStart hooks that are under way: the pod is being deleted."""
        for hook in [one for one in self._tasks if one.kind == "PostStart"]:
            self._tasks.pop(hook).cancel()

    def close(self) -> None:
        """End all of them."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    def _start(self, hook: _Hook, work: Coroutine[Any, Any, None], pod: Pod, name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"hook/{pod.metadata.uid}/{name}/{hook.kind}")
        self._tasks[hook] = task
        task.add_done_callback(_ended)
        return task

    def _post_start_ended(self, step: RunPostStart, task: asyncio.Task[None]) -> None:
        hook = _Hook("PostStart", step.id)
        if self._tasks.get(hook) is task:
            del self._tasks[hook]
        if task.cancelled() or task.exception() is not None:
            self._tell(step, None)

    def _failed(self, pod: Pod, kind: str, container: str) -> None:
        PodEvents(self._ports.events, pod)(f"Failed{kind}Hook", f"{kind}Hook failed", container=container, warning=True)


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a defect in a hook", exc_info=error, extra={"reason": "InternalError"})


def _find(pod: Pod, name: str) -> Container | None:
    return next((one for one in (*pod.spec.init_containers, *pod.spec.containers) if one.name == name), None)
