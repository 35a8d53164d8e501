"""Pods as the store has them. A card that wears out changes bytes where JSON stays JSON: one object pays, not all."""

from __future__ import annotations

import logging

from edgelet.api.pod import Pod
from edgelet.api.pod_status import PodStatus
from edgelet.ports.object_store import StoredObject

log = logging.getLogger(__name__)


def status_of(stored: StoredObject) -> PodStatus:
    """Return the status; an empty one where it cannot be read: it is built anew from what the engine shows."""
    try:
        return PodStatus.model_validate(stored.document.get("status") or {})
    except ValueError as error:
        log.warning(
            "a stored status cannot be read and is made anew",
            extra={"pod": str(stored.key), "reason": "StatusUnreadable", "error": error},
        )
        return PodStatus()


def pod_of(stored: StoredObject) -> Pod:
    """Return the pod with its status.

    Raises:
        ValueError: What is wanted cannot be read.
    """
    return Pod.model_validate({**stored.document, "status": status_of(stored)})
