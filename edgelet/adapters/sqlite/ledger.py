"""Small durable facts beside the objects, in the same transactions."""

from __future__ import annotations

from edgelet.adapters.sqlite.batch import Batch, Memory
from edgelet.adapters.sqlite.writer import Writer
from edgelet.api.errors import StorageError


class SqliteLedger:
    """ports.object_store.Ledger. All values together are bounded by `max_bytes`."""

    def __init__(self, memory: Memory, writer: Writer, *, max_bytes: int) -> None:
        self._memory = memory
        self._writer = writer
        self._max_bytes = max_bytes

    def read(self, name: str) -> bytes | None:
        """Return the fact, None if there is none."""
        return self._memory.facts.get(name)

    async def write(self, name: str, value: bytes) -> None:
        """Replace the fact; the same value again is not written. Raises StorageError, also where it would not fit."""
        kept = bytes(value)

        def operation(batch: Batch) -> None:
            if batch.fact(name) == kept:
                return
            others = sum(len(fact) for other, fact in self._memory.facts.items() if other != name)
            if others + len(kept) > self._max_bytes:
                raise StorageError(
                    f'cannot keep the fact "{name}": all facts together may be {self._max_bytes} bytes',
                    retry_after=None,
                )
            batch.set_fact(name, kept)

        await self._writer.submit(operation)
