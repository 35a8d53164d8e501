"""Which retained topics of ours the broker may hold: kept on disk, so that none is left over for ever.

The other way would be to subscribe to the own status/#: it needs a read right the node otherwise has not, and sends
every status back at every reconnect. This list is written only when an object appears (before its first status is sent)
or goes (some seconds later), in pieces, so that one new pod among a thousand rewrites a few hundred bytes.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator

from edgelet.ports.object_store import Ledger

_PIECES = 32
_NAME = "published/{:02d}"


class PublishedTopics:
    """A set of topics. It may hold one too many (cleared once more, harmless), never one too few for long."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._pieces: list[set[str]] = [set() for _ in range(_PIECES)]
        for number, piece in enumerate(self._pieces):
            piece.update(filter(None, (ledger.read(_NAME.format(number)) or b"").decode().split("\n")))
        self._dirty: set[int] = set()
        self._saving = asyncio.Lock()  # who saves after another must not return before the other is done

    def __iter__(self) -> Iterator[str]:
        for piece in self._pieces:
            yield from tuple(piece)

    def __contains__(self, topic: str) -> bool:
        return topic in self._pieces[_piece_of(topic)]

    def __len__(self) -> int:
        return sum(map(len, self._pieces))

    @property
    def dirty(self) -> bool:
        return bool(self._dirty)

    def add(self, topic: str) -> None:
        """Note that the broker has something there."""
        number = _piece_of(topic)
        if topic not in self._pieces[number]:
            self._pieces[number].add(topic)
            self._dirty.add(number)

    def discard(self, topic: str) -> None:
        """Note that the broker has nothing there."""
        number = _piece_of(topic)
        if topic in self._pieces[number]:
            self._pieces[number].discard(topic)
            self._dirty.add(number)

    async def save(self) -> None:
        """Write what changed: all that was noted before the call is on disk after it.

        Raises:
            StorageError: What is left is written next time.
        """
        async with self._saving:
            while self._dirty:
                number = self._dirty.pop()
                try:
                    await self._ledger.write(_NAME.format(number), "\n".join(sorted(self._pieces[number])).encode())
                except BaseException:
                    self._dirty.add(number)
                    raise


def _piece_of(topic: str) -> int:
    return zlib.crc32(topic.encode()) % _PIECES
