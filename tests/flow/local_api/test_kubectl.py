"""The real kubectl against the real server, over a loopback relay: kubectl itself knows no unix sockets."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgelet.ports.object_store import Key
from tests.fakes.pod_streams import FakeMain
from tests.flow.local_api.board import Board, Session, pod, running

pytestmark = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl is not installed; it is a witness only"
)

Kubectl = Callable[..., Coroutine[Any, Any, "Ran"]]


@dataclass(frozen=True)
class Ran:
    code: int
    out: bytes
    err: str


@pytest.fixture
async def kubectl(board: Board, directory: Path) -> AsyncIterator[Kubectl]:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(board.path)
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def run(*arguments: str, stdin: bytes | None = None) -> Ran:
        process = await asyncio.create_subprocess_exec(
            "kubectl",
            f"--server=http://127.0.0.1:{port}",
            f"--cache-dir={directory}/cache",
            *arguments,
            stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "HOME": str(directory), "KUBECONFIG": "/dev/null"},
        )
        async with asyncio.timeout(20):
            out, err = await process.communicate(stdin)
        return Ran(process.returncode or 0, out, err.decode())

    yield run
    server.close()


async def test_kubectl_lists_and_deletes(board: Board, kubectl: Kubectl) -> None:
    await board.put_pod("web", status=running())
    listed = await kubectl("get", "pods", "-A", "-o", "name")
    deleted = await kubectl("delete", "po", "web", "--wait=false", "--grace-period=3")
    missing = await kubectl("get", "pod", "nope")
    assert (listed.code, listed.out) == (0, b"pod/web\n")
    assert deleted.out == b'pod "web" deleted\n'
    assert board.store.list("Pod")[0].document["metadata"]["deletionGracePeriodSeconds"] == 3
    assert (missing.code, missing.err) == (1, 'Error from server (NotFound): pods "nope" not found\n')


async def test_kubectl_creates_applies_patches_describes_and_shows_samples(kubectl: Kubectl) -> None:
    manifest = json.dumps(pod("web")).encode()
    created = await kubectl("create", "--validate=false", "-f", "-", stdin=manifest)
    applied = await kubectl("apply", "--server-side", "--validate=false", "-f", "-", stdin=manifest)
    again = await kubectl("apply", "--validate=false", "-f", "-", stdin=manifest)
    patched = await kubectl(
        "patch", "pod", "web", "--type=json", "-p", '[{"op":"add","path":"/metadata/labels","value":{"a":"b"}}]'
    )
    described = await kubectl("describe", "pod", "web")
    prod = json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "prod"}}).encode()
    namespace = await kubectl("create", "--validate=false", "-f", "-", stdin=prod)
    top = await kubectl("top", "node")
    assert created.out == b"pod/web created\n", created.err
    assert applied.out == b"pod/web serverside-applied\n", applied.err
    assert again.out == b"pod/web configured\n", again.err
    assert patched.out == b"pod/web patched\n", patched.err
    assert b" a=b\n" in described.out, described.err
    assert namespace.out == b"namespace/prod created\n", namespace.err
    assert b"pi-01" in top.out, top.err


async def test_kubectl_waits_for_a_deletion_by_watching(board: Board, kubectl: Kubectl) -> None:
    await board.put_pod("web")
    with board.store.watch("Pod") as changes:
        deletion = asyncio.create_task(kubectl("delete", "pod", "web"))
        async with asyncio.timeout(10):
            assert (await anext(changes)).object.deleting
    await board.store.remove(Key("Pod", "default", "web"))
    assert (await deletion).code == 0


async def test_kubectl_execs_and_passes_the_exit_code_on(board: Board, kubectl: Kubectl) -> None:
    await board.put_pod("web", status=running())
    board.runtime.scripts["sh"] = Session([(1, b"out\n"), (2, b"err\n")], code=3)
    ran = await kubectl("exec", "web", "--", "sh", "-c", "exit 3")
    assert (ran.code, ran.out) == (3, b"out\n")
    assert ran.err == "err\ncommand terminated with exit code 3\n"
    assert board.runtime.asked == [("c0ffee", ("sh", "-c", "exit 3"), False, False)]


async def test_kubectl_feeds_a_process_and_tells_it_the_end(board: Board, kubectl: Kubectl) -> None:
    await board.put_pod("web", status=running())
    session = board.runtime.scripts["cat"] = Session([], code=None)
    payload = os.urandom(300_000)
    ran = await kubectl("exec", "-i", "web", "--", "cat", stdin=payload)
    assert (ran.code, ran.out) == (0, b"heard " + payload)
    assert session.stdin_closed.is_set()


async def test_kubectl_says_why_there_is_no_exec(board: Board, kubectl: Kubectl) -> None:
    await board.put_pod("web", status={"phase": "Pending"})
    refused = await kubectl("exec", "web", "--", "sh")
    await board.put_pod("up", status=running())
    failed = await kubectl("exec", "up", "--", "nope")
    assert refused.code == 1
    assert 'unable to upgrade connection: container not found ("app")' in refused.err
    assert failed.code == 1
    assert "exec: nope: not found" in failed.err


async def test_kubectl_attaches(board: Board, kubectl: Kubectl) -> None:
    spec = {"containers": [{"name": "app", "image": "busybox", "stdin": True, "stdinOnce": True}]}
    await board.put_pod("web", spec=spec, status=running())
    main = board.runtime.mains["c0ffee"] = FakeMain(stdin=True)
    attaching = asyncio.create_task(kubectl("attach", "-i", "web", stdin=b"one\n"))
    async with asyncio.timeout(10):
        while main.stdin_open:
            await asyncio.sleep(0.02)
    main.end()
    ran = await attaching
    assert (ran.code, ran.out) == (0, b"got one\nend\n"), ran.err


async def test_kubectl_copies(board: Board, kubectl: Kubectl, directory: Path) -> None:
    await board.put_pod("web", status=running())
    (directory / "site.html").write_bytes(b"<html>")
    board.runtime.scripts |= {"test": Session([], code=1), "tar": (tar := Session([], code=None))}
    there = await kubectl("cp", str(directory / "site.html"), "web:/srv/index.html")
    assert there.code == 0, there.err
    board.runtime.scripts["tar"] = Session([(1, bytes(tar.heard))], code=0)
    back = await kubectl("cp", "web:index.html", str(directory / "back"))
    assert back.code == 0, back.err
    assert (directory / "back").read_bytes() == b"<html>"


async def test_kubectl_is_told_that_its_port_forward_is_not_spoken(board: Board, kubectl: Kubectl) -> None:
    await board.put_pod("web", status=running())
    ran = await kubectl("port-forward", "web", ":80")
    assert ran.code == 1
    assert "kubectl forwards ports by SPDY, which is not spoken here: use `edgelet port-forward`" in ran.err


async def test_kubectl_shows_logs(board: Board, kubectl: Kubectl) -> None:
    made = await board.put_pod("web", status=running())
    folder = board.logs / f"default_web_{made.uid}" / "app"
    folder.mkdir(parents=True)
    lines = "2026-01-02T03:04:05.000000001+00:00 stdout P he\n2026-01-02T03:04:05.000000001+00:00 stdout F llo\n"
    (folder / "0.log").write_text(lines)
    assert (await kubectl("logs", "web")).out == b"hello\n"
    assert (await kubectl("logs", "web", "--timestamps")).out == b"2026-01-02T03:04:05.000000001Z hello\n"
    previous = await kubectl("logs", "web", "--previous")
    assert "previous terminated container" in previous.err
