"""CrashLoopBackOff: how long a container that ended waits before it starts again."""

from __future__ import annotations

from dataclasses import dataclass

_FORGET_FACTOR = 2  # an entry is forgotten after twice the longest wait (client-go: hasExpired)


@dataclass(frozen=True, slots=True)
class BackoffSettings:
    """The first wait and the longest one."""

    initial_s: float = 10.0
    max_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Entry:
    """What is remembered of one container: the wait before its next start, and when it started last (monotonic)."""

    delay_s: float
    started_s: float


def remaining_s(entry: Entry | None, *, ended_s: float, now_s: float, settings: BackoffSettings) -> float:
    """Return how long the container still has to wait; 0 = it may start now. All times are monotonic.

    Source: Kubernetes pkg/kubelet/kuberuntime doBackOff, client-go util/flowcontrol Backoff.IsInBackOffSince.
    """
    if entry is None or _forgotten(entry, ended_s=ended_s, settings=settings):
        return 0.0
    return max(0.0, entry.delay_s - (now_s - ended_s))  # in this order rounding never makes it longer


def advance(entry: Entry | None, *, ended_s: float, now_s: float, settings: BackoffSettings) -> Entry:
    """Return what to remember when the container starts again: 10 s, then doubled up to the longest wait.

    Source: client-go util/flowcontrol Backoff.Next.
    """
    if entry is None or _forgotten(entry, ended_s=ended_s, settings=settings):
        return Entry(delay_s=settings.initial_s, started_s=now_s)
    return Entry(delay_s=min(entry.delay_s * 2, settings.max_s), started_s=now_s)


def _forgotten(entry: Entry, *, ended_s: float, settings: BackoffSettings) -> bool:
    return ended_s - entry.started_s > _FORGET_FACTOR * settings.max_s
