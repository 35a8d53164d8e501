"""POST, PUT, PATCH and DELETE: each goes through the reception, which owns defaults, admission and the store."""

from __future__ import annotations

import json
import logging
from typing import Any

from edgelet.api import sealed_secret
from edgelet.api.errors import NotFoundError
from edgelet.api.kinds import Kind
from edgelet.ports.local_api import Answer, Request, json_response
from edgelet.ports.object_store import Document, Key, StoredObject
from edgelet.remote import namespaces, options, refusal, secret_keys
from edgelet.remote.parts import Accepted, Parts
from edgelet.remote.reading import Reading
from edgelet.remote.watching import shown

log = logging.getLogger(__name__)

SOURCE = "api"
_BODY_TYPES = frozenset({"", "application/json", "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})
_PATCH_TYPES = {
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    "application/json-patch+json": "json",
}
_APPLY_TYPES = frozenset({"application/apply-patch+yaml", "application/apply-patch+json"})


class Changing:
    """Answers what changes something. Every change is logged with who asked for it."""

    def __init__(self, parts: Parts, reading: Reading) -> None:
        self._parts = parts
        self._reading = reading

    async def create(self, request: Request, kind: Kind, namespace: str | None) -> Answer:
        """POST to a collection."""
        wanted = options.of_write(request)
        document = self._read_one(request, kind, namespace=namespace, name=None)
        accepted = await self._parts.reception.create(
            document,
            source=SOURCE,
            default_namespace=namespace or namespaces.DEFAULT,
            strict=wanted.strict,
            dry_run=wanted.dry_run,
        )
        return self._accepted(request, accepted, kind, wanted, verb="create")

    async def replace(self, request: Request, kind: Kind, key: Key, subresource: str) -> Answer:
        """PUT of an object, of its status, or of a part of its spec that has a subresource."""
        wanted = options.of_write(request)
        document = self._read_one(request, kind, namespace=key.namespace or None, name=key.name)
        if subresource:
            if wanted.dry_run:
                raise refusal.bad_request(f"dryRun is not supported for a {subresource}")
            self._reading.find(kind, key)
            # "add" replaces what is there: the whole status or spec, not a merge.
            half = "status" if subresource == "status" else "spec"
            patch = [{"op": "add", "path": f"/{half}", "value": document.get(half) or {}}]
            accepted = await self._parts.reception.patch(
                key, patch, patch_type="json", subresource=subresource, source=SOURCE
            )
        else:
            accepted = await self._parts.reception.replace(
                document,
                source=SOURCE,
                default_namespace=key.namespace or namespaces.DEFAULT,
                strict=wanted.strict,
                dry_run=wanted.dry_run,
            )
        return self._accepted(request, accepted, kind, wanted, verb="replace")

    async def patch(self, request: Request, kind: Kind, key: Key, subresource: str) -> Answer:
        """PATCH: one of the three partial ones, or a declarative apply of the whole object."""
        wanted = options.of_write(request)
        if request.content_type in _APPLY_TYPES:
            if subresource:
                raise refusal.bad_request("apply is not supported for a subresource")
            return await self._apply(request, kind, key, wanted)
        patch_type = _PATCH_TYPES.get(request.content_type)
        if patch_type is None:
            raise refusal.unsupported_media_type(request.content_type, accepted=refusal.PATCH_TYPES)
        if wanted.dry_run:
            raise refusal.bad_request("dryRun is not supported for a partial patch; use apply")
        self._reading.find(kind, key)
        accepted = await self._parts.reception.patch(
            key, _json(request.body), patch_type=patch_type, subresource=subresource, source=SOURCE
        )
        return self._accepted(request, accepted, kind, wanted, verb="patch")

    async def _apply(self, request: Request, kind: Kind, key: Key, wanted: options.WriteOptions) -> Answer:
        document = self._read_one(request, kind, namespace=key.namespace or None, name=key.name)
        accepted = await self._parts.reception.apply(
            document,
            source=SOURCE,
            default_namespace=key.namespace or namespaces.DEFAULT,
            strict=wanted.strict,
            dry_run=wanted.dry_run,
        )
        return self._accepted(request, accepted, kind, wanted, verb="apply")

    async def delete(self, request: Request, kind: Kind, key: Key) -> Answer:
        """DELETE of one object: the object while it ends, a Status once it is gone."""
        wanted = options.of_delete(request)
        found = self._reading.find(kind, key)
        _check_preconditions(found, kind, wanted)
        if kind.kind == "Namespace":
            return await self._delete_namespace(request, kind, found, wanted)
        if not wanted.dry_run:
            left = await self._delete(request, key, wanted)
            if left is None:
                return _gone(kind, found)
            found = left
        return json_response(200, shown(found.document, kind))

    async def delete_many(self, request: Request, kind: Kind, namespace: str | None) -> Answer:
        """DELETE of a collection: everything the selectors mean; answers with what was meant."""
        chosen = options.of_list(request, kind=kind.kind)
        wanted = options.of_delete(request)
        found = self._reading.select(kind, namespace, chosen)
        if kind.kind == "Namespace":
            raise refusal.method_not_allowed("deletecollection", allowed=("GET", "POST"))
        if not wanted.dry_run:
            for one in found:
                await self._delete_if_there(request, one.key, wanted)
        items = [shown(one.document, kind) for one in found]
        document = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": {}, "items": items}
        return json_response(200, document)

    async def _delete_namespace(
        self, request: Request, kind: Kind, found: StoredObject, wanted: options.DeleteOptions
    ) -> Answer:
        """Delete what is in a namespace, then the namespace itself if it was ever made."""
        name = found.key.name
        if name == namespaces.DEFAULT:
            raise refusal.forbidden(kind.plural, name, "this namespace may not be deleted")
        if wanted.dry_run:
            return json_response(200, shown(found.document, kind))
        inside = [one.key for each in namespaces.STORED_KINDS for one in self._parts.store.list(each, name)]
        if any(key.kind == "Secret" for key in inside):
            secret_keys.require_root(request)
        for key in inside:
            await self._delete_if_there(request, key, options.DeleteOptions())
        stored = self._parts.store.get(found.key)
        if stored is None:
            return _gone(kind, found)
        left = await self._delete(request, found.key, wanted)
        return _gone(kind, found) if left is None else json_response(200, shown(left.document, kind))

    async def _delete(self, request: Request, key: Key, wanted: options.DeleteOptions) -> StoredObject | None:
        """Ask for a deletion; what is left of the object, None once it is gone."""
        before = self._parts.store.get(key)
        await self._parts.reception.delete(key, source=SOURCE, grace_s=wanted.grace_s, uid=wanted.uid)
        log.info("deleted by the local API", extra={"object": str(key), "peer": str(request.peer)})
        left = self._parts.store.get(key)
        return left if left is not None and before is not None and left.uid == before.uid else None

    async def _delete_if_there(self, request: Request, key: Key, wanted: options.DeleteOptions) -> None:
        try:
            await self._delete(request, key, wanted)
        except NotFoundError:
            log.debug("gone meanwhile", extra={"object": str(key)})

    def _read_one(self, request: Request, kind: Kind, *, namespace: str | None, name: str | None) -> Document:
        """Decode the body and hold it against the path, in kube-apiserver's words."""
        if request.content_type not in _BODY_TYPES and request.content_type not in _APPLY_TYPES:
            raise refusal.unsupported_media_type(request.content_type)
        documents = self._parts.reception.read(request.body, content_type=request.content_type)
        if len(documents) != 1:
            raise refusal.bad_request(f"the body must hold one object, not {len(documents)}")
        document = documents[0]
        said = (document.get("apiVersion"), document.get("kind"))
        if sealed_secret.is_one(document) and kind.kind == sealed_secret.STANDS_FOR:
            said = (kind.api_version, kind.kind)
        if said != (kind.api_version, kind.kind):
            raise refusal.bad_request(
                f"{said[1]} in version {said[0]!r} cannot be handled as a {kind.kind} ({kind.api_version})"
            )
        metadata = document.get("metadata")
        if not isinstance(metadata, dict):
            raise refusal.bad_request("metadata: Required value")
        if kind.namespaced and namespace and metadata.get("namespace") not in (None, "", namespace):
            raise refusal.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        if name is not None and metadata.get("name") not in (None, "", name):
            raise refusal.bad_request(
                f"the name of the object ({metadata.get('name')}) does not match the name on the URL ({name})"
            )
        return document if name is None else {**document, "metadata": {**metadata, "name": name}}

    def _accepted(
        self, request: Request, accepted: Accepted, kind: Kind, wanted: options.WriteOptions, *, verb: str
    ) -> Answer:
        if not wanted.dry_run:
            about = {"object": str(accepted.object.key), "verb": verb, "peer": str(request.peer)}
            log.info("changed by the local API", extra=about)
        warnings = accepted.warnings if wanted.warn else ()
        return json_response(201 if accepted.created else 200, shown(accepted.object.document, kind), warnings=warnings)


def _check_preconditions(found: StoredObject, kind: Kind, wanted: options.DeleteOptions) -> None:
    version = found.document["metadata"].get("resourceVersion")
    for name, asked, real in (("UID", wanted.uid, found.uid), ("ResourceVersion", wanted.resource_version, version)):
        if asked is not None and asked != real:
            raise refusal.RefusedError(
                409,
                "Conflict",
                f'Operation cannot be fulfilled on {kind.plural} "{found.key.name}": Precondition failed: '
                f"{name} in precondition: {asked}, {name} in object meta: {real}",
                details={"name": found.key.name, "kind": kind.plural},
            )


def _gone(kind: Kind, found: StoredObject) -> Answer:
    details = {"name": found.key.name, "kind": kind.plural, "uid": found.uid}
    if kind.group:
        details["group"] = kind.group
    document = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    return json_response(200, document)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise refusal.bad_request(f"the patch is no JSON: {error}") from error
