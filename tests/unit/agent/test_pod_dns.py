"""What the agent makes of the setting, with a real store and without a server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest

from edgelet.adapters.aardvark import listeners, process
from edgelet.adapters.host.clock import SystemClock
from edgelet.agent import pod_dns, pod_path, state
from edgelet.agent.pod_path import Foundation
from edgelet.config.network import NetworkSettings
from edgelet.config.paths import PathSettings
from edgelet.config.settings import Settings


@contextlib.asynccontextmanager
async def foundation(folder: Path, pod_dns: Literal["off", "aardvark"]) -> AsyncIterator[Foundation]:
    network = NetworkSettings(pod_dns=pod_dns, pool="10.99.0.0/24", cluster_domain="board.example")
    settings = Settings(paths=PathSettings(state=folder / "state", run=folder / "run"), network=network)
    (folder / "state").mkdir()
    opened = state.open_state(settings, SystemClock())
    try:
        yield pod_path.lay_foundation(
            settings, opened.store, SystemClock(), adoption=opened.adoption, fresh=opened.fresh
        )
    finally:
        await opened.store.close()


@pytest.fixture(autouse=True)
def _free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "is_taken", lambda _: False)


async def test_with_a_server_pods_ask_at_the_bridges_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "program", lambda: "/usr/lib/podman/aardvark-dns")
    async with foundation(tmp_path, "aardvark") as base:
        assert await pod_dns.make(base, adopted=asyncio.Event()) is not None
        assert (base.board.for_pods().cluster_dns, base.board.for_pods().cluster_domain) == (
            ("10.99.0.1",),
            "board.example",
        )
        assert base.events.list() == ()


async def test_without_the_program_pods_ask_the_nodes_resolvers_and_the_node_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "program", str)
    async with foundation(tmp_path, "aardvark") as base:
        assert await pod_dns.make(base, adopted=asyncio.Event()) is not None  # it may be installed later
        assert base.board.for_pods().cluster_dns == ()
        (event,) = base.events.list()
        assert (event["reason"], event["type"], event["involvedObject"]["kind"]) == (
            "PodDNSUnavailable",
            "Warning",
            "Node",
        )
        assert "install the package aardvark-dns" in event["message"]


async def test_switched_off_nothing_is_kept(tmp_path: Path) -> None:
    async with foundation(tmp_path, "off") as base:
        (tmp_path / "run" / "dns" / "names").mkdir(parents=True)
        assert await pod_dns.make(base, adopted=asyncio.Event()) is None
        assert not (tmp_path / "run" / "dns").exists()
        assert base.board.for_pods().cluster_dns == ()
