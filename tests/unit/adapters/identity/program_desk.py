"""A board's files and a registrar, without a broker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edgelet.adapters.identity import renewal_program
from edgelet.adapters.x509 import registrar_signature
from edgelet.api import enrolment
from edgelet.api.enrolment import Reply
from edgelet.api.enrolment_topics import Origin
from edgelet.ca import ca_notice, registrar_identity
from edgelet.ca.issuers import ROOT
from edgelet.ca.registrar import Policy, Registrar
from tests.fixtures.field import FieldAuthority

NODE = "default/pi-01"


ORIGIN = Origin("", "", NODE)


@dataclass
class Desk:
    """A board's files and the registrar, without a broker."""

    directory: Path
    authority: FieldAuthority

    def __post_init__(self) -> None:
        self.pair = self.authority.client(NODE, days_ago=50)
        self.stage = self.directory / "new"
        self.stage.mkdir()
        self.trusted = self.directory / "trusted.crt"
        self.trusted.write_bytes(self.authority.certificate.read_bytes())

    def question(self, do: str, **more: object) -> dict[str, Any]:
        return {
            "do": do,
            "node": NODE,
            "certificate": str(self.pair.certificate),
            "key": str(self.pair.key),
            "authorities": str(self.trusted),
            "staged_certificate": str(self.stage / "node.crt"),
            "staged_key": str(self.stage / "node.key"),
            "staged_authorities": str(self.stage / "ca.crt"),
            "revoked": str(self.directory / "trusted.crt.revoked"),
            "at_least": 0.0,
            "proven": 0.0,
        } | more

    def answered(self) -> tuple[str, Reply]:
        """Ask for a new certificate; returns nonce and answer."""
        asked = renewal_program.request(self.question("request"))
        with self.authority.open() as authority:
            own = registrar_identity.ensure(authority, "r1")
            registrar = Registrar(authority, signer=lambda: own, policy=Policy(), monotonic_s=lambda: 0.0)
            answer = registrar.answer(ORIGIN, asked["payload"].encode())
        assert answer is not None
        return asked["nonce"], enrolment.decode_reply(answer)

    def accept(self, nonce: str, reply: Reply) -> dict[str, Any]:
        text = enrolment.encode_reply(reply).decode()
        return renewal_program.accept(self.question("accept", answer=text, nonce=nonce))

    def signed(self, reply: Reply, name: str = "r1") -> Reply:
        """Sign as a registrar does."""
        with self.authority.open() as authority:
            own = registrar_identity.ensure(authority, name)
        whole = replace(reply, signer=own.chain)
        return replace(whole, signature=registrar_signature.make(own.key, whole.covered()))


def grow(authority: FieldAuthority) -> None:
    """Have a second root beside the first."""
    with authority.open() as opened, opened.database.transaction():
        now = datetime.now(UTC)
        opened.issuers.add(ROOT, name="new root", state="coming", now=now)


def notice(authority: FieldAuthority, registrar: str = "r1") -> bytes:
    with authority.open() as opened:
        return ca_notice.message(opened, registrar_identity.ensure(opened, registrar))
