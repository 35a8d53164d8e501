"""Pods that run although the store has lost them: recognised when they are applied again, and gone on with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any

from edgelet.ports.object_store import Document, Key
from edgelet.ports.runtime import ObservedPod

SPEC_LABEL = "io.edgelet.pod.spec"  # on each container: what its pod's spec was


def spec_digest(spec: Any) -> str:
    """Return 32 hex digits over a PodSpec in JSON's shape, defaults applied."""
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Adoption:
    """What runs and is in no store. A pod whose spec differs is not taken up: it is made anew."""

    def __init__(self) -> None:
        self._uids: dict[tuple[str, str, str], str] = {}

    def learn(self, pods: Collection[ObservedPod], *, stored: Collection[str]) -> None:
        """Take note of what the engine has. `stored`: uids of pods that were not lost.

        The containers of a pod may tell of several specs, where its image was changed while it ran: the newest counts.
        """
        for pod in sorted(pods, key=lambda one: one.pod.uid):
            labelled = [one for one in pod.containers if SPEC_LABEL in one.labels]
            if pod.pod.uid in stored or not labelled:
                continue
            newest = max(labelled, key=lambda one: one.created_at)
            self._uids[pod.pod.namespace, pod.pod.name, newest.labels[SPEC_LABEL]] = pod.pod.uid

    def uid_of(self, key: Key, document: Document) -> str:
        """Return the uid that a new object has in the engine already, "" if none."""
        if key.kind != "Pod" or not self._uids:
            return ""
        return self._uids.get((key.namespace, key.name, spec_digest(document.get("spec"))), "")
