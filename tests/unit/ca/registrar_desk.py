"""An authority with a registrar, without a broker, and boards that ask it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from edgelet.adapters.x509 import certificates
from edgelet.api import enrolment
from edgelet.api.enrolment import Reply, Request
from edgelet.api.enrolment_topics import Origin
from edgelet.ca import join_lines, registrar_identity
from edgelet.ca.authority import Authority
from edgelet.ca.registrar import Policy, Registrar
from tests.fixtures.joiner import Joiner

BOOT = Origin("edgelet/v1/_bootstrap/x/csr", "edgelet/v1/_bootstrap/x/cert", "")


WHERE = {"broker": "mqtts://b:8884", "link": "mqtts://b:8883", "prefix": "edgelet/v1"}


NODE = "default/pi-01"


@dataclass
class Desk:
    """An authority with a clock that a test moves, and a registrar."""

    directory: Path
    now: datetime = datetime(2030, 1, 1, tzinfo=UTC)

    def open(self, *, policy: Policy | None = None, name: str = "r1") -> Registrar:
        authority = Authority.open(self.directory, now=lambda: self.now, actor=f"registrar:{name}")
        own = registrar_identity.ensure(authority, name)
        ticks = itertools.count(0.0, 10.0)
        return Registrar(authority, signer=lambda: own, policy=policy or Policy(), monotonic_s=lambda: next(ticks))

    def token(self, node: str = NODE, *, ttl_s: float = 1800) -> str:
        with self.authority() as authority:
            return join_lines.create(authority, WHERE, node=node, ttl_s=ttl_s, any_ttl=False)

    def authority(self) -> Authority:
        return Authority.open(self.directory, now=lambda: self.now, actor="test")

    def audit(self, action: str) -> list[str]:
        with self.authority() as authority:
            return [one.outcome for one in authority.log() if one.action == action]

    def roots(self) -> tuple[certificates.Certificate, ...]:
        with self.authority() as authority:
            return certificates.read(authority.bundle())


def ask(registrar: Registrar, request: Request, origin: Origin = BOOT) -> Reply:
    payload = registrar.answer(origin, enrolment.encode_request(request))
    assert payload is not None
    reply = enrolment.decode_reply(payload)
    assert reply.nonce == request.nonce
    return reply


def joined(desk: Desk, registrar: Registrar) -> tuple[Joiner, Reply]:
    joiner = Joiner(desk.token())
    reply = ask(registrar, joiner.join())
    assert reply.code == 200, reply.message
    return joiner, reply
