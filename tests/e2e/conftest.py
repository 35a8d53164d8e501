from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.agent import AgentUnderTest
from tests.fixtures.mosquitto import Mosquitto
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
