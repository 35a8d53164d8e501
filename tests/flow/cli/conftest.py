"""What the command line's tests share: a fake agent, and a way to run a command line against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from edgelet.cli import main
from tests.flow.cli.fake_agent import FakeAgent, serving


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Edgelet = Callable[..., Ran]


@pytest.fixture
def agent() -> Iterator[FakeAgent]:
    with serving() as running:
        yield running


@pytest.fixture
def edgelet(agent: FakeAgent, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Edgelet:
    monkeypatch.setenv("EDGELET_SOCKET", agent.socket_path)

    def run(*argv: str) -> Ran:
        code = main.run(argv)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run
