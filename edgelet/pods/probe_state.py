"""When answers of a probe become a result: thresholds, counted over answers in a row. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgelet.api.container import Container
from edgelet.api.probe import Probe

ProbeKind = Literal["startup", "liveness", "readiness"]
KINDS: tuple[ProbeKind, ...] = ("startup", "liveness", "readiness")


@dataclass(frozen=True, slots=True)
class Tally:
    """The answers so far: the last one, and how many like it came in a row."""

    last: bool | None = None
    run: int = 0


def count(tally: Tally, *, success: bool) -> Tally:
    """Return the tally after one more answer."""
    return Tally(success, tally.run + 1 if tally.last is success else 1)


def result(tally: Tally, probe: Probe) -> bool | None:
    """Return what the answers in a row decide; None: too few of them, what held before goes on.

    Source: Kubernetes pkg/kubelet/prober/worker.go doProbe.
    """
    if tally.last is None:
        return None
    needed = (probe.success_threshold if tally.last else probe.failure_threshold) or 1
    return tally.last if tally.run >= needed else None


def final(kind: ProbeKind, *, success: bool) -> bool:
    """Whether a result ends the probe until there is a new instance."""
    return kind == "startup" or (kind == "liveness" and not success)


def of(container: Container, kind: ProbeKind) -> Probe | None:
    """Return a container's probe of a kind."""
    match kind:
        case "startup":
            return container.startup_probe
        case "liveness":
            return container.liveness_probe
        case "readiness":
            return container.readiness_probe


def first_wait_s(probe: Probe, *, age_s: float, spread_s: float) -> float:
    """Return the wait before the first question.

    Args:
        probe: Whose initialDelaySeconds counts from the start of the container.
        age_s: How long the container has been running.
        spread_s: At least so long: after a restart of the agent not all probes ask at once.
    """
    return max(spread_s, min(float(probe.initial_delay_seconds or 0), (probe.initial_delay_seconds or 0) - age_s), 0.0)
