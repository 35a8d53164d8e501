"""A connection whose other end has said everything already."""

from __future__ import annotations


class SilentChannel:
    """Gives bytes in pieces, then the end."""

    def __init__(self, answer: bytes, *, piece_bytes: int = 16_384) -> None:
        self._answer = answer
        self._piece_bytes = piece_bytes

    async def send(self, data: bytes) -> None:
        """Take it and say nothing."""

    async def receive(self) -> bytes:
        """Give the next piece."""
        piece, self._answer = self._answer[: self._piece_bytes], self._answer[self._piece_bytes :]
        return piece
