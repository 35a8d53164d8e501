"""desired/<plural>/<namespace>/<name>: which object a topic names, and whether a document is that object."""

from __future__ import annotations

from collections.abc import Sequence

from edgelet.api import kinds, names, sealed_secret
from edgelet.api.errors import EdgeletError, FieldError, InvalidObjectError, NotFoundError
from edgelet.api.kinds import Kind
from edgelet.ports.object_store import Document, Key

PREFIX = "desired/"

_BY_PLURAL = {kind.plural: kind for kind in kinds.KINDS}
_NOT_YET = {
    "index": "an index belongs to signed mode, which is off here ([trust] require_signature)",
    "node/config": "settings are not taken over MQTT by this version",
}


def key_of(topic: str) -> Key:
    """Return the key of a topic below the node's root. Cluster-scoped kinds have no namespace level.

    Raises:
        NotFoundError: There is no such plural, or the number of levels is wrong for it.
        InvalidObjectError: A name that Kubernetes does not allow: `..`, upper case, empty.
        EdgeletError: MethodNotAllowed, a topic of the protocol that this version does not act on.
    """
    rest = topic.removeprefix(PREFIX)
    if rest in _NOT_YET:
        raise EdgeletError("MethodNotAllowed", f"cannot take {topic}: {_NOT_YET[rest]}")
    plural, *levels = rest.split("/")
    kind = _BY_PLURAL.get(plural)
    if kind is None:
        raise NotFoundError(f"cannot take {_shown(topic)}: there is no resource {_shown(plural)!r}")
    if kind.support == "read-only":
        raise EdgeletError("MethodNotAllowed", f"cannot take {_shown(topic)}: {kind.plural} are made by the agent")
    if kind.support == "later":
        raise EdgeletError("MethodNotAllowed", f"cannot take {_shown(topic)}: this version does not act on {plural}")
    if len(levels) != 1 + kind.namespaced:
        form = f"{PREFIX}{plural}/<namespace>/<name>" if kind.namespaced else f"{PREFIX}{plural}/<name>"
        raise NotFoundError(f"cannot take {_shown(topic)}: write {form}")
    namespace = levels[0] if kind.namespaced else ""
    _check_names(kind, namespace, levels[-1])
    return Key(kind.kind, namespace, levels[-1])


def path_of(key: Key) -> str:
    """Return what follows `desired/` in the topic of an object: the other way round than `key_of`."""
    kind = kinds.of_kind(key.kind)
    plural = kind.plural if kind is not None else key.kind.lower()
    return "/".join(filter(None, (plural, key.namespace, key.name)))


def only(documents: Sequence[Document], key: Key) -> Document:
    """Return the one document of a payload if it is the object that its topic names.

    Raises:
        InvalidObjectError: Several documents, none, or another kind, name or namespace than the topic's.
    """
    if len(documents) != 1:
        fault = FieldError("", f"a topic takes one object, this payload has {len(documents)}")
        raise InvalidObjectError(key.kind, key.name, (fault,))
    document = documents[0]
    metadata = document.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    found = (
        ("kind", sealed_secret.kind_of(document), key.kind),
        ("metadata.name", metadata.get("name"), key.name),
        ("metadata.namespace", metadata.get("namespace") or key.namespace, key.namespace),
    )
    faults = tuple(
        FieldError(path, f"must be {wanted!r} as its topic says, not {_shown(str(value))!r}")
        for path, value, wanted in found
        if value != wanted
    )
    if faults:
        raise InvalidObjectError(key.kind, key.name, faults)
    return document


def _check_names(kind: Kind, namespace: str, name: str) -> None:
    checks = [("metadata.name", names.dns_subdomain(name))]
    if kind.namespaced:
        checks.append(("metadata.namespace", names.dns_label(namespace)))
    faults = tuple(FieldError(path, fault) for path, fault in checks if fault)
    if faults:
        raise InvalidObjectError(kind.kind, _shown(name), faults)


def _shown(text: str) -> str:
    """Cut what a stranger chose, so that it cannot fill a log."""
    return text if len(text) <= 200 else f"{text[:200]}..."  # noqa: PLR2004
