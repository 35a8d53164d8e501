"""Topics that the node publishes on, below its root."""

from __future__ import annotations

from edgelet.api import kinds
from edgelet.ports.object_store import Document, Key

STATUS = "status/"
ONLINE = "status/online"
NODE = "status/node"

_BY_PLURAL = {kind.plural: kind for kind in kinds.KINDS}
_MAX_TOPIC_BYTES = 1024  # what a stranger chose comes back in a topic; MQTT itself allows 64 KiB


def of_object(key: Key) -> str:
    """Return status/<plural>/<namespace>/<name>; cluster-scoped kinds have no namespace level."""
    kind = kinds.of_kind(key.kind)
    plural = kind.plural if kind is not None else key.kind.lower()
    return "/".join(filter(None, ("status", plural, key.namespace, key.name)))


def key_of(topic: str) -> Key | None:
    """Return which object a status topic is about; None where there can be none."""
    match topic.split("/"):
        case ["status", plural, namespace, name] if (kind := _BY_PLURAL.get(plural)) and kind.namespaced:
            return Key(kind.kind, namespace, name)
        case ["status", plural, name] if (kind := _BY_PLURAL.get(plural)) and not kind.namespaced:
            return Key(kind.kind, "", name)
        case _:
            return None


def of_refusal(topic: str) -> str | None:
    """Return where it is told that a message on `topic` was refused: its mirror in the node's own part of the tree.

    desired/... -> status/..., cmd/... -> cmdstatus/...; None for anything else, and for absurd lengths.
    """
    first, _, rest = topic.partition("/")
    mirror = {"desired": "status", "cmd": "cmdstatus"}.get(first)
    if mirror is None or not rest or len(topic.encode()) > _MAX_TOPIC_BYTES:
        return None
    return f"{mirror}/{rest}"


def of_event(document: Document) -> str:
    """Return events/<namespace>/<name>."""
    metadata = document["metadata"]
    return f"events/{metadata.get('namespace') or 'default'}/{metadata['name']}"
