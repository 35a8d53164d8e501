"""A SealedSecret becomes the Secret that it stands for, before anything else of it is judged."""

from __future__ import annotations

import json
from typing import Any

from edgelet.api import sealed_secret
from edgelet.api.errors import FieldError, InvalidObjectError
from edgelet.api.sealed_secret import SealedSecret
from edgelet.ports.object_store import Document
from edgelet.ports.sealing import Opener, UnreadableError


async def unsealed(document: Document, opener: Opener | None, *, default_namespace: str) -> Document:
    """Return the Secret of a SealedSecret, and every other document as it is.

    No fault repeats anything of what was sealed.

    Raises:
        InvalidObjectError: It is malformed, not for this node or this name, or holds no Secret.
    """
    if not sealed_secret.is_one(document):
        return document
    sealed = sealed_secret.read(document, default_namespace=default_namespace)
    if opener is None:
        raise _fault(sealed, "nothing sealed is taken here")
    try:
        content = await opener.open(sealed)
    except UnreadableError as error:
        raise _fault(sealed, str(error)) from None
    return _secret(sealed, content)


def _secret(sealed: SealedSecret, content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or (found.get("apiVersion"), found.get("kind")) != ("v1", "Secret"):
        raise _fault(sealed, "there is no Secret in it")
    metadata = found.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    inside = (metadata.get("name", sealed.name), metadata.get("namespace") or sealed.namespace)
    if inside != (sealed.name, sealed.namespace):
        raise _fault(sealed, "the Secret in it has another name")
    return {**found, "metadata": {**metadata, "name": sealed.name, "namespace": sealed.namespace}}


def _fault(sealed: SealedSecret, why: str) -> InvalidObjectError:
    return InvalidObjectError(sealed_secret.KIND, sealed.name, (FieldError("spec.sealed", f"cannot be opened: {why}"),))
