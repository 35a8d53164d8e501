from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.agent import AgentUnderTest
from tests.fixtures.mosquitto import Mosquitto
from tests.fixtures.registrar import Fleet
from tests.fixtures.site import Site


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A real mosquitto."""
    with Mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def agent() -> Iterator[AgentUnderTest]:
    """A real agent without a link."""
    with AgentUnderTest() as agent:
        yield agent


@pytest.fixture
def linked(broker: Mosquitto) -> Iterator[AgentUnderTest]:
    """A real agent on a real broker."""
    with AgentUnderTest(broker_url=broker.url) as agent:
        yield agent


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A broker, an agent and a listener for all tests of a file; each test has pods of its own and removes them."""
    with Site() as site:
        yield site


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Brokers and two registrars on one authority, for all tests of a file."""
    with Fleet(tmp_path_factory.mktemp("fleet"), registrars=("r1", "r2")) as made:
        yield made


@pytest.fixture
def node() -> str:
    """A name that no other test has."""
    return f"default/pi-{secrets.token_hex(4)}"
