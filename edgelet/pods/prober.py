"""The probes of one pod: a task for each that asks now, kept in step with what its worker sees."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from edgelet.api.pod import Pod
from edgelet.pods import probe_call, probe_state, probe_subjects
from edgelet.pods.memory import Memory
from edgelet.pods.probe_call import CarePorts
from edgelet.pods.probe_state import ProbeKind, Tally
from edgelet.pods.probe_subjects import Key, Subject
from edgelet.ports.runtime import ObservedPod

log = logging.getLogger(__name__)

Tell = Callable[[str, ProbeKind, bool], None]  # container id, which probe, what it decided


class Prober:
    """Owned by one worker; `tell` hears each result, a repeated one too."""

    def __init__(self, ports: CarePorts, *, tell: Tell) -> None:
        self._ports = ports
        self._tell = tell
        self._began_s = ports.clock.monotonic_s()
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._pod: Pod | None = None
        self._ips: tuple[str, ...] = ()

    def follow(self, pod: Pod, seen: ObservedPod | None, memory: Memory) -> None:
        """Begin what is to ask, end what is not any more."""
        self._pod, self._ips = pod, memory.ips
        subjects = {one.key: one for one in probe_subjects.of(pod, seen, memory)}
        for key in self._tasks.keys() - subjects.keys():
            self._tasks.pop(key).cancel()
        for key in subjects.keys() - self._tasks.keys():
            self._tasks[key] = self._begin(pod, subjects[key])

    def close(self) -> None:
        """End all of them."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    def _begin(self, pod: Pod, subject: Subject) -> asyncio.Task[None]:
        name = f"probe/{pod.metadata.uid}/{subject.container.name}/{subject.kind}"
        return asyncio.create_task(self._ask_for_ever(subject), name=name)

    async def _ask_for_ever(self, subject: Subject) -> None:
        clock, period_s = self._ports.clock, float(subject.probe.period_seconds or 10)
        await clock.sleep(self._first_wait_s(subject, period_s))
        due_s = clock.monotonic_s()
        tally = Tally()
        while self._pod is not None:
            answer = await self._ask(self._pod, subject)
            if answer is not None:
                tally = probe_state.count(tally, success=answer)
                result = probe_state.result(tally, subject.probe)
                if result is not None:
                    self._tell(subject.container_id, subject.kind, result)
                    if probe_state.final(subject.kind, success=result):
                        return
            now_s = clock.monotonic_s()
            due_s = max(due_s + period_s, now_s)  # one that takes longer than its period is asked again at once
            await clock.sleep(due_s - now_s)

    async def _ask(self, pod: Pod, subject: Subject) -> bool | None:
        try:
            return await probe_call.ask(self._ports, pod, subject, self._ips)
        except Exception:
            log.exception("a defect in a probe", extra={"pod_uid": pod.metadata.uid, "reason": "InternalError"})
            return None

    def _first_wait_s(self, subject: Subject, period_s: float) -> float:
        clock = self._ports.clock
        age_s = max(0.0, (clock.now() - subject.started_at).total_seconds())
        ran_before = age_s > clock.monotonic_s() - self._began_s
        spread_s = self._ports.chance() * period_s if ran_before else 0.0
        return probe_state.first_wait_s(subject.probe, age_s=age_s, spread_s=spread_s)
