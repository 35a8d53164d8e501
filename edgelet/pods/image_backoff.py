"""ErrImagePull and ImagePullBackOff: how long a pull waits, and what people see meanwhile."""

from __future__ import annotations

from edgelet.pods.memory import ImageFailed
from edgelet.pods.restart_backoff import BackoffSettings

_FRESH_S = 2.0  # so long the failure itself is shown, then that it is being waited
_KEPT = frozenset({"ErrImageNeverPull", "InvalidImageName", "ImageInspectError"})  # shown as they are
_LOOK_EVERY_S = 10.0  # kubelet: backOffPeriod of a pod that failed to sync


def next_delay_s(delay_s: float, settings: BackoffSettings) -> float:
    """Return the wait after a failed pull: 10 s, then doubled up to 300 s.

    Source: Kubernetes pkg/kubelet/images/image_manager.go.
    """
    return settings.initial_s if delay_s <= 0 else min(delay_s * 2, settings.max_s)


def waits(reason: str) -> bool:
    """Whether a failure becomes ImagePullBackOff while it waits; others are shown as they are."""
    return reason not in _KEPT


def shown(failed: ImageFailed, *, image: str, now_s: float) -> tuple[str, str]:
    """Return reason and message: the failure for a moment, then ImagePullBackOff until the next try."""
    if failed.reason in _KEPT or now_s < failed.failed_s + _FRESH_S:
        return failed.reason, failed.message
    return "ImagePullBackOff", f'Back-off pulling image "{image}": {failed.reason}: {failed.message}'


def look_at_s(*, policy: str | None, reason: str, retry_at_s: float, now_s: float) -> float:
    """Return when to see whether the image was brought by hand or by another pod: the back-off holds pulls alone.

    Source: Kubernetes pkg/kubelet/images/image_manager.go EnsureImageExists looks for it before it asks the back-off.
    """
    useless = policy == "Always" or reason == "InvalidImageName"
    return retry_at_s if useless else min(retry_at_s, now_s + _LOOK_EVERY_S)


def wake_in_s(failed: ImageFailed, *, now_s: float) -> float:
    """Return when to look again: where the words change, and where the next look or try is due."""
    turn_s = failed.failed_s + _FRESH_S
    if failed.reason not in _KEPT and now_s < turn_s:
        return min(turn_s, failed.look_at_s) - now_s
    return max(0.0, failed.look_at_s - now_s)
