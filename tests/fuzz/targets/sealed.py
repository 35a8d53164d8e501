"""A stranger's SealedSecret, or a good seal around anything: a Secret in the store, or a refusal that keeps quiet."""

from __future__ import annotations

import json

from edgelet.api import sealed_secret
from edgelet.api.errors import EdgeletError
from tests.fakes import opener
from tests.fuzz import plain_json
from tests.fuzz.house import Door, check_refusal
from tests.fuzz.stepping import settled

_QUIET_FROM = 12  # characters of a value that no refusal may repeat
_SOURCE = "mqtt"


def try_input(data: bytes) -> None:
    """The first byte chooses: the document itself, or what is inside of a seal that opens."""
    door = Door(opener=opener.FakeOpener())
    if not data or data[0] % 2:
        for document in door.read(data[1:]):
            _take(door, {**document, "apiVersion": sealed_secret.API_VERSION, "kind": sealed_secret.KIND}, "")
        return
    _take(door, opener.around(data[1:]), _value(data[1:]))


def _take(door: Door, document: dict[str, object], value: str) -> None:
    try:
        accepted = settled(door.reception.apply(document, source=_SOURCE))
    except EdgeletError as error:
        check_refusal(error)
        assert not value or value not in error.message, "a refusal repeats a value"
        return
    stored = accepted.object
    assert stored.key.kind == "Secret"
    plain_json.check(stored.document)
    metadata = document.get("metadata")
    assert isinstance(metadata, dict)
    assert stored.key.name == metadata.get("name"), "another name than it was sealed for"
    again = settled(door.reception.apply(document, source=_SOURCE))
    assert again.object.resource_version == stored.resource_version, "said again, it is something else"


def _value(content: bytes) -> str:
    """Return a value of the Secret's data that is long enough to be known again."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    parts = [found.get(field) for field in ("data", "stringData")] if isinstance(found, dict) else []
    values = [text for part in parts if isinstance(part, dict) for text in part.values() if isinstance(text, str)]
    return next((text for text in values if len(text) >= _QUIET_FROM), "")
