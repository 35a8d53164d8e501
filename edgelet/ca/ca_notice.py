"""The retained message that tells boards whom to trust and what is revoked: `cert/issued/ca` of each node."""

from __future__ import annotations

from dataclasses import replace

from edgelet.adapters.x509 import registrar_signature
from edgelet.api import enrolment, enrolment_topics
from edgelet.api.enrolment import CaBundle
from edgelet.ca import board_lists, notice_epoch
from edgelet.ca.authority import Authority
from edgelet.ca.registrar_identity import RegistrarIdentity


def epoch(authority: Authority) -> int:
    """The number of the present notice: one higher whenever the bundle or a revocation list is another than before.

    Raises StorageError.
    """
    return notice_epoch.of(authority.database, authority.bundle() + authority.crl())


def message(authority: Authority, own: RegistrarIdentity) -> bytes:
    """The message, signed. Raises StorageError."""
    with authority.database.transaction():  # the number belongs to what is said under it
        notice = CaBundle(
            bundle=authority.bundle().decode(),
            epoch=epoch(authority),
            crls=board_lists.text(authority, most=enrolment.MAX_NOTICE_CRLS_CHARACTERS),
            signer=own.chain,
        )
    return enrolment.encode_ca(replace(notice, signature=registrar_signature.make(own.key, notice.covered())))


def topics(authority: Authority, prefix: str) -> list[str]:
    """Where it goes: to each node that has a certificate which is still good. Raises StorageError."""
    now = authority.now()
    names = {one.common_name for one in authority.records(role="node") if one.state(now) == "Valid"}
    return [f"{prefix}/{name}/{enrolment_topics.CA}" for name in sorted(names)]
