"""The service on demand, with a program in Podman's place that obeys the same rules (LISTEN_FDS, exit when idle)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edgelet.adapters.podman.engine import Engine, Program
from edgelet.adapters.podman.libpod import Libpod
from edgelet.api.errors import EngineError

# Answers /pid, /slow (0.3 s), /hang, /die (in the midst), /cut (half an answer); exits after --time without connection.
_SERVICE = """
import os, select, socket, sys, threading, time
assert os.environ["LISTEN_PID"] == str(os.getpid()) and os.environ["LISTEN_FDS"] == "1"
idle_s = float(sys.argv[-1].removeprefix("--time=")) * SCALE
listener = socket.socket(fileno=3)
busy, since, lock = 0, time.monotonic(), threading.Lock()

def serve(peer):
    global busy, since
    path = peer.recv(65536).split()[1].decode().rpartition("/")[2]
    body = str(os.getpid()).encode()
    if path == "die":
        os.kill(os.getpid(), 9)
    if path in ("slow", "hang"):
        time.sleep(0.3 if path == "slow" else 60)
    length = len(body) + (5 if path == "cut" else 0)
    status = "500 Oops" if path == "oops" else "200 OK"
    if path == "big":
        body = b"x" * 5000
        length = len(body)
    if path == "oops":
        body = b'{"cause":"no such thing","message":"outer: no such thing","response":500}'
        length = len(body)
    head = f"HTTP/1.1 {status}\\r\\nContent-Length: {length}\\r\\nConnection: close\\r\\n\\r\\n"
    peer.sendall(head.encode() + body)
    peer.close()
    with lock:
        busy, since = busy - 1, time.monotonic()

def watch():
    while busy or time.monotonic() - since < idle_s:
        time.sleep(0.005)
    os._exit(0)

threading.Thread(target=watch, daemon=True).start()
while True:
    select.select([listener], [], [])  # it is shared with the agent, who has it non-blocking
    peer, _ = listener.accept()
    peer.setblocking(True)
    with lock:
        busy += 1
    threading.Thread(target=serve, args=(peer,), daemon=True).start()
