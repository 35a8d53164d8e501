"""A client that sends what it is told to, byte for byte, and keeps connections as long as the test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.flow.local_api.board import Board


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        """Read a response up to its body."""
        async with asyncio.timeout(5):
            raw = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = raw.strip().split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    async def response(self) -> tuple[int, dict[str, str], bytes]:
        """Read a response with Content-Length."""
        code, headers = await self.head()
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return code, headers, body

    async def event(self) -> dict[str, Any]:
        """Read one event of a watch: one chunk of a chunked response."""
        async with asyncio.timeout(5):
            size = int(await self.reader.readline(), 16)
            data = await self.reader.readexactly(size + 2)
        assert size, "the watch ended"
        found: dict[str, Any] = json.loads(data)
        return found

    async def rest(self, timeout_s: float = 5) -> bytes:
        """Read until the server closes."""
        async with asyncio.timeout(timeout_s):
            return await self.reader.read()


@asynccontextmanager
async def connected(board: Board) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_unix_connection(board.path, limit=1 << 17)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


@asynccontextmanager
async def watching(board: Board, path: str) -> AsyncIterator[Client]:
    async with connected(board) as client:
        await client.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        code, headers = await client.head()
        assert (code, headers["transfer-encoding"]) == (200, "chunked")
        yield client


def told(event: dict[str, Any]) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"].get("name", "")
