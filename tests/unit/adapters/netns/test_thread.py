from __future__ import annotations

import asyncio
import os
import socket
import threading
from pathlib import Path

import pytest

from edgelet.adapters.host import mounts
from edgelet.adapters.netns import pin, thread
from tests.fixtures.network_namespace import needs_root

pytestmark = needs_root


def namespace(kind: str) -> str:
    return os.readlink(pin.OWN / kind)  # noqa: PTH115  a magic link


def test_what_a_thread_does_to_itself_ends_with_it() -> None:
    before = {kind: namespace(kind) for kind in ("net", "ipc", "uts")}
    name = socket.gethostname()

    def body() -> dict[str, str]:
        thread.unshare(thread.NEW_NET | thread.NEW_IPC | thread.NEW_UTS)
        socket.sethostname("elsewhere")
        return {kind: namespace(kind) for kind in before}

    there = thread.run(body, name="apart")
    assert set(there.values()).isdisjoint(before.values())
    assert {kind: namespace(kind) for kind in before} == before
    assert socket.gethostname() == name


def test_an_error_comes_back_to_the_caller() -> None:
    def body() -> None:
        thread.unshare(0x1)  # no such flag

    with pytest.raises(OSError, match="unshare"):
        thread.run(body, name="fails")


async def test_no_thread_of_the_pool_is_left_in_another_namespace() -> None:
    own = namespace("net")

    def body() -> str:
        thread.unshare(thread.NEW_NET)
        return threading.current_thread().name

    assert await thread.run_apart(body, name="apart") == "apart"
    for _ in range(8):
        assert await asyncio.to_thread(namespace, "net") == own


def test_a_pinned_namespace_outlives_its_thread_and_can_be_entered(tmp_path: Path) -> None:
    path = tmp_path / "net"

    def make() -> str:
        thread.unshare(thread.NEW_NET)
        pin.pin("net", path)
        return namespace("net")

    def enter() -> str:
        thread.enter(path, thread.NEW_NET)
        return namespace("net")

    try:
        made = thread.run(make, name="make")
        assert pin.is_pinned(path)
        assert thread.run(enter, name="enter") == made
    finally:
        for _ in range(2):
            pin.unpin(path)
    assert not path.exists()


def test_a_file_alone_is_no_pin(tmp_path: Path) -> None:
    path = tmp_path / "net"
    assert not pin.is_pinned(path)
    path.touch()
    assert not pin.is_pinned(path)
    with pytest.raises(OSError, match=str(path)):
        thread.run(lambda: thread.enter(path, thread.NEW_NET), name="enter")


def test_a_namespace_pinned_twice_is_let_go_wholly(tmp_path: Path) -> None:
    path = tmp_path / "net"

    def make() -> None:
        thread.unshare(thread.NEW_NET)
        pin.pin("net", path)
        mounts.bind(str(pin.OWN / "net"), str(path))

    try:
        thread.run(make, name="make")
    finally:
        pin.unpin(path)
    assert not path.exists()
    assert str(path) not in Path("/proc/self/mountinfo").read_text()
