"""The round that goes on: in a task of its own, so that news can break it off and be told of meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager


class RunningRound:
    """Belongs to one worker, which has one round at a time, or none."""

    def __init__(self, uid: str) -> None:
        self._uid = uid
        self._task: asyncio.Task[None] | None = None
        self._unbreakable = False
        self._news = asyncio.Event()  # a probe or a hook decided, or the round is over

    async def run(self, work: Coroutine[None, None, None], *, meanwhile: Callable[[], Awaitable[None]]) -> None:
        """Return when the work is done or broken off; raise what it raises.

        `meanwhile` is waited for at each news while it goes on, but not within `to_its_end`.
        """
        self._task = asyncio.create_task(work, name=f"pod-round/{self._uid}")
        self._task.add_done_callback(lambda _: self._news.set())
        try:
            while not self._task.done():
                self._news.clear()
                await self._news.wait()
                if not self._task.done() and not self._unbreakable:
                    await meanwhile()
        finally:
            self._task.cancel()
        done, self._task = self._task, None
        if not done.cancelled() and (error := done.exception()) is not None:
            raise error

    def heard(self) -> None:
        """Note that there is news."""
        self._news.set()

    def break_off(self) -> None:
        """Have the round end where it waits, if there is one that may."""
        if self._task is not None and not self._unbreakable:
            self._task.cancel()

    @contextmanager
    def to_its_end(self) -> Iterator[None]:
        """Keep news from breaking off what is done in here."""
        self._unbreakable = True
        try:
            yield
        finally:
            self._unbreakable = False
