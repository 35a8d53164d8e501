"""Bytes of a manifest: objects in the store and, of Pods, everything that is asked of the engine; or a refusal."""

from __future__ import annotations

from edgelet.api.errors import EdgeletError
from edgelet.api.pod import Pod
from edgelet.intake import manifest_file
from edgelet.ports.object_store import StoredObject
from tests.fuzz import accepted_pod, plain_json
from tests.fuzz.house import Door
from tests.fuzz.stepping import settled

_SOURCE = "file"


def try_input(data: bytes) -> None:
    """Whatever is accepted stays as it is when it is said again, can be run, and can be deleted."""
    door = Door()
    documents = door.read(data)
    manifest_file.manifest_of(documents)
    for document in documents:
        manifest_file.digest_of(document, "a.yaml")
        accepted = door.apply(document, source=_SOURCE)
        if accepted is None:
            continue
        stored: StoredObject = accepted.object
        plain_json.check(stored.document)
        again = door.apply(document, source=_SOURCE)
        assert again is not None, "it was accepted before"
        assert again.object.resource_version == stored.resource_version, "said again, it is something else"
        if stored.key.kind == "Pod":
            accepted_pod.check(Pod.model_validate(stored.document), stored.document)
        try:
            settled(door.reception.delete(stored.key, source=_SOURCE))
        except EdgeletError as error:
            assert error.reason == "Forbidden", error.reason  # the default namespace
