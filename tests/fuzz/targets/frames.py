"""Bytes after the handshake of an exec: whole messages and frames of the remote command protocol, then the end."""

from __future__ import annotations

import asyncio

from edgelet.adapters.local_api.websocket import MESSAGE_LIMIT_BYTES, WebSocketChannel
from edgelet.remote import exec_frames


def try_input(data: bytes) -> None:
    """The first byte says which protocol was agreed on, how much of the rest came early, and who closes."""
    asyncio.run(_listen(data[:1] or b"\0", data[1:]))


async def _listen(how: bytes, data: bytes) -> None:
    flags = how[0]
    early = len(data) * (flags >> 4) // 16
    reader = asyncio.StreamReader()
    reader.feed_data(data[early:])
    reader.feed_eof()
    subprotocol = exec_frames.V5 if flags & 1 else exec_frames.V4
    writer = _Nowhere()
    channel = WebSocketChannel(reader, writer, subprotocol=subprotocol, early=data[:early])  # type: ignore[arg-type]  # what it needs of one
    closes_after = (flags >> 1) & 7
    while (message := await channel.receive()) is not None:
        assert len(message) <= MESSAGE_LIMIT_BYTES
        exec_frames.decode(message, subprotocol=subprotocol)
        if closes_after == 1:
            break
        closes_after -= 1
    try:
        await channel.send(b"\1last")
    except ConnectionError:
        assert message is None, "nobody closed it"
    await channel.close()


class _Nowhere:
    """A writer that everybody reads from at once."""

    def write(self, data: bytes) -> None:
        """Take it."""

    async def drain(self) -> None:
        """Be done."""
