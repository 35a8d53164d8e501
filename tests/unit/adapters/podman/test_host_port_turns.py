from __future__ import annotations

import asyncio
import contextlib

from edgelet.adapters.podman.host_port_turns import HostPortTurns


async def test_each_kind_goes_beside_itself_and_never_beside_the_other() -> None:
    turns, inside = HostPortTurns(), list[str]()
    seen = list[tuple[str, ...]]()

    async def work(name: str) -> None:
        async with turns.start() if name == "start" else turns.removal():
            inside.append(name)
            seen.append(tuple(sorted(inside)))
            await asyncio.sleep(0.01)
            inside.remove(name)

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for name in ("removal", "removal", "start", "start", "removal", "start"):
            tasks.create_task(work(name))
    assert all(len(set(one)) == 1 for one in seen), seen
    assert {"removal", "start"} == {name for one in seen for name in one}
    assert max(map(len, seen)) > 1


async def test_who_goes_away_while_waiting_or_inside_keeps_nobody_out() -> None:
    turns, held = HostPortTurns(), asyncio.Event()

    async def hold() -> None:
        async with turns.removal():
            held.set()
            await asyncio.sleep(60)

    async def wait() -> None:
        async with turns.start():
            raise AssertionError("a removal is under way")

    holder, waiter = asyncio.create_task(hold()), asyncio.create_task(wait())
    await held.wait()
    await asyncio.sleep(0)
    for task in (waiter, holder):
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    async with asyncio.timeout(10):
        async with turns.start():
            pass
        async with turns.removal():
            pass
