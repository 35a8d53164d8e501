"""A board refuses what was revoked, and nothing else: a real broker, the real child process, real lists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edgelet.adapters.mqtt import address, handshake
from edgelet.adapters.mqtt.endpoint import Endpoint
from edgelet.adapters.mqtt.tls_files import TlsFiles
from edgelet.adapters.x509 import certificates, registrar_signature, revocation
from edgelet.api import enrolment
from edgelet.api.errors import BusError
from edgelet.api.revocations import Revocations
from edgelet.ca import ca_notice, registrar_identity, revocation_lists, roll_over
from edgelet.ports.bus import Connected, Disconnected
from tests.contract.identity.board import NODE, Board
from tests.contract.identity.test_authorities import TOPIC, notice
from tests.contract.identity.test_renewal import broker_restarts, until
from tests.fixtures.certificates import Authority as Company
from tests.fixtures.field import FieldAuthority, FieldBroker, RegistrarProcess
from tests.fixtures.mosquitto import Mosquitto

pytestmark = pytest.mark.mosquitto
LONG_AGO = timedelta(days=300)


@pytest.fixture
def board(directory: Path, authority: FieldAuthority, broker: FieldBroker) -> Board:
    return Board(directory, authority, broker, authority.client(NODE))


def serial(authority: FieldAuthority, name: str) -> str:
    """Of a certificate that the authority wrote as a file."""
    return certificates.read((authority.directory / f"{name}.crt").read_bytes())[0].serial


def revoke(authority: FieldAuthority, name: str, *, ago: timedelta = timedelta(0)) -> None:
    with authority.open(now=lambda: datetime.now(UTC) - ago) as opened:
        revocation_lists.revoke(opened, serial(authority, name))


def refused(board: Board, code: str = "CertificateRevoked") -> list[str]:
    return [one.reason for one in board.seen if isinstance(one, Disconnected) and one.code == code]


def names(board: Board, revoked: str) -> bool:
    return any(revoked in one.revoked for one in board.files.known_revocations().lists)


async def tell(broker: FieldBroker, message: bytes) -> None:
    await asyncio.to_thread(broker.publish, TOPIC, message, retain=True)


async def taken(board: Board) -> None:
    await until(lambda: board.files.known_revocations().lists)


async def test_a_broker_that_is_revoked_loses_the_board_at_once_and_gets_it_back_with_a_new_certificate(
    board: Board, authority: FieldAuthority, broker: FieldBroker
) -> None:
    with RegistrarProcess(authority, broker):
        board.start()
        await until(lambda: board.of(Connected))
        await taken(board)
        gone = serial(authority, "server")
        await asyncio.to_thread(revoke, authority, "server")
        await until(lambda: refused(board))  # the registrar tells by itself, over this very broker
        assert f"its certificate, serial {gone}, was revoked" in refused(board)[0]
        assert "CertificateRevoked" in board.events.reasons()
        assert len(board.of(Connected)) == 1
    await broker_restarts(board, broker)  # with a certificate of its own for each start
    assert serial(authority, "server") != gone
    await board.close()


async def test_a_registrar_that_is_revoked_while_it_serves_tells_it_with_a_new_certificate(
    board: Board, authority: FieldAuthority, broker: FieldBroker
) -> None:
    with RegistrarProcess(authority, broker):
        board.start()
        await taken(board)
        gone = serial(authority, "registrar-r1")
        await asyncio.to_thread(revoke, authority, "registrar-r1")
        await until(lambda: names(board, gone))
        assert serial(authority, "registrar-r1") != gone
    assert "AuthoritiesRefused" not in board.events.reasons()
    await board.close()


async def test_the_registrar_leaves_a_revoked_broker_and_comes_back_when_that_has_a_new_certificate(
    authority: FieldAuthority, broker: FieldBroker
) -> None:
    with RegistrarProcess(authority, broker) as registrar:
        gone = serial(authority, "server")
        await asyncio.to_thread(revoke, authority, "server")
        words = f"cannot trust the broker: its certificate, serial {gone}, was revoked"
        await until(lambda: registrar.log.count(words) >= 2)  # the connection that stood, and the next one
        before = broker.log.count("Received SUBSCRIBE from _registrar/r1")
        assert before == 1
        await asyncio.to_thread(broker.restart)  # with a certificate of its own for each start
        await until(lambda: broker.log.count("Received SUBSCRIBE from _registrar/r1") > before)
        assert serial(authority, "server") != gone


async def test_a_registrar_that_starts_does_not_talk_to_a_revoked_broker(
    authority: FieldAuthority, broker: FieldBroker
) -> None:
    await asyncio.to_thread(revoke, authority, "server")
    with RegistrarProcess(authority, broker, wait=False) as registrar:
        await until(lambda: registrar.log.count("was revoked") >= 2)
        assert "_registrar/r1" not in broker.log


async def test_the_join_listener_is_judged_alike(board: Board, authority: FieldAuthority, broker: FieldBroker) -> None:
    board.start()
    await until(lambda: board.of(Connected))
    await asyncio.to_thread(revoke, authority, "join-server")
    await tell(broker, notice(authority))
    await taken(board)
    link = board.renewal._ports.link
    with pytest.raises(BusError, match="was revoked"):
        await link.ask_at_join_listener(board.files.time_request(), timeout_s=20)
    await board.close()


async def test_lists_past_their_end_are_told_and_cut_nobody_off(
    board: Board, authority: FieldAuthority, broker: FieldBroker
) -> None:
    """The authority was made 400 days ago, and nobody has signed its lists anew."""
    board.start()
    await tell(broker, notice(authority))
    await taken(board)
    assert len(board.files.known_revocations().ended(datetime.now(UTC).timestamp())) == 2
    await broker_restarts(board, broker)
    await until(lambda: "RevocationListStale" in board.events.reasons())
    assert refused(board) == []
    await board.close()


async def test_what_an_old_list_names_is_refused_all_the_same(
    board: Board, authority: FieldAuthority, broker: FieldBroker
) -> None:
    board.start()
    await until(lambda: board.of(Connected))
    revoke(authority, "server", ago=LONG_AGO)
    await tell(broker, notice(authority))
    await until(lambda: refused(board))
    assert board.files.known_revocations().ended(datetime.now(UTC).timestamp())
    await board.close()


async def test_an_authority_that_its_root_has_revoked_is_refused_without_a_list_of_its_own(
    board: Board, authority: FieldAuthority, broker: FieldBroker
) -> None:
    """A stolen issuing key: what it signed is refused, on a board that never had its list."""
    (stolen,) = [one for one in certificates.read(authority.certificate.read_bytes()) if not one.is_self_issued]
    board.start()
    await until(lambda: board.of(Connected))
    with authority.open() as opened:
        roll_over.begin(opened, "issuing")
        roll_over.use(opened)
        roll_over.drop(opened, "issuing", force=True)
    await tell(broker, notice(authority))
    await until(lambda: refused(board))
    assert "the certificate of an authority above it" in refused(board)[0]
    assert stolen.serial in refused(board)[0]
    assert all(one.key != stolen.spki_digest for one in board.files.known_revocations().lists)
    await broker_restarts(board, broker)
    await board.close()


async def test_a_list_that_goes_back_is_refused_whoever_sends_it(
    board: Board, authority: FieldAuthority, broker: FieldBroker
) -> None:
    authority.server("spare")
    board.start()
    before = notice(authority)
    await tell(broker, before)
    await taken(board)
    revoke(authority, "spare")
    gone = serial(authority, "spare")
    await tell(broker, notice(authority))
    await until(lambda: names(board, gone))
    await tell(broker, before)  # the broker repeats what is old
    with authority.open() as opened:  # and a true registrar has old lists, with a number that is new
        own = registrar_identity.ensure(opened, "r1")
        again = replace(enrolment.decode_ca(before), epoch=ca_notice.epoch(opened) + 1, signer=own.chain)
    signed = replace(again, signature=registrar_signature.make(own.key, again.covered()))
    await tell(broker, enrolment.encode_ca(signed))
    await until(lambda: "RevocationListsRefused" in board.events.reasons())
    assert names(board, gone)
    await board.close()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "zeros": lambda data: bytes(len(data)),
    "another serial": lambda data: data.replace(b'"number": ', b'"number": 1'),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_file_of_lists_is_told_and_made_anew_and_the_link_stands(
    board: Board, authority: FieldAuthority, broker: FieldBroker, damage: str
) -> None:
    board.start()
    await tell(broker, notice(authority))
    await taken(board)
    path = board.pki / "ca.crt.revoked"
    good = path.read_bytes()
    path.write_bytes(DAMAGES[damage](good))
    await broker_restarts(board, broker)
    await until(lambda: path.read_bytes() == good)
    assert "RevocationListsDamaged" in board.events.reasons()
    assert refused(board) == []
    # Nothing is written where nothing is new.
    stamp = path.stat().st_ino, path.stat().st_mtime_ns
    await broker_restarts(board, broker)
    await until(lambda: "cert/issued/ca" in [getattr(one, "topic", "") for one in board.seen[-3:]])
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == stamp
    await board.close()


async def test_a_companys_own_authority_without_lists_goes_on_working(
    directory: Path, authority: FieldAuthority
) -> None:
    """A board that knows revocations of one authority connects to a broker of another."""
    company = Company(directory / "company")
    pair = company.client(NODE)
    known = known_of(authority)
    assert known.lists
    with Mosquitto(directory, authority=company) as broker:
        await handshake.attempt(
            Endpoint(
                address=address.parse(broker.url),
                client_id="x",
                root="r/",
                files=TlsFiles(str(company.certificate), str(pair.certificate), str(pair.key)),
                revoked=lambda: known,
            )
        )


def known_of(authority: FieldAuthority) -> Revocations:
    with authority.open() as opened:
        lists, _ = revocation.known(opened.crl(), certificates.read(opened.bundle()))
    return Revocations().merged(lists)[0]
