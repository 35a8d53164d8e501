from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edgelet.api import desired_index, dsse
from edgelet.api.desired_index import Index, Version
from edgelet.api.errors import ConflictError, EdgeletError, StorageError
from edgelet.intake import refusal, trust_record
from edgelet.intake.trust_record import Heard, RolledKeys, TrustRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OLD, NEW = b"o" * 32, b"n" * 32


def heard(
    generation: int, *, epoch: int = 1, path: str = "pods/default/web", days: int = 1, roll: bool = False
) -> Heard:
    keys = {dsse.key_id(NEW): NEW} if roll else None
    index = Index(Version(epoch, generation), NOW, NOW + timedelta(days=days), {path: "0" * 64}, keys)
    return Heard.of(desired_index.encode(index))


RULING = TrustRecord(applied=heard(5), in_force=True)
WAITING = TrustRecord(applied=heard(5), pending=heard(8), in_force=True)


@pytest.mark.parametrize(
    ("record", "one", "verdict"),
    [
        (TrustRecord(), heard(1), "newer"),
        (RULING, heard(5), "known"),
        (RULING, heard(6), "newer"),
        (RULING, heard(0, epoch=2), "newer"),
        (WAITING, heard(5), "known"),
        (WAITING, heard(8), "known"),
        (WAITING, heard(9), "newer"),
        (trust_record.lapsed(WAITING), heard(5), "newer"),
    ],
)
def test_an_index_is_known_or_newer(record: TrustRecord, one: Heard, verdict: str) -> None:
    assert trust_record.judge(record, one, now=NOW) == verdict


@pytest.mark.parametrize(
    ("record", "one"),
    [
        (RULING, heard(4)),
        (RULING, heard(9, epoch=0)),
        (RULING, heard(5, path="pods/default/other")),
        (WAITING, heard(6)),
        (WAITING, heard(8, path="pods/default/other")),
        (WAITING, heard(5, path="pods/default/other")),
        (trust_record.lapsed(RULING), heard(4)),
        (trust_record.lapsed(RULING), heard(5, path="pods/default/other")),
    ],
)
def test_an_older_index_or_another_of_the_same_version_is_409(record: TrustRecord, one: Heard) -> None:
    with pytest.raises(ConflictError):
        trust_record.judge(record, one, now=NOW)


def test_a_newer_index_that_has_expired_is_410_if_the_time_is_known() -> None:
    with pytest.raises(EdgeletError) as caught:
        trust_record.judge(RULING, heard(6), now=NOW + timedelta(days=1))
    assert refusal.code(caught.value) == 410
    assert trust_record.judge(RULING, heard(6), now=None) == "newer"
    assert trust_record.judge(RULING, heard(5), now=NOW + timedelta(days=9)) == "known"


def test_new_keys_count_when_their_index_does_and_until_the_disk_says_otherwise() -> None:
    disk = {dsse.key_id(OLD): OLD}
    record = TrustRecord(applied=heard(5), pending=heard(6, roll=True), in_force=True)
    assert record.trusted(disk) == disk
    rolled = record.committed(disk)
    assert rolled.trusted(disk) == {dsse.key_id(NEW): NEW}
    later = TrustRecord(applied=rolled.applied, pending=heard(7), rolled=rolled.rolled, in_force=True).committed(disk)
    assert later.trusted(disk) == {dsse.key_id(NEW): NEW}
    third = {dsse.key_id(b"t" * 32): b"t" * 32}
    assert later.trusted(third) == third


def test_nothing_rules_before_the_first_index_or_after_a_time_without_signatures() -> None:
    assert TrustRecord().objects == {}
    assert RULING.objects == {"pods/default/web": "0" * 64}
    assert trust_record.lapsed(RULING).objects == {}


@pytest.mark.parametrize(
    "record",
    [
        TrustRecord(),
        RULING,
        WAITING,
        TrustRecord(rolled=RolledKeys(("a", "b"), {dsse.key_id(NEW): NEW}), pending=heard(1, roll=True)),
    ],
)
def test_a_record_is_read_as_it_was_written(record: TrustRecord) -> None:
    assert trust_record.decode(trust_record.encode(record)) == record
    assert trust_record.decode(None) == TrustRecord()


@pytest.mark.parametrize("fact", [b"x", b"[]", b'{"v":2}', b'{"v":1,"applied":{"index":"{}","digest":""}}'])
def test_a_damaged_record_is_no_fresh_start(fact: bytes) -> None:
    with pytest.raises(StorageError):
        trust_record.decode(fact)
