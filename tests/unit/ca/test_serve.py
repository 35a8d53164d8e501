"""Whom a registrar tells of the authorities and of what is revoked, and when."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from edgelet.api import enrolment
from edgelet.api.errors import BusError
from edgelet.ca import revocation_lists
from edgelet.ca.authority import Authority
from edgelet.ca.serve import Options, Service
from tests.unit.ca.conftest import csr

if TYPE_CHECKING:
    from edgelet.ca.registrar_link import RegistrarLink


class Link:
    """A link that keeps what is retained."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.connected.set()
        self.published: list[str] = []
        self.retained: dict[str, bytes] = {}
        self.refuses = ""
        self.judged = 0

    def judge_again(self) -> None:
        """The broker, by the lists that are known now."""
        self.judged += 1

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        assert retain
        if topic == self.refuses:
            raise BusError("BrokerUnavailable", "cannot publish: not connected")
        self.published.append(topic)
        self.retained[topic] = payload


def topic(node: str) -> str:
    return f"edgelet/v1/{node}/cert/issued/ca"


async def looks(service: Service, link: Link) -> None:
    """Have it look after everything once."""
    await service._round(cast("RegistrarLink", link))


@pytest.fixture
def service(authority: Authority) -> Service:
    for node in ("acme/a", "acme/b"):
        authority.issue_node(csr(node), node, reason="test")
    options = Options(broker="mqtts://127.0.0.1:1", name="r1", prefix="edgelet/v1")
    return Service(authority, options, say=lambda _: None)


async def test_a_node_that_joined_since_is_told_with_the_next_round_and_nobody_else_again(
    service: Service, authority: Authority
) -> None:
    link = Link()
    await looks(service, link)
    assert link.published == [topic("acme/a"), topic("acme/b")]
    authority.issue_node(csr("acme/c"), "acme/c", reason="test")
    await looks(service, link)
    await looks(service, link)
    assert link.published == [topic("acme/a"), topic("acme/b"), topic("acme/c")]
    assert link.retained[topic("acme/c")] != b""


async def test_a_revocation_is_told_to_everybody_under_a_higher_number(service: Service, authority: Authority) -> None:
    link = Link()
    await looks(service, link)
    before = enrolment.decode_ca(link.retained[topic("acme/a")]).epoch
    revocation_lists.revoke(authority, "acme/b")
    await looks(service, link)
    assert link.published == [topic("acme/a"), topic("acme/b"), topic("acme/a")], "who is revoked hears nothing more"
    assert enrolment.decode_ca(link.retained[topic("acme/a")]).epoch > before


async def test_who_was_not_reached_is_told_in_the_next_round(service: Service) -> None:
    link = Link()
    link.refuses = topic("acme/b")
    await looks(service, link)
    link.refuses = ""
    await looks(service, link)
    assert link.published == [topic("acme/a"), topic("acme/b")]
