"""Ending containers: preStop hook, stop signal, SIGKILL, all within the grace period."""

from __future__ import annotations

import asyncio

from edgelet.api.pod import Pod
from edgelet.pods.hooks import Hooks
from edgelet.pods.pod_events import PodEvents
from edgelet.pods.probe_call import CarePorts
from edgelet.pods.steps import KillContainers, Target

_LEAST_S = 2.0  # kubelet: minimumGracePeriodInSeconds, from the stop signal on, whatever the grace period is


async def kill(ports: CarePorts, hooks: Hooks, pod: Pod, step: KillContainers, ips: tuple[str, ...]) -> None:
    """End the step's containers together; return when they are gone.

    Raises:
        EngineError: One of them could not be ended.

    Source: Kubernetes kuberuntime_container.go killContainer, killContainersWithSyncResult.
    """
    told = PodEvents(ports.events, pod)
    for one in step.targets:
        told("Killing", step.message.format(name=one.container), container=one.container)
    hooked = step.hooks and step.grace_s > 0
    if hooked:
        for one in step.later:
            hooks.begin_pre_stop(pod, one, ips)
    begun = [hooks.begin_pre_stop(pod, one, ips) if hooked else None for one in step.targets]
    ends = [_end(ports, hooks, one, hook, step.grace_s) for one, hook in zip(step.targets, begun, strict=True)]
    for failure in await asyncio.gather(*ends, return_exceptions=True):
        if failure is not None:
            raise failure


async def _end(ports: CarePorts, hooks: Hooks, target: Target, hook: asyncio.Task[None] | None, grace_s: float) -> None:
    left_s = grace_s
    if hook is not None:
        began_s = ports.clock.monotonic_s()
        await asyncio.wait({hook}, timeout=grace_s)  # one that overruns goes on until the container is gone
        left_s = grace_s - (ports.clock.monotonic_s() - began_s)
    await ports.runtime.stop_container(target.id, grace_s=max(_LEAST_S, left_s))
    hooks.stopped(target.id)
