"""Renewal as it is shipped: both brokers with their access lists, and `edgelet ca serve`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edgelet.adapters.x509 import keys, requests
from edgelet.ports.bus import Connected
from tests.contract.identity.board import NODE, Board
from tests.contract.identity.test_renewal import until
from tests.fixtures.certificates import Pair
from tests.fixtures.registrar import Fleet

pytestmark = pytest.mark.mosquitto
_HOUR_D = 1 / 24


@dataclass
class Where:
    """What a board is told about a fleet."""

    url: str
    join_url: str
    login: tuple[str, str]
    certificate: Path


@pytest.fixture
def fleet(directory: Path) -> Iterator[Fleet]:
    with Fleet(directory) as fleet:
        yield fleet


def where(fleet: Fleet) -> Where:
    login = fleet.trust.authority.join_login()
    return Where(fleet.trust.url, fleet.trust.join_url, (login.user, login.password), fleet.trust.ca)


def old_pair(fleet: Fleet, *, ends_in_d: float) -> Pair:
    """Issue one that has lived for a day."""
    authority, key = fleet.trust.authority, keys.generate()
    authority.terms = replace(authority.terms, backdated_s=24 * 3600)
    issued = authority.issue_client(requests.make(key, NODE), NODE, reason="test", days=ends_in_d)
    pair = Pair(fleet.directory / "old.crt", fleet.directory / "old.key")
    pair.certificate.write_bytes(issued.certificate_pem)
    keys.save(pair.key, key)
    return pair


async def test_a_board_renews_over_its_own_topics(fleet: Fleet, directory: Path) -> None:
    board = Board(directory, where(fleet), where(fleet), old_pair(fleet, ends_in_d=_HOUR_D))
    before = board.serial()
    board.start()
    await until(lambda: "CertificateRenewed" in board.events.reasons(), within_s=120)
    assert board.serial() != before
    await until(lambda: len(board.of(Connected)) == 2)
    last = board.of(Connected)[-1]
    assert isinstance(last, Connected)
    assert last.session_present
    await board.close()


async def test_one_whose_certificate_has_ended_renews_over_the_broker_for_joining(
    fleet: Fleet, directory: Path
) -> None:
    pair = old_pair(fleet, ends_in_d=1 / 86400)
    await asyncio.sleep(3)
    board = Board(directory, where(fleet), where(fleet), pair)
    board.start()
    await until(lambda: board.of(Connected), within_s=120)
    assert "CertificateRenewed" in board.events.reasons()
    await board.close()
