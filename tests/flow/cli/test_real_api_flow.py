"""The command line as a process of its own against the agent's real local API; below that everything is in memory."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flow.cli.conftest import Ran
from tests.flow.local_api.board import Board, Session, running, serving

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def board(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Board]:
    directory = Path(f"/tmp/el-cli-{os.getpid()}-{tmp_path_factory.mktemp('x').name}")
    directory.mkdir()
    async with serving(directory) as made:
        yield made
    for path in sorted(directory.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    directory.rmdir()


async def edgelet(board: Board, *argv: str, stdin: bytes = b"") -> Ran:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edgelet", *argv,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "EDGELET_SOCKET": str(board.path), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    async with asyncio.timeout(20):
        out, err = await process.communicate(stdin)
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


WEB = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "app"}]}}


async def test_an_object_lives_from_apply_to_delete(board: Board) -> None:
    text = json.dumps(WEB).encode()
    assert await edgelet(board, "apply", "-f", "-", stdin=text) == Ran(0, "pod/web created\n", "")
    assert await edgelet(board, "apply", "-f", "-", stdin=text) == Ran(0, "pod/web unchanged\n", "")
    other = json.dumps({**WEB, "spec": {"containers": [{"name": "app", "image": "x"}]}}).encode()
    assert await edgelet(board, "apply", "-f", "-", stdin=other) == Ran(0, "pod/web configured\n", "")
    got = await edgelet(board, "get", "pod", "web", "-o", "json", "-n", "default")
    assert json.loads(got.out)["spec"]["containers"][0]["image"] == "x"
    patched = await edgelet(board, "patch", "pod", "web", "--type", "merge", "-p", '{"spec": {}}')
    assert (patched.code, patched.out) == (0, "pod/web patched\n")
    gone = await edgelet(board, "delete", "pod", "web", "--force", "--grace-period=0")
    assert (gone.code, gone.out) == (0, 'pod "web" force deleted\n')
    missing = await edgelet(board, "get", "pod", "web", "-o", "json")
    assert missing == Ran(1, "", 'Error from server (NotFound): pods "web" not found\n')


async def test_lists_tables_selectors_and_types_that_are_not_served(board: Board) -> None:
    await board.put_pod("web", metadata={"labels": {"app": "web"}}, status=running())
    await board.put_pod("db", "prod")
    assert (await edgelet(board, "get", "pods", "-A", "-oname")).out == "pod/web\npod/db\n"
    assert (await edgelet(board, "get", "pods", "-l", "app in (web)", "-oname")).out == "pod/web\n"
    assert (await edgelet(board, "get", "pods", "--field-selector=metadata.name=db", "-A", "-oname")).out == "pod/db\n"
    assert "web    0/1     Running" in (await edgelet(board, "get", "pods")).out
    assert (await edgelet(board, "get", "nodes", "-oname")).out == "node/pi-01\n"
    assert (await edgelet(board, "get", "deployments")).err == (
        'error: the server doesn\'t have a resource type "deployments"\n'
    )
    absent = await edgelet(board, "get", "deployment", "x", "-o", "json")
    assert (absent.code, "NotFound" in absent.err) == (1, True)
    assert (await edgelet(board, "version")).out.endswith("Server Version: v1.35.0+edgelet-0.1.0\n")
    assert (await edgelet(board, "top", "nodes")).out.split()[5:7] == ["pi-01", "100m"]


async def test_events_stand_below_a_description(board: Board) -> None:
    made = await board.put_pod("web", status=running())
    about = {"kind": "Pod", "name": "web", "namespace": "default", "uid": made.uid}
    board.events.add("one", involvedObject=about, type="Normal", reason="Pulled", message="here")
    board.events.add("two", involvedObject={**about, "name": "db"}, type="Normal", reason="Other", message="there")
    ran = await edgelet(board, "describe", "pod", "web")
    assert (ran.code, ran.err) == (0, "")
    assert "Pulled" in ran.out
    assert "Other" not in ran.out


async def test_namespaces_are_made_and_deleted(board: Board) -> None:
    assert (await edgelet(board, "create", "namespace", "shop")).out == "namespace/shop created\n"
    names = (await edgelet(board, "get", "ns", "-oname")).out.split()
    assert {"namespace/default", "namespace/shop"} <= set(names)
    assert (await edgelet(board, "delete", "namespace", "shop")).out == 'namespace "shop" deleted\n'


async def test_a_watch_shows_changes_as_they_come(board: Board) -> None:
    await board.put_pod("web")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edgelet", "get", "pods", "-w", "-oname",
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "EDGELET_SOCKET": str(board.path), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(10):
        assert await process.stdout.readline() == b"pod/web\n"
        await board.put_pod("db")
        assert await process.stdout.readline() == b"pod/db\n"
    process.terminate()
    await process.wait()


async def test_exec_runs_to_its_exit_code_with_input_and_output(board: Board) -> None:
    await board.put_pod(status=running())
    board.runtime.scripts["sh"] = Session([(1, b"out\n"), (2, b"err\n")], 7)
    ran = await edgelet(board, "exec", "web", "--", "sh", "-c", "a b+c&d=%20 ü")
    assert ran == Ran(7, "out\n", "err\ncommand terminated with exit code 7\n")
    assert board.runtime.asked[-1] == ("c0ffee", ("sh", "-c", "a b+c&d=%20 ü"), False, False)
    board.runtime.scripts["cat"] = Session([], None)
    data = b"x" * 300_000
    ran = await edgelet(board, "exec", "-i", "web", "--", "cat", stdin=data)
    assert ran == Ran(0, "heard " + data.decode(), "")
    ran = await edgelet(board, "exec", "web", "--", "nope")
    assert (ran.code, "not found" in ran.err) == (1, True)


async def test_logs_come_from_the_file_of_the_container(board: Board) -> None:
    made = await board.put_pod(status=running())
    folder = board.logs / f"default_web_{made.uid}" / "app"
    folder.mkdir(parents=True)
    (folder / "0.log").write_text("2026-01-01T00:00:00.000000000Z stdout F one\n2026-01-01T00:00:01Z stdout F two\n")
    assert await edgelet(board, "logs", "web", "--tail=1") == Ran(0, "two\n", "")
    ran = await edgelet(board, "logs", "web", "-p")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("Error from server (BadRequest): ")
