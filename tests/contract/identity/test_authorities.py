"""The authorities are exchanged over the link, with old and new side by side: a real broker, the real child process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edgelet.adapters.x509 import certificates, registrar_signature
from edgelet.api import enrolment
from edgelet.ca import ca_notice, publication, registrar_identity
from edgelet.ca.issuers import ROOT
from edgelet.ports.bus import Connected
from tests.contract.identity.board import NODE, Board
from tests.contract.identity.test_renewal import broker_restarts, until
from tests.fixtures.field import FieldAuthority, FieldBroker

pytestmark = pytest.mark.mosquitto
TOPIC = f"edgelet/v1/{NODE}/cert/issued/ca"


def notice(authority: FieldAuthority) -> bytes:
    with authority.open() as opened:
        return ca_notice.message(opened, registrar_identity.ensure(opened, "r1"))


def grow(authority: FieldAuthority) -> None:
    with authority.open() as opened:
        with opened.database.transaction():
            opened.issuers.add(ROOT, name="new root", state="coming", now=opened.now())
        publication.publish(opened)


async def test_a_second_root_is_taken_up_kept_beside_the_first_and_used_from_then_on(
    directory: Path, authority: FieldAuthority, broker: FieldBroker
) -> None:
    board = Board(directory, authority, broker, authority.client(NODE))
    before = board.ca.read_bytes()
    await asyncio.to_thread(broker.publish, TOPIC, notice(authority), retain=True)
    board.start()
    await until(lambda: "identity/authorities" in board.ledger.facts)
    assert board.ca.read_bytes() == before  # the same authorities: nothing to do
    grow(authority)
    await asyncio.to_thread(broker.publish, TOPIC, notice(authority), retain=True)
    await until(lambda: "AuthoritiesReplaced" in board.events.reasons())
    assert len(certificates.read(board.ca.read_bytes())) == 3
    assert (board.pki / "ca.crt.old").read_bytes() == before
    await broker_restarts(board, broker)
    assert "AuthoritiesRefused" not in board.events.reasons()
    await board.close()


async def test_authorities_that_the_broker_does_not_stand_on_are_not_taken_up(
    directory: Path, authority: FieldAuthority, broker: FieldBroker
) -> None:
    """Signed by our registrar, and yet the end of the link: it is tried before it is believed."""
    board = Board(directory, authority, broker, authority.client(NODE))
    before = board.ca.read_bytes()
    board.start()
    await until(lambda: board.of(Connected))
    other = FieldAuthority(directory / "other")
    with authority.open() as opened:
        own = registrar_identity.ensure(opened, "r1")
    message = enrolment.CaBundle(bundle=other.certificate.read_text(), epoch=7, signer=own.chain)
    signed = enrolment.encode_ca(
        enrolment.CaBundle(
            bundle=message.bundle,
            epoch=7,
            signer=own.chain,
            signature=registrar_signature.make(own.key, message.covered()),
        )
    )
    await asyncio.to_thread(broker.publish, TOPIC, signed, retain=True)
    await until(lambda: "AuthoritiesRefused" in board.events.reasons())
    assert board.ca.read_bytes() == before
    await broker_restarts(board, broker)
    await board.close()
