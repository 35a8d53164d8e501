from __future__ import annotations

from datetime import UTC, datetime

import pytest

from edgelet.identity.clock_trust import ClockState
from edgelet.node import node_identity
from edgelet.node.node_identity import SeenIdentity

END = datetime(2030, 3, 1, tzinfo=UTC)


def reasons(seen: SeenIdentity) -> dict[str, tuple[bool, str]]:
    return {one.type: (one.true, one.reason) for one in node_identity.statements(seen)}


@pytest.mark.parametrize("state", list(ClockState))
def test_every_state_of_the_clock_has_its_words(state: ClockState) -> None:
    found = reasons(SeenIdentity(clock=state.value))
    assert found == {"ClockUnreliable": (state is not ClockState.GOOD, f"Clock{state.value}")}


def test_a_certificate_is_good_or_not_renewed_or_over() -> None:
    good = SeenIdentity(clock="Synchronized", certificate=True, not_after=END)
    assert reasons(good)["CertificateTrouble"] == (False, "CertificateGood")
    late = SeenIdentity(clock="Synchronized", certificate=True, not_after=END, trouble="nobody answers")
    assert reasons(late)["CertificateTrouble"] == (True, "CertificateRenewalFailed")
    over = SeenIdentity(clock="Synchronized", certificate=True, not_after=END, expired=True, trouble="nobody answers")
    assert reasons(over)["CertificateTrouble"] == (True, "CertificateExpired")
    assert "nobody answers" in node_identity.statements(over)[1].message


def test_the_dates_are_annotations() -> None:
    seen = SeenIdentity(clock="Behind", certificate=True, not_after=END, renew_from=END)
    assert node_identity.annotate(seen) == {
        "edgelet/clock": "Behind",
        "edgelet/certificate-not-after": "2030-03-01T00:00:00Z",
        "edgelet/certificate-renewal": "2030-03-01T00:00:00Z",
    }
