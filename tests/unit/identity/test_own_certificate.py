from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edgelet.identity import own_certificate
from edgelet.identity.clock_trust import ClockState, JudgedTime
from edgelet.ports.own_certificate import OwnCertificate

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
END = datetime(2030, 3, 1, tzinfo=UTC)
GOOD = OwnCertificate(path="/p/node.crt", common_name="default/pi-01", serial="1a", not_before=BEGIN, not_after=END)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("at", [BEGIN - timedelta(days=30), BEGIN, END])
def test_it_is_good_until_its_last_second(at: datetime) -> None:
    assert own_certificate.fault(GOOD, node="default/pi-01", judged=JudgedTime(at, ClockState.GOOD)) is None


def test_one_that_ended_is_refused_with_both_dates() -> None:
    found = own_certificate.fault(GOOD, node="default/pi-01", judged=JudgedTime(END + SECOND, ClockState.BEHIND))
    assert found is not None
    assert found.reason == "CertificateExpired"
    assert "it ended on 2030-03-01T00:00:00Z, and it is 2030-03-01T00:00:01Z" in found.message


def test_one_of_another_node_is_refused_with_both_names() -> None:
    found = own_certificate.fault(GOOD, node="default/pi-02", judged=JudgedTime(BEGIN, ClockState.GOOD))
    assert found is not None
    assert found.reason == "CertificateInvalid"
    assert "it is for 'default/pi-01', this node is 'default/pi-02'" in found.message
