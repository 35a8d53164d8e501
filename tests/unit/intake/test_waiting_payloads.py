from __future__ import annotations

import pytest

from edgelet.api.errors import TooLargeError
from edgelet.intake.waiting_payloads import Named, Payload, Unnamed
from tests.fakes.object_store import FakeObjectStore

ANY_BYTES = bytes(range(256))


def payload(data: bytes = b"x", digest: str = "d") -> Payload:
    return Payload(data, "t", digest)


def test_of_what_no_index_names_the_newest_is_kept_and_the_oldest_forgotten() -> None:
    unnamed = Unnamed(max_bytes=10, max_count=3)
    for path in "abc":
        unnamed.put(path, payload(b"12"))
    unnamed.put("a", payload(b"34"))
    assert (len(unnamed), unnamed.size_bytes) == (3, 6)
    unnamed.put("d", payload(b"56"))
    assert unnamed.get("b") is None
    assert unnamed.get("a") == payload(b"34")
    unnamed.put("e", payload(b"x" * 9))
    assert (len(unnamed), unnamed.size_bytes) == (1, 9)
    unnamed.put("f", payload(b"x" * 11))
    assert (len(unnamed), unnamed.size_bytes) == (0, 0)
    unnamed.pop("f")


async def test_what_the_coming_index_names_is_kept_as_the_bytes_it_is() -> None:
    store = FakeObjectStore()
    named = Named(store, source="mqtt")
    for path in ("pods/default/a", "secrets/default/s"):
        await named.put(path, payload(ANY_BYTES, path))
        assert named.get(path) == payload(ANY_BYTES, path)
        assert named.digest(path) == path
    assert [one.key.name for one in store.list("SignedSecret")] == ["secrets/default/s"]
    assert [one.key.name for one in store.list("SignedPayload")] == ["pods/default/a"]
    await named.keep_only({"pods/default/a": "other", "secrets/default/s": "secrets/default/s"})
    assert named.get("pods/default/a") is None
    await named.keep_only({})
    assert named.digest("secrets/default/s") == ""


async def test_where_there_is_no_room_the_object_is_named() -> None:
    named = Named(FakeObjectStore(max_objects=0), source="mqtt")
    with pytest.raises(TooLargeError, match="pods/default/a"):
        await named.put("pods/default/a", payload())
