"""attach, port-forward and cp as processes of their own against the agent's real local API; below it, fakes."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edgelet.cli import main
from edgelet.ports.object_store import Key
from tests.fakes.pod_streams import FakeConnection, FakeMain
from tests.flow.cli.conftest import Ran
from tests.flow.local_api.board import Board, Session, running, serving

ROOT = Path(__file__).parents[3]
PATIENCE_S = 20


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[Board]:
    async with serving(tmp_path) as made:
        yield made


@asynccontextmanager
async def begun(board: Board, *argv: str, cwd: Path | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edgelet", *argv,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=cwd,
        env={**os.environ, "EDGELET_SOCKET": str(board.path), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def edgelet(board: Board, *argv: str, stdin: bytes = b"", cwd: Path | None = None) -> Ran:
    async with begun(board, *argv, cwd=cwd) as process:
        out, err = await process.communicate(stdin)
    assert process.returncode is not None
    return Ran(process.returncode, out.decode(), err.decode())


Inline = Callable[..., Awaitable[Ran]]


@pytest.fixture
def inline(board: Board, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Inline:
    """Run the command in a thread: for what ends soon, a process of its own is dear."""
    monkeypatch.setenv("EDGELET_SOCKET", str(board.path))

    async def run(*argv: str) -> Ran:
        async with asyncio.timeout(PATIENCE_S):
            code = await asyncio.to_thread(main.run, argv)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run


async def line(stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    return (await stream.readline()).decode()


# ---- attach

PROMPT = "If you don't see a command prompt, try pressing enter.\n"


async def put(board: Board, **container: Any) -> FakeMain:
    spec = {"containers": [{"name": "app", "image": "busybox", **container}]}
    await board.put_pod("web", spec=spec, status=running())
    made = board.runtime.mains["c0ffee"] = FakeMain(stdin=bool(container.get("stdin")))
    return made


async def attached(process: FakeMain) -> None:
    while not process.sessions:
        await asyncio.sleep(0.01)


async def test_attach_shows_what_is_written_until_the_process_ends(board: Board) -> None:
    app = await put(board)
    async with begun(board, "attach", "pod/web") as process:
        assert await line(process.stderr) == PROMPT
        await attached(app)
        app.say(b"hello\n")
        assert await line(process.stdout) == "hello\n"
        app.end()
        assert await process.wait() == 0


async def test_attach_hands_input_over_and_its_end_lets_go(board: Board) -> None:
    app = await put(board, stdin=True)
    async with begun(board, "attach", "-i", "-q", "web") as process:
        assert process.stdin is not None
        process.stdin.write(b"one\n")
        assert await line(process.stdout) == "got one\n"
        process.stdin.close()
        assert await process.wait() == 0
    assert app.stdin_open
    assert app.sessions == []


async def test_attach_tells_that_there_is_no_terminal(board: Board) -> None:
    app = await put(board, stdin=True, stdinOnce=True)
    async with begun(board, "attach", "-it", "web") as process:
        await attached(app)
        app.end()
        _, err = await process.communicate()
    assert err.decode() == f"error: Unable to use a TTY - container app did not allocate one\n{PROMPT}"


@pytest.mark.parametrize(
    ("argv", "err"),
    [
        ((), "error: at least 1 argument is required for attach\n"),
        (("a", "b"), "error: expected POD, TYPE/NAME, or one argument, got 2 arguments\n"),
        (("done",), "error: cannot attach a container in a completed pod; current phase is Failed\n"),
        (("web", "-c", "x"), "error: container x not found in pod web\n"),
        (("nope",), 'Error from server (NotFound): pods "nope" not found\n'),
        (("wait", "-q"), 'Error from server (BadRequest): unable to upgrade connection: container not found ("app")\n'),
    ],
)
async def test_a_wrong_attach_is_told(board: Board, inline: Inline, argv: tuple[str, ...], err: str) -> None:
    await put(board)
    await board.put_pod("done", status={"phase": "Failed"})
    await board.put_pod("wait", status={"phase": "Pending"})
    ran = await inline("attach", *argv)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(err)


async def test_an_agent_that_goes_ends_an_attach_with_an_error(board: Board) -> None:
    app = await put(board)
    async with begun(board, "attach", "-q", "web") as process:
        await attached(app)
        await board.stop()
        _, err = await process.communicate()
    assert process.returncode == 1
    assert err.decode().startswith("error: the agent ")


# ---- port-forward


@asynccontextmanager
async def forwarding(board: Board, *argv: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """A port-forward that listens, and on which port."""
    async with begun(board, "port-forward", "web", *argv, "--address", "127.0.0.1") as process:
        told = await line(process.stdout)
        assert told.startswith("Forwarding from 127.0.0.1:"), told
        yield process, int(told.split(":")[1].split(" ")[0])


async def test_connections_go_to_the_pod_and_are_told(board: Board) -> None:
    await board.put_pod(
        status=running(), spec={"containers": [{"name": "app", "ports": [{"name": "x", "containerPort": 7}]}]}
    )
    board.runtime.ports[7] = FakeConnection
    async with forwarding(board, ":x") as (process, port):
        many = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
        for number, (reader, writer) in enumerate(many):
            assert await line(process.stdout) == f"Handling connection for {port}\n"
            writer.write(f"{number}\n".encode())
            assert await reader.readline() == f"{number}\n".encode()
        data = os.urandom(1_000_000)
        reader, writer = many[0]
        writer.write(data)
        writer.write_eof()
        assert await reader.read() == data, "the other direction outlives the end of one"
        for _, writer in many:
            writer.close()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0


async def test_a_refused_connection_is_told_and_the_rest_goes_on(board: Board) -> None:
    await board.put_pod(status=running())
    async with forwarding(board, "0:9") as (process, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        writer.close()
        told = await line(process.stderr)
        assert told.startswith(f"an error occurred forwarding {port} -> 9: error forwarding port 9 to pod ")
        assert "connection refused" in told
        board.runtime.ports[9] = FakeConnection
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"again\n")
        assert await reader.readline() == b"again\n"
        writer.close()


async def test_a_reader_that_stands_still_stops_the_pod(board: Board) -> None:
    class Flood(FakeConnection):
        given = 0

        async def receive(self) -> bytes:
            await asyncio.sleep(0)
            Flood.given += 1
            return b"x" * 65536

    await board.put_pod(status=running())
    board.runtime.ports[9] = Flood
    async with forwarding(board, ":9") as (_, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        before = -1
        while Flood.given != before or not before:
            before = Flood.given
            await asyncio.sleep(0.3)
        assert before < 400  # 25 MB: what the buffers between take, of a stream without end
        writer.transport.abort()


@pytest.mark.parametrize("how", ["deleted", "completed", "agent"])
async def test_the_end_of_the_pod_is_the_end(board: Board, how: str) -> None:
    made = await board.put_pod(status=running())
    async with forwarding(board, ":9") as (process, _):
        if how == "deleted":
            await board.store.remove(Key("Pod", "default", "web"))
        elif how == "completed":
            await board.store.put_status(made.key, {"phase": "Succeeded"}, uid=made.uid, durable=False)
        else:
            await board.stop()
        _, err = await process.communicate()
    assert (process.returncode, err.decode()) == (1, "error: lost connection to pod\n")


@pytest.mark.parametrize(
    ("argv", "err"),
    [
        (("web",), "error: TYPE/NAME and list of ports are required for port-forward\n"),
        (("web", "http"), "error: Pod 'web' does not have a named port 'http'\n"),
        (("wait", ":80"), "error: unable to forward port because pod is not running. Current status=Pending\n"),
        (("nope", ":80"), 'Error from server (NotFound): pods "nope" not found\n'),
        (("service/x", ":80"), "error: cannot get the containers of service/x: only pods have some\n"),
        (("web", ":80", "--address", "here"), "error: here is not a valid IP\n"),
    ],
)
async def test_a_wrong_forward_is_told(board: Board, inline: Inline, argv: tuple[str, ...], err: str) -> None:
    await board.put_pod(status=running())
    await board.put_pod("wait", status={"phase": "Pending"})
    ran = await inline("port-forward", *argv)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(err)


# ---- cp


def archive(name: str, content: bytes) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as made:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        made.addfile(info, io.BytesIO(content))
    return sink.getvalue()


async def test_a_file_is_packed_by_its_name_for_tar(board: Board, tmp_path: Path) -> None:
    await board.put_pod(status=running())
    (tmp_path / "site.html").write_bytes(b"<html>")
    board.runtime.scripts |= {"test": Session([], 1), "tar": (tar := Session([], None))}
    ran = await edgelet(board, "cp", "site.html", "default/web:/srv/index.html", "--no-preserve", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert [one[1] for one in board.runtime.asked] == [
        ("test", "-d", "/srv/index.html"),
        ("tar", "--no-same-permissions", "--no-same-owner", "-xmf", "-", "-C", "/srv"),
    ]
    with tarfile.open(fileobj=io.BytesIO(bytes(tar.heard))) as made:
        assert made.getnames() == ["index.html"]
        member = made.extractfile("index.html")
        assert member is not None
        assert member.read() == b"<html>"


async def test_what_goes_to_a_directory_goes_into_it(board: Board, tmp_path: Path) -> None:
    await board.put_pod(status=running())
    (tmp_path / "site").mkdir()
    board.runtime.scripts |= {"test": Session([], 0), "tar": (tar := Session([], None))}
    assert (await edgelet(board, "cp", f"{tmp_path}/site/", "web:/srv/")).code == 0
    assert board.runtime.asked[-1][1] == ("tar", "-xmf", "-", "-C", "/srv")
    with tarfile.open(fileobj=io.BytesIO(bytes(tar.heard))) as made:
        assert made.getnames() == ["site"]


@pytest.mark.parametrize(("target", "path"), [("new", "new"), (".", "app.log"), ("there", "there/app.log")])
async def test_a_file_from_a_pod_becomes_the_target_or_goes_into_it(
    board: Board, tmp_path: Path, target: str, path: str
) -> None:
    await board.put_pod(status=running())
    (tmp_path / "there").mkdir()
    board.runtime.scripts |= {"test": Session([], 1), "tar": Session([(1, archive("var/app.log", b"lines"))], 0)}
    ran = await edgelet(board, "cp", "web:/var/app.log", target, cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert (tmp_path / path).read_bytes() == b"lines"
    assert board.runtime.asked[-1][1] == ("tar", "cf", "-", "/var/app.log")


async def test_a_hostile_archive_and_a_tar_that_fails_are_told(board: Board, tmp_path: Path) -> None:
    await board.put_pod(status=running())
    board.runtime.scripts["tar"] = Session([(1, archive("etc/passwd", b"evil"))] * 20, 0)
    ran = await edgelet(board, "cp", "web:/srv", "out", cwd=tmp_path)
    assert (ran.code, ran.err) == (1, 'error: tar contents corrupted: "etc/passwd" is not below "srv"\n')
    board.runtime.scripts["tar"] = Session([(2, b"tar: /srv: No such file or directory\n")], 1)
    ran = await edgelet(board, "cp", "web:/srv", "out", cwd=tmp_path)
    assert (ran.code, ran.err) == (
        1,
        "tar: /srv: No such file or directory\nerror: command terminated with exit code 1\n",
    )
    assert list(tmp_path.glob("out*")) == []
    board.runtime.scripts["tar"] = Session([], 127)
    ran = await edgelet(board, "cp", "web:/srv", "out", cwd=tmp_path)
    assert (ran.code, ran.err) == (1, "error: cannot run tar in the container app of web; cp needs one there\n")


@pytest.mark.parametrize(
    ("argv", "err"),
    [
        (("a",), "error: source and destination are required\n"),
        (("a", "b"), "error: one of src or dest must be a remote file specification\n"),
        (("nothing-here", "web:/a"), "error: nothing-here doesn't exist in local filesystem\n"),
        (("nope:/a", "b"), 'Error from server (NotFound): pods "nope" not found\n'),
        (("done:/a", "b"), "error: cannot exec into a container in a completed pod; current phase is Failed\n"),
    ],
)
async def test_a_wrong_copy_is_told(board: Board, inline: Inline, argv: tuple[str, ...], err: str) -> None:
    await board.put_pod(status=running())
    await board.put_pod("done", status={"phase": "Failed"})
    ran = await inline("cp", *argv)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(err)
