"""Exit codes that nobody will read go; those that somebody may read stay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edgelet.adapters.podman import exit_files
from edgelet.adapters.podman.engine import Engine
from edgelet.adapters.podman.libpod import Libpod

KNOWN, GONE = "a" * 64, "b" * 64


@pytest.fixture
async def libpod(tmp_path: Path) -> AsyncIterator[Libpod]:
    """An engine that knows one container."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        words = b"204 No Content" if KNOWN.encode() in head else b"404 Not Found"
        writer.write(b"HTTP/1.1 " + words + b"\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_unix_server(answer, tmp_path / "s.sock")
    yield Libpod(Engine(socket_path=tmp_path / "s.sock", program=None))
    server.close()
    await server.wait_closed()


async def test_only_files_of_containers_that_are_gone_are_removed(
    libpod: Libpod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exit_files, "_SECOND_LOOK_S", 0.01)
    exits = tmp_path / "exits"
    exits.mkdir()
    for name in (KNOWN, GONE, f"{GONE}.x7f2", "README"):
        (exits / name).write_text("137")
    await exit_files.sweep(libpod, exits)
    assert {one.name for one in exits.iterdir()} == {KNOWN, f"{GONE}.x7f2", "README"}


async def test_without_the_directory_there_is_nothing_to_do(libpod: Libpod, tmp_path: Path) -> None:
    await exit_files.sweep(libpod, tmp_path / "none")
