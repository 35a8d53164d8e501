"""What Kubernetes says when an object is not there, is there already, or was changed meanwhile."""

from __future__ import annotations

from edgelet.api import kinds
from edgelet.api.errors import ConflictError, ForbiddenError, NotFoundError
from edgelet.ports.object_store import Key, StoredObject


def named(key: Key) -> str:
    """Return how Kubernetes names an object in a message: pods "web", deployments.apps "web"."""
    kind = kinds.of_kind(key.kind)
    plural = kind.plural if kind is not None else key.kind
    return f'{plural}.{kind.group} "{key.name}"' if kind is not None and kind.group else f'{plural} "{key.name}"'


def not_found(key: Key) -> NotFoundError:
    """There is no such object."""
    return NotFoundError(f"{named(key)} not found")


def already_exists(key: Key, *, deleting: bool = False) -> ConflictError:
    """There is one of that name."""
    prefix = "object is being deleted: " if deleting else ""
    return ConflictError(f"{prefix}{named(key)} already exists", reason="AlreadyExists")


def modified(key: Key) -> ConflictError:
    """The version that was meant is not the one that is there."""
    return ConflictError(
        f"Operation cannot be fulfilled on {named(key)}: the object has been modified; please apply your changes to "
        "the latest version and try again"
    )


def other_uid(key: Key, wanted: str, real: str) -> ConflictError:
    """The object that was meant is gone, and another has its name."""
    return ConflictError(
        f"Operation cannot be fulfilled on {named(key)}: Precondition failed: UID in precondition: {wanted}, UID in "
        f"object meta: {real}"
    )


def other_owner(there: StoredObject, source: str) -> ConflictError:
    """Another source brought the object, and keeps it."""
    return ConflictError(
        f'cannot change {named(there.key)}: it belongs to source "{there.source}", not to "{source}": change it there, '
        "or delete it there first"
    )


def unreadable(there: StoredObject) -> ConflictError:
    """What is kept of it cannot be read, so it can be replaced and not changed."""
    return ConflictError(f"cannot patch {named(there.key)}: {there.unreadable}: apply the whole of it")


def namespace_ending(key: Key) -> ForbiddenError:
    """Nothing new comes into a namespace that is being deleted."""
    return ForbiddenError(
        f"{named(key)} is forbidden: unable to create new content in namespace {key.namespace} because it is being "
        "terminated"
    )
