"""Asking a container once, by whatever its probe says, and telling people what came of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from edgelet.api.errors import EdgeletError, EngineError, ProbeError
from edgelet.api.pod import Pod
from edgelet.pods import probe_request, probe_verdict
from edgelet.pods.command_turns import CommandTurns
from edgelet.pods.node_facts import NodeFacts
from edgelet.pods.pod_events import PodEvents
from edgelet.pods.probe_subjects import Subject
from edgelet.pods.probe_verdict import Verdict
from edgelet.ports.clock import Clock
from edgelet.ports.events import EventSink
from edgelet.ports.probe_net import ProbeNet
from edgelet.ports.runtime import Runtime

_TRIES = 3  # kubelet: maxProbeRetries, of a probe that cannot be run
_AT_ONCE = 4
_OUTPUT_BYTES = 10 * 1024


@dataclass(frozen=True, slots=True)
class CarePorts:
    """What probes and hooks act through."""

    runtime: Runtime
    net: ProbeNet
    clock: Clock
    events: EventSink
    node: Callable[[], NodeFacts]
    chance: Callable[[], float] = random.random
    turns: CommandTurns = field(default_factory=lambda: CommandTurns(_AT_ONCE))  # of exec probes of all pods

    def pod_ip(self, pod: Pod, ips: tuple[str, ...]) -> str:
        """Return where a pod is asked: its own address, or the node's where it shares the node's network."""
        found = self.node().host_ips if pod.spec.host_network else ips
        if not found:
            raise EdgeletError("ProbeError", "the pod has no address")
        return found[0]


async def ask(ports: CarePorts, pod: Pod, subject: Subject, ips: tuple[str, ...]) -> bool | None:
    """Ask once; None: the probe could not be run, which says nothing about the container.

    Source: Kubernetes pkg/kubelet/prober/prober.go probe.
    """
    told = PodEvents(ports.events, pod)
    who, name = subject.kind.capitalize(), subject.container.name
    trouble = ""
    for _ in range(_TRIES):
        try:
            verdict = await _run(ports, pod, subject, ips)
        except EdgeletError as error:
            trouble = error.message
        else:
            break
    else:
        told("Unhealthy", f"{who} probe errored and resulted in unknown state: {trouble}", container=name, warning=True)
        return None
    match verdict.outcome:
        case "warning":
            told("ProbeWarning", f"{who} probe warning: {verdict.output}", container=name, warning=True)
        case "failure":
            told("Unhealthy", f"{who} probe failed: {verdict.output}", container=name, warning=True)
        case "success":
            pass
    return verdict.outcome != "failure"


async def _run(ports: CarePorts, pod: Pod, subject: Subject, ips: tuple[str, ...]) -> Verdict:
    probe, container = subject.probe, subject.container
    timeout_s = float(probe.timeout_seconds or 1)
    if probe.exec is not None:
        return await _exec(ports, subject, probe_request.command(probe.exec, container), timeout_s)
    try:
        if probe.http_get is not None:
            request = probe_request.http(
                probe.http_get, container, pod_ip=ports.pod_ip(pod, ips), user_agent=probe_request.PROBE_AGENT
            )
            return probe_verdict.of_http(await ports.net.get(request, timeout_s=timeout_s))
        if probe.tcp_socket is not None:
            number = probe_request.port(probe.tcp_socket.port, container)
            host = probe.tcp_socket.host or ports.pod_ip(pod, ips)
            await ports.net.connect(host, number, timeout_s=timeout_s)
            return Verdict("success")
        if probe.grpc is not None:
            reply = await ports.net.check_health(
                ports.pod_ip(pod, ips),
                probe.grpc.port,
                probe.grpc.service or "",
                user_agent=probe_request.PROBE_AGENT,
                timeout_s=timeout_s,
            )
            return probe_verdict.of_health(reply, timeout_s=timeout_s)
    except ProbeError as error:
        return probe_verdict.of_silence(error)
    raise EdgeletError("ProbeError", f"missing probe handler for {pod.metadata.name}:{container.name}")


async def _exec(ports: CarePorts, subject: Subject, argv: tuple[str, ...], timeout_s: float) -> Verdict:
    call = ports.runtime.exec(subject.container_id, argv, timeout_s=timeout_s, limit_bytes=_OUTPUT_BYTES)
    result = await ports.turns.take(call)
    if result.not_started:
        raise EngineError("BadRequest", f"failed to exec in container: {result.not_started}")
    return probe_verdict.of_exec(result, argv, timeout_s=timeout_s)
