"""One blocking call in a thread of its own that ends with it: an idle agent keeps no thread for the next connect."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable


async def run(call: Callable[[], None], *, abandoned: Callable[[], None], name: str) -> None:
    """Return when `call` has; what it raises is raised here.

    Connecting blocks (DNS, TCP, TLS) and cannot be interrupted. Where the waiter is cancelled first, `abandoned` runs
    after the call ended well, to undo it. The thread is a daemon: a resolver that hangs does not hold up the exit.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if done.cancelled():
            if error is None:
                abandoned()
        elif error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def work() -> None:
        error: BaseException | None = None
        try:
            call()
        except BaseException as raised:  # noqa: BLE001  it is raised again where it is waited for
            error = raised
        try:
            loop.call_soon_threadsafe(settle, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            if error is None:
                abandoned()

    threading.Thread(target=work, name=name, daemon=True).start()
    await done
