"""Who may ask is what the kernel says of the other end, whatever the socket's file allows. Needs root."""

from __future__ import annotations

import asyncio
import grp
import json
import os
import pwd
import stat
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edgelet.adapters.local_api.server import LocalApiServer
from edgelet.ports.local_api import Request, Response

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="becomes other users")

NOBODY = pwd.getpwnam("nobody")
GROUP = grp.getgrnam("daemon")


async def answer(request: Request) -> Response:
    return Response(200, str(request.peer.uid).encode())


@asynccontextmanager
async def served(
    directory: Path, *, group: str = "", users: tuple[str, ...] = (), open_to_all: bool = True
) -> AsyncIterator[Path]:
    directory.chmod(0o755)
    path = directory / "api.sock"
    server = LocalApiServer(answer, path=path, group=group, users=users)
    server.open()
    if open_to_all:
        path.chmod(0o666)
    task = asyncio.create_task(server.serve())
    try:
        yield path
    finally:
        task.cancel()
        await asyncio.wait([task])


async def ask(path: Path, *, uid: int, gid: int = NOBODY.pw_gid, groups: tuple[int, ...] = ()) -> tuple[int, str]:
    """Ask as another user; the HTTP code, 0 where the kernel refuses, and the body."""

    def curl() -> subprocess.CompletedProcess[str]:
        argv = (
            "curl",
            "--silent",
            "--max-time",
            "10",
            "--write-out",
            "\n%{http_code}",
            "--unix-socket",
            str(path),
            "http://x/",
        )
        return subprocess.run(
            argv, user=uid, group=gid, extra_groups=list(groups), capture_output=True, text=True, check=False, cwd="/"
        )

    body, _, code = (await asyncio.to_thread(curl)).stdout.rpartition("\n")
    return int(code), body


async def test_a_stranger_is_refused_even_where_the_file_lets_him_in(directory: Path) -> None:
    async with served(directory, group=GROUP.gr_name) as path:
        code, body = await ask(path, uid=NOBODY.pw_uid)
    status = json.loads(body)
    assert (code, status["code"], status["reason"]) == (403, 403, "Forbidden")
    assert f"uid {NOBODY.pw_uid}" in status["message"]


async def test_root_and_members_of_the_group_may_ask(directory: Path) -> None:
    async with served(directory, group=GROUP.gr_name, open_to_all=False) as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert await ask(path, uid=0, gid=0) == (200, "0")
        assert (await ask(path, uid=NOBODY.pw_uid, gid=GROUP.gr_gid))[0] == 200
        assert (await ask(path, uid=NOBODY.pw_uid, groups=(GROUP.gr_gid,)))[0] == 200
        assert (await ask(path, uid=NOBODY.pw_uid))[0] == 0


@pytest.mark.parametrize("named", [NOBODY.pw_name, str(NOBODY.pw_uid)])
async def test_users_that_are_named_may_ask_and_no_others(directory: Path, named: str) -> None:
    async with served(directory, users=("no-such-user", named), open_to_all=False) as path:
        assert await ask(path, uid=NOBODY.pw_uid) == (200, str(NOBODY.pw_uid))
        assert (await ask(path, uid=12345))[0] == 403


async def test_a_group_that_is_not_there_lets_nobody_in(directory: Path) -> None:
    async with served(directory, group="no-such-group") as path:
        assert (await ask(path, uid=NOBODY.pw_uid, gid=GROUP.gr_gid))[0] == 403
        assert (await ask(path, uid=0, gid=0))[0] == 200
