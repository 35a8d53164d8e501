"""An index whose signature held: it is read and can be kept, or refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from edgelet.api import desired_index
from edgelet.api.errors import EdgeletError
from edgelet.intake import arrivals, desired_topics, trust_record
from edgelet.intake.trust_record import Heard, TrustRecord
from tests.fuzz import house

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def try_input(data: bytes) -> None:
    """Read, judge, keep."""
    try:
        heard = Heard.of(data)
        trust_record.judge(TrustRecord(), heard, now=_NOW)
    except EdgeletError as error:
        house.check_refusal(error)
        return
    again = desired_index.parse(desired_index.encode(heard.index))
    assert again.objects == heard.index.objects
    assert (again.version, again.keys) == (heard.index.version, heard.index.keys)
    record = TrustRecord(pending=replace(heard, index=again)).committed({})
    assert trust_record.decode(trust_record.encode(record)) == record
    assert trust_record.judge(record, heard, now=_NOW) == "known"
    for path in again.objects:
        key = arrivals.key_of(path)
        assert key is None or desired_topics.path_of(key) == path
