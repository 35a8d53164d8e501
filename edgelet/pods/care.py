"""What a pod's worker does around running containers: probes and hooks, and what their results make of memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from edgelet.api.pod import Pod
from edgelet.pods import container_health, ending, references
from edgelet.pods.hooks import Hooks
from edgelet.pods.memory import Memory, PostStart, Problem
from edgelet.pods.probe_call import CarePorts
from edgelet.pods.probe_state import ProbeKind
from edgelet.pods.prober import Prober
from edgelet.pods.steps import KillContainers, RunPostStart, StartContainer
from edgelet.ports.runtime import ObservedPod


class Care:
    """Owned by one worker. Results go into its memory; `news` is called when there is one to act on.

    Args:
        ports: For probes and hooks.
        memory: Reads the worker's memory.
        keep: Replaces it.
        news: Wakes the worker.
    """

    def __init__(
        self,
        ports: CarePorts,
        *,
        memory: Callable[[], Memory],
        keep: Callable[[Memory], None],
        news: Callable[[], None],
    ) -> None:
        self._ports = ports
        self._memory = memory
        self._keep = keep
        self._news = news
        self._prober = Prober(ports, tell=self._probed)
        self._hooks = Hooks(ports, tell=self._hooked)

    def follow(self, pod: Pod, seen: ObservedPod | None) -> None:
        """Have the right probes ask; a pod that is being deleted waits for no postStart hook."""
        if pod.metadata.deletion_timestamp is not None:
            self._hooks.break_off_post_starts()
        self._prober.follow(pod, seen, self._memory())

    def expect_hook(self, pod: Pod, step: StartContainer) -> None:
        """Note before the start that a hook belongs to it: the start may be broken off after it was made."""
        found = next(one for one in references.every_container(pod) if one.name == step.container)
        hooked = found.lifecycle is not None and found.lifecycle.post_start is not None
        self._post_start(step.container, step.instance, "due" if hooked else None)

    def run_post_start(self, pod: Pod, step: RunPostStart) -> None:
        """Begin the hook of a container that was started."""
        self._post_start(step.container, step.instance, "running")
        self._hooks.begin_post_start(pod, step, self._memory().ips)

    async def kill(self, pod: Pod, step: KillContainers) -> None:
        """End containers with their preStop hooks. Raises EngineError."""
        await ending.kill(self._ports, self._hooks, pod, step, self._memory().ips)

    def close(self) -> None:
        """End all probes and hooks; the last call. What holds one another is let go of."""
        self._prober.close()
        self._hooks.close()
        del self._prober, self._hooks

    def _post_start(self, name: str, instance: int, state: Literal["due", "running", "failed"] | None) -> None:
        known = replace(self._memory().container(name), post_start=PostStart(instance, state) if state else None)
        self._keep(replace(self._memory(), containers={**self._memory().containers, name: known}))

    def _hooked(self, step: RunPostStart, trouble: str | None) -> None:
        """Hear how a postStart hook ended."""
        memory = self._memory()
        known = memory.container(step.container)
        if known.post_start != PostStart(step.instance, "running"):
            return
        after = replace(known, post_start=None)
        if trouble:
            problem = Problem(container_health.HOOK_ERROR, trouble, retry_at_s=None)
            after = replace(known, post_start=PostStart(step.instance, "failed"), problem=problem)
        self._keep(replace(memory, containers={**memory.containers, step.container: after}))
        self._news()

    def _probed(self, container_id: str, kind: ProbeKind, result: bool) -> None:  # noqa: FBT001  a callback's shape
        """Hear what a probe decided; only a change is news."""
        memory = self._memory()
        known = memory.probed(container_id)
        after = replace(known, **{kind: result})
        if after != known:
            self._keep(replace(memory, probes={**memory.probes, container_id: after}))
            self._news()
