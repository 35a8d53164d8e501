"""What remains to be done for one namespace (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgelet.ports.object_store import Key, StoredObject

_GRACE_DEFAULT_S = 30  # Source: Kubernetes' default of terminationGracePeriodSeconds


@dataclass(frozen=True, slots=True)
class SetPhase:
    """Show the phase on the Namespace object."""

    key: Key
    uid: str
    phase: str  # Active, Terminating


@dataclass(frozen=True, slots=True)
class AskDeletion:
    """Have something ended by whoever runs it."""

    key: Key
    uid: str
    grace_s: int


@dataclass(frozen=True, slots=True)
class Remove:
    """Take an object out."""

    key: Key
    uid: str


Step = SetPhase | AskDeletion | Remove


def plan(namespace: StoredObject, contents: Iterable[StoredObject]) -> tuple[Step, ...]:
    """Return the next steps. Pods go first: what they have mounted stays until the last one is gone.

    Source: Kubernetes' ordered namespace deletion (KEP-5080).
    """
    if not namespace.deleting:
        return _phase(namespace, "Active")
    contents = tuple(contents)
    terminating = _phase(namespace, "Terminating")
    pods = tuple(found for found in contents if found.key.kind == "Pod")
    if pods:
        asked = (AskDeletion(pod.key, pod.uid, _grace_s(pod)) for pod in pods if not pod.deleting)
        return (*terminating, *asked)
    if contents:
        # The namespace itself only after another look: something may have come in meanwhile.
        return (*terminating, *(Remove(found.key, found.uid) for found in contents))
    return (Remove(namespace.key, namespace.uid),)


def _phase(namespace: StoredObject, phase: str) -> tuple[Step, ...]:
    shown = namespace.document.get("status", {}).get("phase")
    return () if shown == phase else (SetPhase(namespace.key, namespace.uid, phase),)


def _grace_s(pod: StoredObject) -> int:
    grace_s = pod.document.get("spec", {}).get("terminationGracePeriodSeconds")
    return grace_s if isinstance(grace_s, int) and grace_s >= 0 else _GRACE_DEFAULT_S
