"""Group commit: the writes of one moment become one transaction on a thread of their own, so that fsync blocks nobody.

One batch is in flight at a time. It is evaluated on the loop against memory, written by the thread, and only then
visible; what comes meanwhile is the next batch. Everything runs in callbacks: there is no task that could die.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from edgelet.adapters.sqlite.batch import Batch, Memory, Writing
from edgelet.adapters.sqlite.database import Database
from edgelet.api.errors import StorageError
from edgelet.ports.object_store import Change

T = TypeVar("T")


@dataclass(slots=True)
class _Waiting:
    operation: Callable[[Batch], Any]
    done: asyncio.Future[Any]
    result: Any = None  # what the operation returned or raised

    def evaluate(self, batch: Batch) -> None:
        try:
            self.result = self.operation(batch)
        except Exception as error:  # noqa: BLE001  whatever it is, it is its caller's and must not stop the others
            self.result = error

    def settle(self) -> None:
        if self.done.done():  # the caller went away
            return
        if isinstance(self.result, Exception):
            self.done.set_exception(self.result)
        else:
            self.done.set_result(self.result)


class Writer:
    """Takes operations on a Batch, in order. Used on one event loop."""

    def __init__(self, database: Database, memory: Memory, *, notify: Callable[[Change], None]) -> None:
        self._database = database
        self._memory = memory
        self._notify = notify
        self._queue: list[_Waiting] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="edgelet-sqlite")
        self._busy = False  # a batch is in flight or about to be
        self._closed = False
        self.trouble = database.refused  # why what was written last was refused, for people; "" where it was not
        self._idle = asyncio.Event()
        self._idle.set()

    async def submit(self, operation: Callable[[Batch], T]) -> T:
        """Run the operation in the next batch; returns its result once what it wrote is on disk and visible.

        Raises what the operation raises, and StorageError where the disk refused its batch.
        """
        if self._closed:
            raise StorageError("cannot write: the state database is closed", retry_after=None)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._queue.append(_Waiting(operation, done))
        if not self._busy:
            self._set_busy(True)
            loop.call_soon(self._start)  # not at once: what else is written in this moment shares the fsync
        return await done

    def run_now(self, operation: Callable[[Batch], T]) -> tuple[bool, T | None]:
        """Run an operation at once if nothing is waiting and it needs no disk; tells whether it did."""
        if self._busy or self._closed:
            return False, None
        batch = Batch(self._memory)
        result = operation(batch)
        writing = batch.writing()
        if not writing.empty:
            return False, None
        self._publish(batch, writing)
        return True, result

    async def save_copy(self) -> bool:
        """Have the database copied between two batches, if anything was written since; tells whether it was.

        Raises StorageError.
        """
        if self._closed or not self._database.unsaved:
            return False
        await asyncio.get_running_loop().run_in_executor(self._thread, self._database.save_copy)
        return True

    async def look(self) -> None:
        """Find out between two batches whether a disk that refused the last write takes one now; sets `trouble`."""
        if self._closed or not self.trouble:
            return
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._database.probe)
        except StorageError as error:
            self.trouble = error.message
        else:
            self.trouble = ""

    async def seal_again(self) -> None:
        """Have all Secrets sealed under today's key between two batches. Raises StorageError."""
        if self._closed:
            raise StorageError("cannot write: the state database is closed", retry_after=None)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._database.seal_again)

    async def close(self) -> None:
        """Finish what is queued, refuse more, close the database. Closing again does nothing."""
        if self._closed:
            return
        self._closed = True
        await self._idle.wait()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._database.close)
        self._thread.shutdown()

    def _start(self) -> None:
        waiting = [one for one in self._queue if not one.done.cancelled()]
        self._queue.clear()
        batch = Batch(self._memory)
        for one in waiting:
            one.evaluate(batch)
        writing = batch.writing()
        if writing.empty:
            self._settle(batch, writing, waiting)
            return
        loop = asyncio.get_running_loop()
        written = loop.run_in_executor(self._thread, self._database.write, writing)
        written.add_done_callback(lambda done: self._finish(done, batch, writing, waiting))

    def _finish(self, done: asyncio.Future[None], batch: Batch, writing: Writing, waiting: list[_Waiting]) -> None:
        error = done.exception()
        self.trouble = self._database.refused if error is None else _words(error)
        if error is None:
            self._settle(batch, writing, waiting)
        else:
            self._salvage(error if isinstance(error, Exception) else RuntimeError(repr(error)), waiting)

    def _salvage(self, error: Exception, waiting: list[_Waiting]) -> None:
        """The disk refused: settle what needs no disk (no change, a status in memory, an error), fail the rest."""
        for one in waiting:
            batch = Batch(self._memory)
            one.evaluate(batch)
            writing = batch.writing()
            if writing.empty:
                self._publish(batch, writing)
            else:
                one.result = error
            one.settle()
        self._next()

    def _settle(self, batch: Batch, writing: Writing, waiting: list[_Waiting]) -> None:
        self._publish(batch, writing)
        for one in waiting:
            one.settle()
        self._next()

    def _next(self) -> None:
        if self._queue:
            self._start()
        else:
            self._set_busy(False)

    def _publish(self, batch: Batch, writing: Writing) -> None:
        for change in batch.publish(writing):
            self._notify(change)

    def _set_busy(self, busy: bool) -> None:  # noqa: FBT001  a setter
        self._busy = busy
        if busy:
            self._idle.clear()
        else:
            self._idle.set()


def _words(error: BaseException) -> str:
    return error.message if isinstance(error, StorageError) else repr(error)
