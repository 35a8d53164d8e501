"""Storage that a killed creation left goes; what libpod knows, and what has another's name, stays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edgelet.adapters.podman import externals, labels
from edgelet.adapters.podman.engine import Engine
from edgelet.adapters.podman.libpod import Libpod
from edgelet.ports.runtime import PodRef

POD = PodRef("11111111-2222-3333-4444-555555555555", "default", "web")
KNOWN, LEFT, OTHER = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
async def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """An engine with one container that it knows and two that only the storage has; what was asked of it."""
    monkeypatch.setattr(externals, "_SECOND_LOOK_S", 0.01)
    known = {"Id": KNOWN, "Names": [labels.container_name(POD, "main", 0)], "Labels": {"a": "b"}}
    left = {"Id": LEFT, "Names": [labels.infra_name(POD, 0)], "Labels": None}
    other = {"Id": OTHER, "Names": ["buildah-working-container"], "Labels": None}
    lines: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readuntil(b"\r\n")).decode().strip()
        lines.append(line)
        body = json.dumps([known, left, other] if "external" in line else [known]).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    server = await asyncio.start_unix_server(answer, tmp_path / "s.sock")
    yield lines
    server.close()
    await server.wait_closed()


async def test_only_what_libpod_does_not_know_and_has_our_name_is_removed(asked: list[str], tmp_path: Path) -> None:
    await externals.sweep(Libpod(Engine(socket_path=tmp_path / "s.sock", program=None)))
    assert [line.split()[1] for line in asked if line.startswith("DELETE")] == [
        f"/v4.0.0/libpod/containers/{LEFT}?force=true"
    ]


@pytest.mark.parametrize("name", [labels.infra_name(POD, 3), labels.container_name(POD, "a.b", 12)])
def test_our_names_are_known_again(name: str) -> None:
    assert labels.is_name_of_ours(name)


@pytest.mark.parametrize("name", ["", "web", "a_b_c_d_e", "a_b_c_d_infra", "a__c_d_1", "k8s_a_b_c_d_1"])
def test_others_names_are_not(name: str) -> None:
    assert not labels.is_name_of_ours(name)
