"""A board keeps its certificate good: a real broker, a real registrar, the real child process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from edgelet.api import time
from edgelet.ca import roll_over
from edgelet.ports.bus import Connected, Disconnected, Message
from tests.contract.identity.board import NODE, Board
from tests.contract.identity.load import publish_at_a_rate
from tests.fixtures.field import FieldAuthority, FieldBroker, RegistrarProcess

pytestmark = pytest.mark.mosquitto


async def until(look: Callable[[], object], *, within_s: float = 60) -> None:
    async with asyncio.timeout(within_s):
        while not look():
            await asyncio.sleep(0.05)


async def test_a_certificate_in_its_last_tenth_is_renewed_under_load_and_nothing_is_lost(
    directory: Path, authority: FieldAuthority, broker: FieldBroker
) -> None:
    board = Board(directory, authority, broker, authority.client(NODE, days_ago=55))
    before, key = board.serial(), board.key.read_bytes()
    board.start()
    await until(lambda: board.of(Connected))
    done = asyncio.Event()
    publishing = asyncio.create_task(publish_at_a_rate(broker, authority, node=NODE, seconds=3, done=done))
    with RegistrarProcess(authority, broker):
        await until(lambda: "CertificateRenewed" in board.events.reasons())
    await until(lambda: len(board.of(Connected)) == 2)
    done.set()
    sent = {str(number).encode() for number in range(await publishing)}
    await until(lambda: sent <= {one.payload for one in board.seen if isinstance(one, Message)})
    assert board.serial() != before
    assert board.key.read_bytes() != key
    assert board.files.read().not_after - board.clock.now() > timedelta(days=59)
    assert (board.pki / "pairs" / "previous" / "node.key").read_bytes() == key
    assert board.key.resolve().stat().st_mode & 0o077 == 0
    last = board.of(Connected)[-1]
    assert isinstance(last, Connected)
    assert last.session_present
    await broker_restarts(board, broker)
    await board.close()


async def broker_restarts(board: Board, broker: FieldBroker) -> None:
    """The next connection is made with what was installed."""
    before = len(board.of(Connected))
    await asyncio.to_thread(broker.restart)
    await until(lambda: len(board.of(Connected)) > before)


async def test_without_a_registrar_the_old_one_stays_and_it_is_said(
    directory: Path, authority: FieldAuthority, broker: FieldBroker
) -> None:
    board = Board(directory, authority, broker, authority.client(NODE, days_ago=55))
    board.renewal._questions._answer_s = 1.0
    before = board.serial()
    board.start()
    await until(lambda: board.events.reasons().count("CertificateRenewalFailed") >= 2)
    assert "no registrar answered" in board.renewal.trouble
    assert board.serial() == before
    assert len(board.of(Connected)) == 1
    with RegistrarProcess(authority, broker):
        await until(lambda: "CertificateRenewed" in board.events.reasons())
    assert board.renewal.trouble == ""
    await board.close()


async def test_a_registrar_without_its_key_is_asked_again_until_the_key_is_back(
    directory: Path, authority: FieldAuthority, broker: FieldBroker
) -> None:
    board = Board(directory, authority, broker, authority.client(NODE, days_ago=55))
    before = board.serial()
    with RegistrarProcess(authority, broker):
        with authority.open() as opened:  # the registrar has the key before this one in its memory
            roll_over.begin(opened, "issuing")
            roll_over.use(opened)
        key, safe = authority.directory / "issuing-2.key", authority.directory / "safe"
        key.rename(safe)
        board.start()
        await until(lambda: board.events.reasons().count("CertificateRenewalFailed") >= 2)
        assert "the registrar says 503 ServiceUnavailable" in board.renewal.trouble
        assert "issuing-2" not in board.renewal.trouble  # a path of the server
        assert board.serial() == before
        safe.rename(key)
        await until(lambda: "CertificateRenewed" in board.events.reasons())
    assert board.renewal.trouble == ""
    assert board.serial() != before
    await board.close()


async def test_a_board_that_was_off_for_a_year_comes_back_by_itself(
    directory: Path, authority: FieldAuthority, broker: FieldBroker
) -> None:
    board = Board(directory, authority, broker, authority.client(NODE, days_ago=60 + 365))
    with RegistrarProcess(authority, broker, grace_d=400):
        board.start()
        await until(lambda: board.of(Connected))
    reasons = board.events.reasons()
    assert "CertificateExpired" in reasons
    assert "CertificateRenewed" in reasons
    refused = [one.reason for one in board.seen if isinstance(one, Disconnected) and one.code == "CertificateExpired"]
    assert "it ended on" in refused[0]
    await board.close()


async def test_beyond_the_grace_nothing_is_deleted_and_it_is_tried_again(
    directory: Path, authority: FieldAuthority, broker: FieldBroker
) -> None:
    board = Board(directory, authority, broker, authority.client(NODE, days_ago=60 + 200))
    before = board.certificate.read_bytes(), board.key.read_bytes()
    with RegistrarProcess(authority, broker, grace_d=30):
        board.start()
        await until(lambda: board.events.reasons().count("CertificateRenewalFailed") >= 2)
    assert "longer ago than is forgiven" in board.renewal.trouble
    assert (board.certificate.read_bytes(), board.key.read_bytes()) == before
    with RegistrarProcess(authority, broker, grace_d=365):  # somebody changes the policy
        await until(lambda: board.of(Connected))
    await board.close()


async def test_a_board_without_a_clock_learns_the_time_and_then_that_it_has_to_renew(
    directory: Path, authority: FieldAuthority, broker: FieldBroker
) -> None:
    """In 1970 the expired certificate looks good; the broker refuses it without a word that one could understand."""
    board = Board(directory, authority, broker, authority.client(NODE, days_ago=70))
    board.clock.offset = -timedelta(days=365 * 50)
    board.synchronized = False
    with RegistrarProcess(authority, broker):
        board.start()
        await until(lambda: board.of(Connected), within_s=120)
    assert "CertificateRenewed" in board.events.reasons()
    first = board.of(Disconnected)[0]
    assert isinstance(first, Disconnected)
    assert first.code == "CertificateRefused"
    assert first.reason.endswith("the broker refuses our certificate: certificate expired")
    assert board.keeper.high_water.year >= 2026
    assert board.guard.judged().exact
    await board.close()


async def test_a_clock_that_is_synchronised_and_wrong_does_not_end_a_good_certificate(
    directory: Path, authority: FieldAuthority, broker: FieldBroker
) -> None:
    board = Board(directory, authority, broker, authority.client(NODE, days_ago=1))
    board.clock.offset = timedelta(days=365 * 5)
    with RegistrarProcess(authority, broker):
        board.start()
        await until(lambda: board.of(Connected), within_s=120)
    assert board.guard.judged().state.value == "Wrong"
    assert board.events.reasons().count("CertificateRenewed") == 0
    board.clock.offset = timedelta()
    assert board.guard.judged().state.value == "Synchronized"
    await board.close()


async def test_a_clock_that_was_ahead_with_a_link_is_forgotten_with_the_registrars_word(
    directory: Path, authority: FieldAuthority, broker: FieldBroker
) -> None:
    board = Board(directory, authority, broker, authority.client(NODE, days_ago=1, days=300))
    board.clock.offset = timedelta(days=200)
    board.start()
    await until(lambda: board.keeper.high_water > board.clock.now() - timedelta(hours=1))
    kept = time.render(board.keeper.high_water).encode()
    await until(lambda: board.ledger.facts.get("clock/high-water", b"").endswith(kept))
    await board.close()
    board = Board(directory, authority, broker, None, facts=board.ledger.facts)  # killed; the clock is right now
    assert board.keeper.high_water > board.clock.now() + timedelta(days=199)
    assert board.guard.judged().state.value == "Behind"
    with RegistrarProcess(authority, broker):
        board.start()
        await until(lambda: board.guard.judged().state.value == "Synchronized", within_s=120)
    assert abs(board.keeper.high_water - board.clock.now()) < timedelta(hours=1)
    await board.close()


async def test_an_agent_that_ends_after_the_new_connection_and_before_the_exchange_goes_on_with_the_same_key(
    directory: Path, authority: FieldAuthority, broker: FieldBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board(directory, authority, broker, authority.client(NODE, days_ago=55))
    before, reached = board.serial(), asyncio.Event()

    async def never() -> None:
        reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(board.files, "install_pair", never)
    with RegistrarProcess(authority, broker):
        board.start()
        async with asyncio.timeout(60):
            await reached.wait()
        staged = (board.pki / "pairs" / "new" / "node.key").read_bytes()
        await board.close()
        assert board.serial() == before
        again = Board(directory, authority, broker, None)
        again.start()
        await until(lambda: "CertificateRenewed" in again.events.reasons())
    assert again.key.read_bytes() == staged
    assert again.serial() != before
    await again.close()
