"""The one door to the object store: every source's objects pass it, and nothing gets in that was not judged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from edgelet.api.errors import ConflictError, ForbiddenError, InvalidObjectError, TooLargeError
from edgelet.intake import admit, decode, dry_run, faults, patch_object, requests, spec_part, unsealing, update, words
from edgelet.intake.admission import judge
from edgelet.intake.admit import House
from edgelet.intake.pod_count import PodCount
from edgelet.intake.requests import DECLARATIVE, Request
from edgelet.intake.spec_part import SpecPart
from edgelet.intake.successors import Successors
from edgelet.ports.object_store import Document, Key, ObjectStore, StoredObject
from edgelet.ports.sealing import Opener

SOURCE_ANNOTATION = "kubernetes.io/config.source"

_STREAM_FACTOR = 4  # a stream or List may be that many times as long as its largest object
_GENERATED_PREFIX = 58
_GENERATE_ATTEMPTS = 8
_PATCH_ATTEMPTS = 5
_DEFAULT_GRACE_S = 30
_REPLACED = "pod cannot change like that while it runs: it is deleted, and made anew once it has ended"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an object. While a pod is being replaced, `object` is the old one, on its way out."""

    object: StoredObject
    warnings: tuple[str, ...] = ()
    created: bool = False


class Reception:
    """Decodes, judges and stores. Raises EdgeletError for what it refuses; nothing has changed then."""

    def __init__(
        self,
        *,
        store: ObjectStore,
        successors: Successors,
        house: House,
        max_object_bytes: int,
        make_suffix: Callable[[], str],
        opener: Opener | None = None,
    ) -> None:
        self._store = store
        self._pods = PodCount(store)
        self._successors = successors
        self._house = house
        self._max_object_bytes = max_object_bytes
        self._opener = opener  # of SealedSecrets; None: there are none
        self._make_suffix = make_suffix  # five characters for generateName

    def read(self, payload: bytes, *, content_type: str = "") -> tuple[Document, ...]:
        """Return the objects of a payload. YAML and JSON are told apart by what is there, not by the content type.

        Raises:
            DecodeError: No Kubernetes object.
            TooLargeError: The payload is beyond the bound.
        """
        del content_type
        return decode.documents(payload, limit_bytes=self._max_object_bytes * _STREAM_FACTOR)

    async def apply(
        self,
        document: Document,
        *,
        source: str,
        digest: str = "",
        default_namespace: str = "default",
        strict: bool = False,
        dry_run: bool = False,
    ) -> Accepted:
        """Create the object, or bring the one that is there into this shape.

        Raises:
            DecodeError, NotFoundError: No such kind, or a field nobody knows and strict.
            InvalidObjectError: Faults, or a change that is not allowed.
            ForbiddenError: The namespace is ending, or the policy of this board does not take it.
            ConflictError: Another owner, another resourceVersion, or the object is being deleted.
            TooLargeError, StorageError: It could not be kept.
        """
        document = await unsealing.unsealed(document, self._opener, default_namespace=default_namespace)
        request = requests.read(document, default_namespace, source, digest, strict=strict, dry_run=dry_run)
        old = self._store.get(request.key)
        if old is None:
            return await self._create(request)
        if old.source != source:
            raise words.other_owner(old, source)
        return await self._update(request, old)

    async def create(
        self,
        document: Document,
        *,
        source: str,
        default_namespace: str = "default",
        strict: bool = False,
        dry_run: bool = False,
    ) -> Accepted:
        """Store a new object, named after generateName where it has no name. Raises as `apply`, and AlreadyExists."""
        document = await unsealing.unsealed(document, self._opener, default_namespace=default_namespace)
        request = requests.read(document, default_namespace, source, "", strict=strict, dry_run=dry_run)
        metadata = document.get("metadata")
        prefix = metadata.get("generateName") if isinstance(metadata, Mapping) else None
        if request.key.name or not isinstance(prefix, str) or not prefix:
            return await self._create(request)
        for _ in range(_GENERATE_ATTEMPTS):
            named = requests.with_name(request, prefix[:_GENERATED_PREFIX] + self._make_suffix())
            if self._store.get(named.key) is None:
                return await self._create(named)
        raise words.already_exists(named.key)

    async def replace(
        self,
        document: Document,
        *,
        source: str,
        default_namespace: str = "default",
        strict: bool = False,
        dry_run: bool = False,
    ) -> Accepted:
        """Replace an object that is there. Raises as `apply`, and NotFoundError."""
        document = await unsealing.unsealed(document, self._opener, default_namespace=default_namespace)
        request = requests.read(document, default_namespace, source, "", strict=strict, dry_run=dry_run)
        return await self._update(request, self._owned(request.key, source))

    async def patch(self, key: Key, patch: Any, *, patch_type: str, subresource: str = "", source: str) -> Accepted:
        """Change a part of an object; by a subresource, what that is for.

        Of a pod's status only conditions that are not the agent's own.

        Raises:
            DecodeError: The patch has the wrong shape or does not fit.
            NotFoundError, ConflictError, InvalidObjectError: As `replace`.
        """
        for attempt in range(1, _PATCH_ATTEMPTS + 1):
            part = spec_part.PARTS.get(subresource) if key.kind == "Pod" else None
            if subresource and part is None:
                return await self._patch_status(key, patch, patch_type=patch_type, subresource=subresource)
            old = self._owned(key, source) if part is None or part.owners_only else self._find(key)
            if old.unreadable:
                raise words.unreadable(old)  # what is not named in the patch would be lost
            patched = patch_object.patched(old, patch, patch_type=patch_type)
            try:
                if part is not None:
                    return await self._update_part(old, patched, part, asked_by=source)
                request = requests.read(patched, key.namespace, source, "", strict=False, dry_run=False)
                return await self._update(request, old, expected_version=old.resource_version)
            except ConflictError:
                # Somebody was faster. A patch that names no version of its own is good for the next one as well.
                now = self._store.get(key)
                is_stale = now is not None and now.resource_version != old.resource_version
                if not is_stale or attempt == _PATCH_ATTEMPTS or patch_object.names_version(patch):
                    raise
        raise words.modified(key)

    async def delete(
        self, key: Key, *, source: str, grace_s: int | None = None, uid: str | None = None
    ) -> StoredObject | None:
        """Ask for deletion; the object as it is then, None once nothing is left of it.

        Pods and namespaces stay until whoever runs or empties them is done.

        Raises:
            NotFoundError: No such object.
            ConflictError: Another uid, or another owner.
        """
        requests.check_kind(key)
        if key == Key("Namespace", "", "default"):
            raise ForbiddenError(f"{words.named(key)} is forbidden: this namespace may not be deleted")
        is_between = self._store.get(key) is None and self._successors.waits(key, source=source)
        # The old pod is gone and the new one is about to come: it shall not. If it came just now, it is deleted.
        if is_between and await self._successors.drop(key):
            return None
        old = self._owned(key, source)
        if uid is not None and uid != old.uid:
            raise words.other_uid(key, uid, old.uid)
        if key.kind == "Pod":
            await self._successors.drop(key)
            return await self._store.mark_deleted(key, uid=old.uid, grace_s=_grace_s(old, grace_s))
        if key.kind == "Namespace":
            return await self._store.mark_deleted(key, uid=old.uid)
        await self._store.remove(key, uid=old.uid)
        return None

    # ---- storing

    async def _create(self, request: Request) -> Accepted:
        namespace = self._store.get(Key("Namespace", "", request.key.namespace))
        admitted = self._admit(request, None)
        if not request.key.name:
            missing = faults.required("metadata.name", "generateName is for create alone")
            raise InvalidObjectError(request.key.kind, "", (missing,))
        if namespace is not None and namespace.deleting:
            raise words.namespace_ending(request.key)
        there = self._store.get(request.key)
        if there is not None:
            raise words.already_exists(request.key, deleting=there.deleting)
        self._judge(admitted.document, request)
        self._count(request)
        if request.dry_run:
            return Accepted(
                dry_run.outcome(request.key, admitted.document, source=request.source), admitted.warnings, created=True
            )
        # Nothing is awaited between counting and taking a place.
        if request.kind.kind == "Pod":
            stored = await self._pods.create(
                request.key, admitted.document, source=request.source, digest=request.digest
            )
        else:
            stored = await self._store.put(
                request.key, admitted.document, source=request.source, digest=request.digest, expected_version=0
            )
        return Accepted(stored, admitted.warnings, created=True)

    async def _update(self, request: Request, old: StoredObject, *, expected_version: int | None = None) -> Accepted:
        requests.check_preconditions(request, old)
        admitted = self._admit(request, old)
        changed = update.check(old.document, admitted.document)
        is_replaceable = old.key.kind == "Pod" and request.source in DECLARATIVE
        if is_replaceable and (changed or old.deleting):
            return await self._succeed(request, old, admitted)
        if changed:
            raise InvalidObjectError(old.key.kind, old.key.name, changed)
        if old.deleting and expected_version is None:
            raise words.already_exists(old.key, deleting=True)
        self._judge(admitted.document, request, old)
        if request.dry_run:
            return Accepted(
                dry_run.outcome(request.key, admitted.document, source=request.source, old=old), admitted.warnings
            )
        stored = await self._store.put(
            old.key, admitted.document, source=old.source, digest=request.digest, expected_version=expected_version
        )
        return Accepted(stored, admitted.warnings)

    async def _update_part(self, old: StoredObject, wanted: Document, part: SpecPart, *, asked_by: str) -> Accepted:
        narrowed = part.narrowed(old.document, wanted)
        request = requests.read(narrowed, old.key.namespace, old.source, old.digest, strict=False, dry_run=False)
        admitted = self._admit(request, old)
        if found := part.check(old.document, wanted, admitted.document):
            raise InvalidObjectError(old.key.kind, old.key.name, found)
        self._judge(admitted.document, replace(request, source=asked_by), old)
        stored = await self._store.put(
            old.key,
            admitted.document,
            source=old.source,
            digest=old.digest,
            expected_version=old.resource_version,
        )
        return Accepted(stored, admitted.warnings)

    async def _succeed(self, request: Request, old: StoredObject, admitted: admit.Admitted) -> Accepted:
        warnings = (*admitted.warnings, _REPLACED)
        admitted.document["spec"].pop("ephemeralContainers", None)  # they looked into the old one
        self._judge(admitted.document, request)
        if request.dry_run:
            return Accepted(dry_run.outcome(request.key, admitted.document, source=request.source, old=old), warnings)
        ending = await self._successors.keep(old, admitted.document, source=request.source, digest=request.digest)
        return Accepted(ending, warnings)

    async def _patch_status(self, key: Key, patch: Any, *, patch_type: str, subresource: str) -> Accepted:
        old = self._find(key)
        status = patch_object.status(old, patch, patch_type=patch_type, subresource=subresource)
        stored = await self._store.put_status(key, status, uid=old.uid, durable=True)
        if stored is None:
            raise words.not_found(key)
        return Accepted(stored)

    # ---- judging

    def _admit(self, request: Request, old: StoredObject | None) -> admit.Admitted:
        document = request.document
        admitted = admit.admit(
            document,
            request.kind,
            house=self._house,
            old=old.document if old is not None else None,
            strict=request.strict,
        )
        owner = old.source if old is not None else request.source
        if request.kind.kind == "Pod" or owner in DECLARATIVE:
            admitted.document["metadata"].setdefault("annotations", {})[SOURCE_ANNOTATION] = owner
        size = len(json.dumps(admitted.document, ensure_ascii=False, separators=(",", ":")).encode())
        if size > self._max_object_bytes:
            raise TooLargeError(
                f"cannot take {words.named(request.key)}: {size} bytes, an object may have {self._max_object_bytes}"
            )
        return admitted

    def _judge(self, document: Document, request: Request, old: StoredObject | None = None) -> None:
        """Hold a document against the board's policy; `old` where it stays in place. Raises ForbiddenError."""
        before = old.document if old is not None else None
        judge.check(document, self._house.policy.ruling, source=request.source, old=before)

    def _count(self, request: Request) -> None:
        if request.kind.kind == "Pod":
            pods = self._pods.every()
            key, ruling = request.key, self._house.policy.ruling
            judge.check_count(ruling, source=request.source, namespace=key.namespace, name=key.name, pods=pods)

    def _find(self, key: Key) -> StoredObject:
        found = self._store.get(key)
        if found is None:
            raise words.not_found(key)
        return found

    def _owned(self, key: Key, source: str) -> StoredObject:
        """Return the object if this source may change it: its own, and a person what a controller made."""
        found = self._find(key)
        if source not in {found.source, "controller"} and (source, found.source) != ("api", "controller"):
            raise words.other_owner(found, source)
        return found


def _grace_s(pod: StoredObject, asked_s: int | None) -> int:
    if asked_s is not None:
        return asked_s if asked_s >= 0 else 1
    grace_s = pod.document.get("spec", {}).get("terminationGracePeriodSeconds", _DEFAULT_GRACE_S)
    return max(int(grace_s), 0)