"""


def program(tmp_path: Path, *, scale: float = 1.0) -> Program:
    script = tmp_path / "service.py"
    script.write_text(_SERVICE.replace("SCALE", str(scale)))
    return Program(argv=(sys.executable, "-S", "-E", str(script)), environment={"PATH": os.environ["PATH"]})


@contextlib.asynccontextmanager
async def opened(tmp_path: Path, program: Program | None, **options: int) -> AsyncIterator[Engine]:
    engine = Engine(socket_path=tmp_path / "e.sock", program=program, **options)
    await engine.open()
    try:
        yield engine
    finally:
        await engine.close()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with opened(tmp_path, program(tmp_path), idle_s=1) as engine:
        yield engine


def open_files(pid: int) -> dict[int, str]:
    files = {}
    for number in list(Path(f"/proc/{pid}/fd").iterdir()):
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            files[int(number.name)] = str(number.readlink())
    return files


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


async def test_nothing_runs_until_somebody_calls_and_nothing_rests_after(engine: Engine) -> None:
    before = children()
    await asyncio.sleep(0.05)
    assert engine.pid is None
    reply = await Libpod(engine).call("GET", "/pid")
    assert int(reply.body) == engine.pid
    async with asyncio.timeout(3):
        await engine._gone.wait()
    assert engine.pid is None
    assert children() == before


async def test_one_process_serves_many_calls(engine: Engine) -> None:
    libpod = Libpod(engine)
    replies = await asyncio.gather(*(libpod.call("GET", "/pid") for _ in range(40)))
    assert len({reply.body for reply in replies}) == 1


async def test_calls_at_once_are_bounded_and_pulls_are_apart(tmp_path: Path) -> None:
    async with opened(tmp_path, program(tmp_path), idle_s=1, calls_at_once=2) as engine:
        libpod = Libpod(engine)
        await libpod.call("GET", "/pid")
        start_s = asyncio.get_running_loop().time()
        await asyncio.gather(*(libpod.call("GET", "/slow") for _ in range(4)))
        assert asyncio.get_running_loop().time() - start_s >= 0.6
        async with engine.connect(), engine.connect(), engine.connect(counted=False) as third:
            assert not third.writer.is_closing()


async def test_calls_around_the_idle_exit_are_all_answered(tmp_path: Path) -> None:
    async with opened(tmp_path, program(tmp_path, scale=0.05), idle_s=1) as engine:
        libpod = Libpod(engine)
        pids = set()
        for step in range(40):  # the service leaves 50 ms after the last call; calls come 40 to 60 ms apart
            pids.add((await libpod.call("GET", "/pid")).body)
            await asyncio.sleep(0.040 + (step % 20) / 1000)
    assert len(pids) > 3


async def test_a_service_killed_in_the_midst_is_told_and_replaced(engine: Engine) -> None:
    libpod = Libpod(engine)
    with pytest.raises(EngineError) as caught:
        await libpod.call("POST", "/die")
    assert caught.value.reason == "EngineUnavailable"
    assert caught.value.retry_after is not None
    assert int((await libpod.call("POST", "/pid")).body) == engine.pid


async def test_what_a_killed_service_left_in_its_scratch_goes(tmp_path: Path) -> None:
    place = tmp_path / "copy"
    place.mkdir()
    made = program(tmp_path)
    async with opened(tmp_path, replace(made, environment={**made.environment, "TMPDIR": str(place)})) as engine:
        await Libpod(engine).call("GET", "/pid")
        (place / "123").touch()
        with pytest.raises(EngineError):
            await Libpod(engine).call("POST", "/die")
        async with asyncio.timeout(10):
            while (place / "123").exists():
                await asyncio.sleep(0.01)


async def test_a_connection_that_waits_while_the_service_dies_gets_the_next_one(engine: Engine) -> None:
    libpod = Libpod(engine)
    first = int((await libpod.call("GET", "/pid")).body)
    os.kill(first, signal.SIGSTOP)
    waiting = asyncio.create_task(libpod.call("POST", "/pid"))
    await asyncio.sleep(0.05)
    os.kill(first, signal.SIGKILL)
    assert int((await waiting).body) != first


async def test_a_reading_call_is_made_again_where_an_answer_was_cut(engine: Engine) -> None:
    libpod = Libpod(engine)
    await libpod.call("GET", "/pid")
    for method in ("GET", "POST"):
        with pytest.raises(EngineError) as caught:
            await libpod.call(method, "/cut")
        assert caught.value.reason == "EngineUnavailable"
    with pytest.raises(EngineError):
        await libpod.call("GET", "/die")
    assert (await libpod.call("GET", "/pid")).status == 200


async def test_a_service_that_cannot_start_is_told_with_its_last_words_and_left_alone(tmp_path: Path) -> None:
    count = tmp_path / "count"
    argv = ("/bin/sh", "-c", f"echo x >> {count}; echo cannot open the database >&2; exit 125", "sh")
    async with opened(tmp_path, Program(argv=argv, environment={"PATH": os.environ["PATH"]})) as engine:
        libpod = Libpod(engine)
        for _ in range(20):
            with pytest.raises(EngineError, match="cannot open the database") as caught:
                await libpod.call("POST", "/pid", timeout_s=2)
            assert caught.value.reason == "EngineUnavailable"
    assert 1 <= len(count.read_text().split()) <= 3


async def test_a_program_that_ends_well_without_serving_is_no_service_either(tmp_path: Path) -> None:
    async with opened(tmp_path, Program(argv=("true",), environment={"PATH": os.environ["PATH"]})) as engine:
        with pytest.raises(EngineError) as caught:
            await Libpod(engine).call("POST", "/pid", timeout_s=2)
        assert caught.value.reason == "EngineUnavailable"
        assert "no answer within" not in caught.value.message


async def test_a_missing_program_is_told(tmp_path: Path) -> None:
    argv = (str(tmp_path / "no-podman"),)
    async with opened(tmp_path, Program(argv=argv, environment={"PATH": os.environ["PATH"]})) as engine:
        with pytest.raises(EngineError, match="no-podman"):
            await Libpod(engine).call("GET", "/pid", timeout_s=2)


async def test_a_deaf_service_is_killed_after_two_timeouts(engine: Engine) -> None:
    libpod = Libpod(engine)
    first = int((await libpod.call("GET", "/pid")).body)
    for _ in range(2):
        with pytest.raises(EngineError, match="no answer within"):
            await libpod.call("POST", "/hang", timeout_s=0.1)
    assert int((await libpod.call("GET", "/pid")).body) != first


async def test_an_answer_larger_than_the_bound_is_refused(engine: Engine) -> None:
    libpod = Libpod(engine, response_limit_bytes=4096)
    with pytest.raises(EngineError, match="larger than 4096 bytes"):
        await libpod.call("GET", "/big")


async def test_the_service_has_only_the_listener_and_its_own_session(engine: Engine) -> None:
    ours = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(ours, True)
    try:
        pid = int((await Libpod(engine).call("GET", "/pid")).body)
    finally:
        os.close(ours)
    files = open_files(pid)
    assert {0, 1, 2, 3} <= set(files)
    # Beyond the listener only the connection of this question, if it is not closed yet: nothing of ours.
    assert all(files[number].startswith("socket:") for number in set(files) - {0, 1, 2, 3})
    assert "/dev/null" not in [files[number] for number in set(files) - {0, 1, 2}]
    assert files[0] == "/dev/null"
    assert files[3].startswith("socket:")
    assert os.getsid(pid) == pid
    assert os.getpgid(pid) == pid


async def test_a_thousand_calls_leak_neither_files_nor_processes(engine: Engine) -> None:
    libpod = Libpod(engine)
    await libpod.call("GET", "/pid")
    await asyncio.sleep(0.01)  # transports close a turn later
    files, processes = len(open_files(os.getpid())), children()
    for _ in range(10):
        await asyncio.gather(*(libpod.call("GET", "/pid") for _ in range(100)))
    await asyncio.sleep(0.01)
    assert len(open_files(os.getpid())) == files
    assert children() == processes


async def test_only_root_can_open_the_socket(engine: Engine) -> None:
    assert engine.socket_path.stat().st_mode & 0o777 == 0o600


async def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    engine = Engine(socket_path=tmp_path / ("x" * 110), program=program(tmp_path))
    with pytest.raises(EngineError, match="shorter run directory"):
        await engine.open()


async def test_a_service_of_others_is_joined_and_never_started(tmp_path: Path) -> None:
    async with opened(tmp_path, None) as engine:
        with pytest.raises(EngineError, match="cannot connect to"):
            await Libpod(engine).call("GET", "/pid")


async def test_closing_ends_the_service_and_a_new_engine_takes_the_same_path(tmp_path: Path) -> None:
    for _ in range(2):
        async with opened(tmp_path, program(tmp_path), idle_s=60) as engine:
            await Libpod(engine).call("GET", "/pid")
        assert engine.pid is None
        assert not engine.socket_path.exists()


async def test_its_log_is_bounded(engine: Engine) -> None:
    libpod = Libpod(engine)
    await libpod.call("GET", "/pid")
    engine.log_path.write_bytes(b"x" * 300_000)
    await libpod.call("GET", "/pid")
    assert engine.log_path.stat().st_size == 0


async def test_a_time_without_file_descriptors_is_over_when_it_is_over(tmp_path: Path) -> None:
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    async with opened(tmp_path, program(tmp_path), idle_s=1) as engine:
        client = socket.socket(socket.AF_UNIX)
        turns = 0
        with no_free_descriptors():
            client.connect(os.fspath(tmp_path / "e.sock"))
            end = asyncio.get_running_loop().time() + 0.3
            while asyncio.get_running_loop().time() < end:
                await asyncio.sleep(0.01)
                turns += 1
            assert engine.pid is None
        client.close()
        assert turns > 10
        assert faults == []
        async with asyncio.timeout(5):
            while True:
                with contextlib.suppress(EngineError):
                    reply = await Libpod(engine).call("GET", "/pid")
                    break
                await asyncio.sleep(0.1)
        assert int(reply.body) == engine.pid


async def test_a_service_whose_end_nobody_would_see_does_not_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = children()
    async with opened(tmp_path, program(tmp_path), idle_s=1) as engine:
        with monkeypatch.context() as patched:

            def refuse(_pid: int) -> int:
                raise OSError(errno.EMFILE, "Too many open files")

            patched.setattr(os, "pidfd_open", refuse)
            with pytest.raises(EngineError, match="Too many open files"):
                await Libpod(engine).call("GET", "/pid")
        assert children() == before
        async with asyncio.timeout(5):
            while engine.pid is None:
                with contextlib.suppress(EngineError):
                    await Libpod(engine).call("GET", "/pid")
                await asyncio.sleep(0.05)


@contextlib.contextmanager
def no_free_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        for number in taken:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
