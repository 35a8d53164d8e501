"""By which messages the authorities of a board are exchanged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from edgelet.adapters.identity import renewal_program
from edgelet.adapters.x509 import certificates
from edgelet.api import enrolment
from edgelet.api.errors import EdgeletError
from tests.unit.adapters.identity.program_desk import Desk, grow, notice


def test_authorities_are_exchanged_by_a_message_under_the_old_ones_and_only_forward(desk: Desk) -> None:
    old = notice(desk.authority)
    same = renewal_program.authorities(desk.question("authorities", message=old.decode(), epoch=-1))
    kept = {"some": True, "changed": True, "refused": []}
    assert same == {"epoch": 1, "changed": False, "revoked": kept}
    grow(desk.authority)
    fresh = notice(desk.authority)
    said = renewal_program.authorities(desk.question("authorities", message=fresh.decode(), epoch=1))
    assert said == {"epoch": 2, "changed": True, "revoked": {"some": True, "changed": False, "refused": []}}
    assert len(certificates.read((desk.stage / "ca.crt").read_bytes())) == 3
    assert renewal_program.authorities(desk.question("authorities", message=old.decode(), epoch=2)) == {"epoch": None}


@pytest.mark.parametrize("field", ["bundle", "epoch", "signature", "signer", "crls"])
def test_a_message_about_authorities_that_was_changed_is_refused(desk: Desk, field: str) -> None:
    message = enrolment.decode_ca(notice(desk.authority))
    node = desk.authority.client("default/evil").certificate.read_text()
    changed = {
        "bundle": replace(message, bundle=message.bundle + node),
        "epoch": replace(message, epoch=99),
        "signature": replace(message, signature="AAAA"),
        "signer": replace(message, signer=node),
        "crls": replace(message, crls=""),
    }[field]
    question = desk.question("authorities", message=enrolment.encode_ca(changed).decode(), epoch=-1)
    with pytest.raises(EdgeletError):
        renewal_program.authorities(question)
    assert not (desk.stage / "ca.crt").exists()


def test_a_registrar_whose_certificate_has_ended_or_who_leaps_ahead_says_nothing_about_authorities(desk: Desk) -> None:
    message = notice(desk.authority).decode()
    late = (datetime.now(UTC) + timedelta(days=400)).timestamp()
    with pytest.raises(EdgeletError, match="has ended"):
        renewal_program.authorities(desk.question("authorities", message=message, epoch=-1, at_least=late))
    with pytest.raises(EdgeletError, match="too far"):
        renewal_program.authorities(desk.question("authorities", message=message, epoch=-50_000))
    assert not (desk.stage / "ca.crt").exists()


def test_a_registrar_cannot_have_a_leaf_trusted(desk: Desk) -> None:
    nonce, reply = desk.answered()
    leaf = desk.authority.client("default/evil").certificate.read_text().split("-----END CERTIFICATE-----\n")[0]
    with pytest.raises(EdgeletError, match="is no authority"):
        desk.accept(nonce, desk.signed(replace(reply, ca=f"{reply.ca}{leaf}-----END CERTIFICATE-----\n")))
