from __future__ import annotations

import pytest

from edgelet.api.errors import StorageError
from edgelet.node.published_topics import PublishedTopics
from tests.fakes.object_store import FakeLedger


async def test_the_list_survives_a_restart() -> None:
    ledger = FakeLedger()
    topics = PublishedTopics(ledger)
    for number in range(100):
        topics.add(f"status/pods/default/web-{number}")
    topics.discard("status/pods/default/web-7")
    await topics.save()
    again = PublishedTopics(ledger)
    assert len(again) == 99
    assert "status/pods/default/web-8" in again
    assert "status/pods/default/web-7" not in again
    assert sorted(again) == sorted(topics)


async def test_only_what_changed_is_written_and_in_small_pieces() -> None:
    ledger = FakeLedger()
    topics = PublishedTopics(ledger)
    for number in range(1000):
        topics.add(f"status/pods/default/web-{number}")
    await topics.save()
    ledger.facts.clear()
    topics.add("status/pods/default/web-1")
    await topics.save()
    assert ledger.facts == {}
    topics.add("status/pods/default/one-more")
    assert topics.dirty
    await topics.save()
    (piece,) = ledger.facts.values()
    assert len(piece) < 2500
    assert not topics.dirty


async def test_what_the_disk_refuses_is_written_next_time() -> None:
    ledger = FakeLedger()
    topics = PublishedTopics(ledger)
    topics.add("status/pods/default/web")
    ledger.fail_with = StorageError("disk full")
    with pytest.raises(StorageError):
        await topics.save()
    assert topics.dirty
    await topics.save()
    assert list(PublishedTopics(ledger)) == ["status/pods/default/web"]
